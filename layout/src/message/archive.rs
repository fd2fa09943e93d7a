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

/// Memory that is not this crate's, in which an archive is read: a buffer that is shared
/// with another process, which is given back when the value is dropped.
///
/// ```
/// use outrigger_layout::message::{Archive, Kept};
///
/// struct Constant;
///
/// // SAFETY: a static never moves or changes.
/// unsafe impl Kept for Constant {
///     fn bytes(&self) -> &[u8] {
///         &[]
///     }
/// }
///
/// let archive = Archive::<()>::in_place(Box::new(Constant))?; // the archive of ()
/// assert!(archive.bytes().is_empty());
/// # Ok::<(), outrigger_layout::Error>(())
/// ```
///
/// # Safety
/// `bytes` gives the same bytes at the same address whenever it is called, also after the
/// value was moved, and nobody changes them while the value lives.
#[allow(
    unsafe_code,
    reason = "what is validated once must not change afterwards"
)]
pub unsafe trait Kept: Send + Sync {
    /// The archive. It begins at a multiple of [`ARCHIVE_ALIGN`], or may be refused.
    fn bytes(&self) -> &[u8];
}

/// Where the bytes of an archive are.
enum Memory {
    Own(ArchiveMemory),
    Kept(Box<dyn Kept>),
}

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
    memory: Memory,
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
        let start = validate::<M>(&bytes)?;
        Ok(Self::of(Memory::Own(bytes), start))
    }

    /// Validates an archive where it is, and keeps it there. One of an older version of
    /// the message is copied, and its memory dropped at once; so it is if it is refused.
    ///
    /// # Errors
    /// As [`Message::access`].
    pub fn in_place(kept: Box<dyn Kept>) -> Result<Self, Error> {
        if let Some(upgraded) = M::upgraded(kept.bytes()) {
            return Self::new(upgraded);
        }
        let start = validate::<M>(kept.bytes())?;
        Ok(Self::of(Memory::Kept(kept), start))
    }

    fn of(memory: Memory, start: usize) -> Self {
        Self {
            memory,
            start,
            _message: PhantomData,
        }
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
        self.memory.bytes()
    }

    /// The memory, for another archive; a copy, if it was somebody else's.
    pub fn into_memory(self) -> ArchiveMemory {
        match self.memory {
            Memory::Own(bytes) => bytes,
            Memory::Kept(kept) => {
                let mut copy = ArchiveMemory::with_capacity(kept.bytes().len());
                copy.extend_from_slice(kept.bytes());
                copy
            }
        }
    }
}

impl Memory {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Kept(kept) => kept.bytes(),
        }
    }
}

/// Where the archived message begins in its archive, once that is validated.
fn validate<M: Message>(bytes: &[u8]) -> Result<usize, Error> {
    let archived = if extensible::is_extensible::<M>() {
        extensible::access::<M>(bytes)?
    } else {
        view::<M>(bytes)?
    };
    Ok((&raw const *archived).addr() - bytes.as_ptr().addr())
}

impl<M: Message> Deref for Archive<M> {
    type Target = Archived<M>;

    #[allow(unsafe_code, reason = "validated once, by `new`, and not at each look")]
    fn deref(&self) -> &Archived<M> {
        // SAFETY: `start` is a position within the bytes: `validate` had it of a reference
        // to an `Archived<M>` inside them.
        let archived = unsafe { self.bytes().as_ptr().add(self.start) };
        // SAFETY: there `validate` had rkyv validate an `Archived<M>`, whatever `M::access`
        // does; the bytes are private to `self`, or stay as they are by the promise of
        // `Kept`, and nothing changes them.
        unsafe { &*archived.cast::<Archived<M>>() }
    }
}

impl<M> fmt::Debug for Archive<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive")
            .field("len", &self.memory.bytes().len())
            .finish_non_exhaustive()
    }
}
