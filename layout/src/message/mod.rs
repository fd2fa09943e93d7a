//! Messages: Rust types that cross as rkyv archives.
//!
//! ```text
//!   value ── encode ──▶ archive in a Writer ══ slot or buffer ══▶ private copy
//!   value ◀── load ─── &Archived ◀── access (validates) ◀──────────────┘
//! ```
//!
//! An archive is validated before anybody looks into it: every pointer inside the
//! bytes, every length, every tag, at most [`DEPTH_MAX`] levels deep. Validation is
//! no type check, and so the fingerprints of both sides were compared before.

mod archive;
pub mod extensible;
mod failure;
mod variants;
mod writer;

use core::num::NonZeroUsize;

use rkyv::api::high::HighDeserializer;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{BoxedError, Failure as Failed, Source, Strategy};
use rkyv::ser::Serializer;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::with_arena;
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::{Deserialize, Portable, Serialize};

pub use rkyv::Archived;

pub use archive::{Archive, ArchiveMemory, Kept};
pub use failure::{CallError, Failure};
pub use writer::Writer;

use crate::error::Error;
use crate::limits::ARCHIVE_DEPTH_MAX;
use crate::schema::{Node, Root, Schema};

/// Most levels of pointers in an archive, as rkyv counts them.
///
/// One limit serves all types. Archives of a type that does not recurse never nest
/// deeper than the type does ([`Document::depth`](crate::schema::Document::depth)), and
/// a schema that nests deeper than this is refused; so a validator with the exact limit
/// of the type, as Go's, gives the same verdict.
pub const DEPTH_MAX: NonZeroUsize = NonZeroUsize::new(ARCHIVE_DEPTH_MAX as usize).unwrap();

/// Alignment that the memory of an archive has, in bytes.
pub const ARCHIVE_ALIGN: usize = 16;

/// What writes archives, as the bounds of the attributes' code name it.
///
/// ```
/// use outrigger_layout::message::ArchiveSerializer;
/// fn is_written<T: for<'w, 'm, 'a> rkyv::Serialize<ArchiveSerializer<'w, 'm, 'a>>>() {}
/// is_written::<Vec<String>>();
/// ```
pub type ArchiveSerializer<'w, 'm, 'a> =
    Strategy<Serializer<&'w mut Writer<'m>, ArenaHandle<'a>, ()>, Failed>;

/// What validates archives, as the bounds of the attributes' code name it; `E` says
/// why one is refused, or only that it is.
///
/// ```
/// use outrigger_layout::message::{ArchiveChecker, Archived};
/// use rkyv::{bytecheck::CheckBytes, rancor::Failure};
/// fn is_checked<T: for<'b> CheckBytes<ArchiveChecker<'b, Failure>>>() {}
/// is_checked::<Archived<Vec<String>>>();
/// ```
pub type ArchiveChecker<'b, E> = Strategy<Validator<ArchiveValidator<'b>, ()>, E>;

/// What makes values of archives, as the bounds of the attributes' code name it.
///
/// ```
/// use outrigger_layout::message::{ArchiveDeserializer, Archived};
/// fn is_made_of<T, A: rkyv::Deserialize<T, ArchiveDeserializer>>() {}
/// is_made_of::<Vec<String>, Archived<Vec<String>>>();
/// ```
pub type ArchiveDeserializer = HighDeserializer<Failed>;

