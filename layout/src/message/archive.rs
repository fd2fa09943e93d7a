//! A validated archive that is owned.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use rkyv::Archived;
use rkyv::util::AlignedVec;

use crate::error::Error;
use crate::message::{ARCHIVE_ALIGN, Message, extensible, view};

/// Memory for archives, aligned as they must be.
///
/// ```
/// use outrigger_layout::message::{ARCHIVE_ALIGN, ArchiveMemory};
/// let mut memory = ArchiveMemory::new();
/// memory.extend_from_slice(&[0; 24]);
/// assert_eq!(memory.as_ptr() as usize % ARCHIVE_ALIGN, 0);
/// ```
pub type ArchiveMemory = AlignedVec<ARCHIVE_ALIGN>;

/// An archive of an `M`, validated once and owned. It derefs to the archived
/// message, whose fields are read in place.
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
/// use outrigger_layout::message::{Archive, ArchiveMemory, Writer};
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
/// let mut memory = ArchiveMemory::new();
/// memory.extend_from_slice(&bytes);
/// let archive = Archive::<Person>::new(memory)?;
/// assert_eq!((&*archive.name, archive.age), ("Ada", 36)); // in place
/// assert_eq!(archive.load()?.name, "Ada"); // a value of its own
/// # Ok(())
/// # }
/// ```
pub struct Archive<M> {
    bytes: ArchiveMemory,
    /// Where the archived message begins.
    start: usize,
    _message: PhantomData<fn() -> M>,
}

impl<M: Message> Archive<M> {
    /// Validates an archive, also one of an older version of the message.
    ///
    /// # Errors
    /// As [`Message::access`].
    pub fn new(bytes: ArchiveMemory) -> Result<Self, Error> {
        let bytes = M::upgraded(&bytes).unwrap_or(bytes);
        let archived = if extensible::is_extensible::<M>() {
            extensible::access::<M>(&bytes)?
        } else {
            view::<M>(&bytes)?
        };
        let start = (&raw const *archived).addr() - bytes.as_ptr().addr();
        Ok(Self {
            bytes,
            start,
            _message: PhantomData,
        })
    }

    /// The message as a value.
    ///
    /// # Errors
    /// As [`Message::load`].
    pub fn load(&self) -> Result<M, Error> {
        M::load(self)
    }

    /// The archive as bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The memory, for another archive.
    pub fn into_memory(self) -> ArchiveMemory {
        self.bytes
    }
}

impl<M: Message> Deref for Archive<M> {
    type Target = Archived<M>;

    #[allow(unsafe_code, reason = "validated once, by `new`, and not at each look")]
    fn deref(&self) -> &Archived<M> {
        // SAFETY: `start` is a position within the bytes: `new` had it of a reference to
        // an `Archived<M>` inside them.
        let archived = unsafe { self.bytes.as_ptr().add(self.start) };
        // SAFETY: there `new` had rkyv validate an `Archived<M>`, whatever `M::access`
        // does; the bytes are private to `self`, and nothing changes them.
        unsafe { &*archived.cast::<Archived<M>>() }
    }
}

impl<M> fmt::Debug for Archive<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive")
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
