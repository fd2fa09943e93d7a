//! A type that is put to the test.

use outrigger_layout::message::{ArchiveChecker, ArchiveDeserializer, access};
use rkyv::api::high::HighSerializer;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{BoxedError, Error, Failure};
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Archived, Deserialize, Portable, Serialize};

use crate::random::Random;
use crate::sample::Sample;

/// A type's name, and what rkyv does with it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// By this name Go knows it, too.
    pub name: &'static str,
    /// Bytes of its archived type.
    pub size: usize,
    /// The archive of a random value, as rkyv writes it.
    pub sample: fn(&mut Random) -> Vec<u8>,
    /// What rkyv says to bytes that begin at a multiple of 16.
    pub judge: fn(&[u8]) -> Judged,
}

/// What rkyv says to an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is not valid.
    Refused,
    /// It is, and the value that is in it has this archive.
    Accepted(Vec<u8>),
}

impl Kind {
    /// The kind of a type with values at random.
    ///
    /// ```
    /// use outrigger_differential::{Judged, Kind, Random};
    /// let kind = Kind::of::<String>("String");
    /// let archive = (kind.sample)(&mut Random::new(1));
    /// assert_eq!((kind.judge)(&archive), Judged::Accepted(archive)); // it is inline
    /// ```
    pub const fn of<T>(name: &'static str) -> Self
    where
        T: Sample + Judgeable,
        Archived<T>: JudgeableArchive<T>,
    {
        Self {
            name,
            size: size_of::<Archived<T>>(),
            sample: |random| archive_of(&T::sample(random)),
            judge: judge::<T>,
        }
    }
}

/// A type that rkyv archives.
pub trait Judgeable:
    Archive + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>
{
}

impl<T> Judgeable for T where
    T: Archive + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>
{
}

/// An archived type that rkyv validates and makes values of.
pub trait JudgeableArchive<T>:
    Portable
    + Deserialize<T, ArchiveDeserializer>
    + for<'b> CheckBytes<ArchiveChecker<'b, Failure>>
    + for<'b> CheckBytes<ArchiveChecker<'b, BoxedError>>
{
}

impl<T, A> JudgeableArchive<T> for A where
    A: Portable
        + Deserialize<T, ArchiveDeserializer>
        + for<'b> CheckBytes<ArchiveChecker<'b, Failure>>
        + for<'b> CheckBytes<ArchiveChecker<'b, BoxedError>>
{
}

/// A value's archive, as rkyv's own `to_bytes` writes it.
pub fn archive_of<T: Judgeable>(value: &T) -> Vec<u8> {
    let archive = rkyv::to_bytes::<Error>(value).expect("a value that archives");
    archive.to_vec()
}

/// What rkyv says to bytes that begin at a multiple of 16.
pub fn judge<T>(bytes: &[u8]) -> Judged
where
    T: Judgeable,
    Archived<T>: JudgeableArchive<T>,
{
    let Ok(archived) = access::<Archived<T>>(bytes) else {
        return Judged::Refused;
    };
    let value = rkyv::deserialize::<T, Failure>(archived);
    Judged::Accepted(archive_of(&value.expect("a valid archive has a value")))
}