/// A type that crosses as an archive: a request, a reply, or an error of a
/// service's method.
///
/// `#[outrigger::message]` implements it, by means of the functions of this module.
///
/// ```standalone_crate
/// # // What the attributes name of crate `outrigger`, which stands above this one.
/// # extern crate self as outrigger;
/// # pub use outrigger_derive::message;
/// # pub use outrigger_layout::{Error, message::{Archived, Message}};
/// # pub mod __private {
/// #     pub use outrigger_layout::{message, schema, schema::node};
/// #     pub use rkyv;
/// # }
/// use outrigger_layout::message::{ArchiveMemory, Writer};
///
/// # fn main() -> Result<(), Error> {
/// #[outrigger::message]
/// pub struct Person {
///     pub name: String,
///     pub age: u8,
/// }
///
/// let person = Person { name: "Ada".to_owned(), age: 36 };
/// let mut bytes = Vec::new();
/// person.encode(&mut Writer::new(&mut bytes, 1024))?;
///
/// let mut received = ArchiveMemory::new(); // aligned, as archives must be
/// received.extend_from_slice(&bytes);
/// let archived = Person::access(&received)?;
/// assert_eq!((&*archived.name, archived.age), ("Ada", 36));
/// assert_eq!(Person::load(archived)?.name, "Ada");
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    note = "a request or reply is a struct or enum of yours marked with #[outrigger::message]; \
            another type is wrapped in such a struct"
)]
pub trait Message: Root + Checked + Send + Sync + Sized + 'static {
    /// Appends the archive of `self`.
    ///
    /// # Errors
    /// BUFFER_TOO_SMALL, or why the writer could not be given more room.
    fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Error>;

    /// Validates an archive and views it in place. The bytes must begin at a
    /// multiple of [`ARCHIVE_ALIGN`], or else may be refused.
    ///
    /// # Errors
    /// SERIALIZATION with what is wrong, and where.
    fn access(bytes: &[u8]) -> Result<&Archived<Self>, Error>;

    /// An archive of an older version of this message with room for what came later,
    /// which is `None`; `None` if the archive is no such one. It is to be asked before
    /// [`access`](Self::access), and allocates for an older archive only.
    fn upgraded(bytes: &[u8]) -> Option<ArchiveMemory> {
        let _ = bytes;
        None
    }

    /// Makes a value of a validated archive.
    ///
    /// # Errors
    /// SERIALIZATION if a value cannot be made.
    fn load(archived: &Archived<Self>) -> Result<Self, Error>;
}

/// A type whose archives rkyv can validate; every one that may be archived under the
/// attribute's bounds is.
pub trait Checked: Root<Archived: Validated> {}

impl<T: Root<Archived: Validated>> Checked for T {}

/// An archived type that rkyv can validate.
pub trait Validated:
    Portable
    + for<'b> CheckBytes<ArchiveChecker<'b, Failed>>
    + for<'b> CheckBytes<ArchiveChecker<'b, BoxedError>>
{
}

impl<T> Validated for T where
    T: Portable
        + for<'b> CheckBytes<ArchiveChecker<'b, Failed>>
        + for<'b> CheckBytes<ArchiveChecker<'b, BoxedError>>
{
}

/// A type that may stand for a parameter of a message: `Item` in `Page<Item>`. Every
/// one is that may be part of a message.
///
/// ```
/// use outrigger_layout::message::Argument;
/// fn may_be_on_a_page<T: Argument>() {}
/// may_be_on_a_page::<Vec<Option<String>>>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a message",
    label = "a message's parameter stands for such a part"
)]
pub trait Argument:
    Schema<Archived: Validated + Deserialize<Self, ArchiveDeserializer>>
    + for<'w, 'm, 'a> Serialize<ArchiveSerializer<'w, 'm, 'a>>
    + Send
    + Sync
    + Sized
{
}

impl<T> Argument for T where
    T: Schema<Archived: Validated + Deserialize<T, ArchiveDeserializer>>
        + for<'w, 'm, 'a> Serialize<ArchiveSerializer<'w, 'm, 'a>>
        + Send
        + Sync
{
}

