//! Where the bytes of a buffer are.

use outrigger_layout::Error;
use outrigger_ringbuf::Mapping;

use crate::lease::Lease;

/// Memory of this process, or memory that is shared with the server.
#[derive(Debug)]
pub(crate) enum Memory {
    /// In this process.
    Own(Mapping),
    /// Granted, if this process may write them, or else lent.
    Leased(Lease),
}

/// Says where a [`Buffer`](crate::Buffer) is.
///
/// ```no_run
/// # fn look(buffer: &outrigger_client::Buffer) {
/// let seen = buffer.inspect();
/// println!("buffer {} of extent {}: {} bytes", seen.index, seen.extent, seen.len);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferInfo {
    /// Bytes of the value.
    pub len: usize,
    /// Bytes that it may have.
    pub capacity: usize,
    /// The piece of shared memory that it is in; 0 for memory of this process, as are
    /// index and generation then.
    pub extent: u32,
    /// Its place there.
    pub index: u32,
    /// The use of that place.
    pub generation: u32,
    /// It came with a reply, and cannot be written.
    pub is_lent: bool,
}

impl Memory {
    pub(crate) fn mapping(&self) -> &Mapping {
        match self {
            Self::Own(mapping) => mapping,
            Self::Leased(lease) => lease.mapping(),
        }
    }

    /// Where the bytes begin.
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::Own(_) => 0,
            Self::Leased(lease) => lease.reference().offset,
        }
    }

    /// # Errors
    /// INVALID_ARGUMENT if it was lent.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        if self.mapping().is_writable() {
            return Ok(());
        }
        let text = "a buffer that came with a reply cannot be written";
        Err(Error::invalid_argument(text))
    }
}
