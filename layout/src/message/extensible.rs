//! Messages that grow: an extensible struct stands behind a pointer, so that the
//! archive says how long it is.
//!
//! ```text
//!   older    [ … parts │ older struct ][ pointer ]
//!   upgraded [ … parts │ older struct │ zeros ][ pointer ]    None, None, …
//!   newer    [ … parts │ our struct … │ more ][ pointer ]     we look at ours only
//! ```
//!
//! The length is a claim of whoever wrote the archive. It decides only whether room
//! is made; what comes out is validated like any other archive.

use rkyv::boxed::{ArchivedBox, BoxResolver};
use rkyv::rancor::Fallible;
use rkyv::{Archive, Archived, Place, Serialize, SerializeUnsized};

use crate::error::Error;
use crate::message::{ArchiveMemory, ArchiveSerializer, Validated, Writer};
use crate::schema::Root;
use crate::schema::version::{Extent, extents_of};

/// Bytes of the pointer at the end.
const POINTER: usize = 4;

/// A value as if it stood in a `Box`.
struct Boxed<'v, T>(&'v T);

impl<T: Archive> Archive for Boxed<'_, T> {
    type Archived = ArchivedBox<Archived<T>>;
    type Resolver = BoxResolver;

    fn resolve(&self, resolver: BoxResolver, out: Place<Self::Archived>) {
        ArchivedBox::resolve_from_ref(self.0, resolver, out);
    }
}

impl<T: Archive + SerializeUnsized<S>, S: Fallible + ?Sized> Serialize<S> for Boxed<'_, T> {
    fn serialize(&self, serializer: &mut S) -> Result<BoxResolver, S::Error> {
        ArchivedBox::serialize_from_ref(self.0, serializer)
    }
}

/// Does [`Message::encode`](crate::message::Message::encode) for an extensible struct.
///
/// # Errors
/// As there.
pub fn encode<T>(value: &T, writer: &mut Writer<'_>) -> Result<(), Error>
where
    T: for<'w, 'm, 'a> Serialize<ArchiveSerializer<'w, 'm, 'a>>,
{
    super::encode(&Boxed(value), writer)
}

/// Does [`Message::access`](crate::message::Message::access) for an extensible struct.
///
/// # Errors
/// As there.
pub fn access<T>(bytes: &[u8]) -> Result<&Archived<T>, Error>
where
    T: Root<Archived: Validated>,
{
    match super::checked_or_refusal::<ArchivedBox<Archived<T>>>(bytes, T::ROOT) {
        Ok(root) => Ok(root),
        Err(error) => Err(wrong_length::<T>(bytes).unwrap_or(error)),
    }
}

/// How long the struct is that the last pointer points to.
fn written(bytes: &[u8]) -> Option<usize> {
    let (_, pointer) = bytes.split_last_chunk::<POINTER>()?;
    usize::try_from(-i64::from(i32::from_le_bytes(*pointer))).ok()
}

/// Says so if the struct is shorter than any version of it.
#[cold]
fn wrong_length<T: Root>(bytes: &[u8]) -> Option<Error> {
    let written = written(bytes)?;
    if written >= T::ROOT.size {
        return None;
    }
    let older = extents_of(T::ROOT).into_iter().map(|extent| extent.size);
    let mut allowed: Vec<String> = older.map(|size| size.to_string()).collect();
    let newest = allowed.pop().unwrap_or_default();
    allowed.push(format!("{newest} and more"));
    Some(Error::serialization(format!(
        "a message of {written} bytes (allowed: {})",
        allowed.join(", ")
    )))
}

/// Does [`Message::upgraded`](crate::message::Message::upgraded) for an extensible
/// struct.
pub fn upgraded<T: Root>(bytes: &[u8]) -> Option<ArchiveMemory> {
    if written(bytes)? == T::ROOT.size {
        return None;
    }
    upgrade(bytes, &extents_of(T::ROOT))
}

/// The archive with the room of the last extent, if it has that of one before.
#[cold]
fn upgrade(bytes: &[u8], extents: &[Extent]) -> Option<ArchiveMemory> {
    let (newest, older) = extents.split_last()?;
    let written = written(bytes)?;
    let mut older = older.iter();
    let extent = older.find(|extent| extent.size as usize == written)?;
    let start = bytes.len().checked_sub(POINTER + written)?;
    let end = start + newest.size as usize;
    let mut memory = ArchiveMemory::with_capacity(end + POINTER);
    // What fills the older struct up to its alignment may belong to a new field.
    memory.extend_from_slice(&bytes[..start + extent.end as usize]);
    memory.resize(end, 0);
    memory.extend_from_slice(&(-(newest.size as i32)).to_le_bytes());
    Some(memory)
}

/// Whether messages of this type stand behind a pointer.
pub(super) fn is_extensible<T: Root>() -> bool {
    use crate::schema::node::Shape;
    matches!(&T::ROOT.shape, Shape::Struct(shape) if !shape.since.is_empty())
}