/// Does [`Message::encode`] for a type that rkyv can serialize.
///
/// ```
/// use outrigger_layout::message::{Writer, encode};
/// let mut archive = Vec::new();
/// encode(&"Ada".to_owned(), &mut Writer::new(&mut archive, 64))?;
/// assert_eq!(archive, b"Ada\xff\xff\xff\xff\xff"); // short text stands in place
/// # Ok::<(), outrigger_layout::Error>(())
/// ```
///
/// # Errors
/// As there.
pub fn encode<T>(value: &T, writer: &mut Writer<'_>) -> Result<(), Error>
where
    T: for<'w, 'm, 'a> Serialize<ArchiveSerializer<'w, 'm, 'a>>,
{
    let written = with_arena(|arena| {
        let mut serializer = Serializer::new(&mut *writer, arena.acquire(), ());
        rkyv::api::serialize_using::<_, Failed>(value, &mut serializer).map(|_| ())
    });
    match written {
        Ok(()) => Ok(()),
        Err(Failed) => Err(writer.take_error()),
    }
}

/// Does [`Message::access`] for a type whose archives rkyv can check.
///
/// ```
/// use outrigger_layout::Code;
/// use outrigger_layout::message::{Archived, access};
/// let name = access::<Archived<String>>(b"Ada\xff\xff\xff\xff\xff")?;
/// assert_eq!(name.as_str(), "Ada");
/// let error = access::<Archived<String>>(b"Ada").unwrap_err();
/// assert_eq!(error.code(), Code::SERIALIZATION);
/// # Ok::<(), outrigger_layout::Error>(())
/// ```
///
/// # Errors
/// As there.
pub fn access<T>(bytes: &[u8]) -> Result<&T, Error>
where
    T: Portable
        + for<'b> CheckBytes<ArchiveChecker<'b, Failed>>
        + for<'b> CheckBytes<ArchiveChecker<'b, BoxedError>>,
{
    checked::<T, Failed>(bytes).map_err(|_| refusal::<T>(bytes))
}

/// Does [`Message::access`] for a message that is not extensible.
///
/// # Errors
/// As there.
pub fn view<T: Root<Archived: Validated>>(bytes: &[u8]) -> Result<&Archived<T>, Error> {
    checked_or_refusal::<Archived<T>>(bytes, T::ROOT)
}

/// As [`access`]; a refusal of a variant names those that the message has.
fn checked_or_refusal<'b, T: Validated>(bytes: &'b [u8], root: &Node) -> Result<&'b T, Error> {
    access::<T>(bytes).map_err(|error| variants::explained(error, root))
}

fn checked<T, E>(bytes: &[u8]) -> Result<&T, E>
where
    T: Portable + for<'b> CheckBytes<ArchiveChecker<'b, E>>,
    E: Source,
{
    let archive = ArchiveValidator::with_max_depth(bytes, Some(DEPTH_MAX));
    rkyv::api::access_with_context::<T, _, E>(bytes, &mut Validator::new(archive, ()))
}

/// Checks again, now with words: what is refused may cost more than what is not.
#[cold]
fn refusal<T>(bytes: &[u8]) -> Error
where
    T: Portable + for<'b> CheckBytes<ArchiveChecker<'b, BoxedError>>,
{
    let words = match checked::<T, BoxedError>(bytes) {
        Ok(_) => "the archive is not valid".to_owned(),
        Err(error) => {
            let text = error.to_string();
            without_addresses(text.lines().next().unwrap_or_default(), bytes)
        }
    };
    Error::serialization(format!("archive of {} bytes: {words}", bytes.len()))
}

/// The text with offsets from the archive's start in place of addresses, which are
/// nobody else's business.
fn without_addresses(text: &str, bytes: &[u8]) -> String {
    let start = bytes.as_ptr().addr();
    let mut parts = text.split("0x");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(part.len());
        let (digits, rest) = part.split_at(end);
        let address = usize::from_str_radix(digits, 16).unwrap_or_default();
        match address.checked_sub(start) {
            Some(offset) if offset <= bytes.len() => plain.push_str(&offset.to_string()),
            _ => plain.push_str("outside"),
        }
        plain.push_str(rest);
    }
    plain
}

/// Does [`Message::load`] for a type that rkyv can deserialize.
///
/// ```
/// use outrigger_layout::message::{Archived, access, load};
/// let archived = access::<Archived<String>>(b"Ada\xff\xff\xff\xff\xff")?;
/// let name: String = load::<String>(archived)?;
/// assert_eq!(name, "Ada");
/// # Ok::<(), outrigger_layout::Error>(())
/// ```
///
/// # Errors
/// As there.
pub fn load<T>(archived: &Archived<T>) -> Result<T, Error>
where
    T: rkyv::Archive,
    Archived<T>: Deserialize<T, ArchiveDeserializer>,
{
    rkyv::deserialize::<T, Failed>(archived)
        .map_err(|_| Error::serialization("the archive has no value of this type"))
}

/// No request, or no reply: an archive of no bytes.
impl Message for () {
    fn encode(&self, _: &mut Writer<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn access(bytes: &[u8]) -> Result<&Archived<Self>, Error> {
        access::<Self>(bytes)
    }

    fn load((): &Archived<Self>) -> Result<Self, Error> {
        Ok(())
    }
}
