//! Where archives are written: into memory that is at hand, and beyond that by
//! counting, so that the right memory can be had for a second time.

use core::fmt;

use rkyv::rancor::Failure as Failed;
use rkyv::ser::Positional;

use crate::error::Error;

/// Collects an archive.
///
/// ```text
///   new          memory [ written … │ up to room ]   more is BUFFER_TOO_SMALL
///   measuring    memory [ written … │ up to room ]   more is only counted, up to a limit
///   in_place     bytes  [ written … │ to their end ] more is BUFFER_TOO_SMALL
/// ```
///
/// Positions count from the start of the archive, so the memory may lie anywhere.
/// It is only written, never read: it may be shared already.
///
/// ```
/// use outrigger_layout::message::{Message, Writer};
/// let mut memory = Vec::new();
/// let mut writer = Writer::new(&mut memory, 64);
/// ().encode(&mut writer)?;
/// assert!(writer.is_empty());
/// # Ok::<(), outrigger_layout::Error>(())
/// ```
pub struct Writer<'m> {
    target: Target<'m>,
    /// Bytes of the archive so far, written or only counted.
    len: usize,
    /// Bytes that are written; beyond they are counted.
    room: usize,
    /// Bytes that are counted; beyond is an error.
    limit: usize,
    error: Option<Error>,
}

enum Target<'m> {
    Growing(&'m mut Vec<u8>),
    Fixed(&'m mut [u8]),
}

impl<'m> Writer<'m> {
    /// Writes at most `room` bytes to `memory`, in place of its content.
    pub fn new(memory: &'m mut Vec<u8>, room: usize) -> Self {
        Self::measuring(memory, room, room)
    }

    /// Writes at most `room` bytes to `memory`, in place of its content, and counts
    /// what follows, up to `limit` bytes in all. If [`Writer::len`] is above `room`
    /// at the end, the archive must be written once more, with that much room.
    pub fn measuring(memory: &'m mut Vec<u8>, room: usize, limit: usize) -> Self {
        memory.clear();
        Self {
            target: Target::Growing(memory),
            len: 0,
            room,
            limit,
            error: None,
        }
    }

    /// Writes to these bytes, from their beginning.
    pub fn in_place(bytes: &'m mut [u8]) -> Self {
        let room = bytes.len();
        Self {
            target: Target::Fixed(bytes),
            len: 0,
            room,
            limit: room,
            error: None,
        }
    }

    /// Bytes of the archive so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Why writing failed. Preconditions: it did.
    pub(super) fn take_error(&mut self) -> Error {
        let otherwise = || Error::serialization("the value cannot be archived");
        self.error.take().unwrap_or_else(otherwise)
    }

    /// Beyond the room: from the first byte on that does not fit, all is counted.
    #[cold]
    fn count(&mut self, end: usize) -> Result<(), Failed> {
        if end > self.limit {
            let (needed, available) = (end as u64, self.limit as u64);
            self.error = Some(Error::buffer_too_small(needed, available));
            return Err(Failed);
        }
        self.room = 0;
        self.len = end;
        Ok(())
    }
}

impl Positional for Writer<'_> {
    fn pos(&self) -> usize {
        self.len
    }
}

impl rkyv::ser::Writer<Failed> for Writer<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let end = self.len + bytes.len();
        if end > self.room {
            return self.count(end);
        }
        match &mut self.target {
            Target::Growing(memory) => memory.extend_from_slice(bytes),
            Target::Fixed(memory) => memory[self.len..end].copy_from_slice(bytes),
        }
        self.len = end;
        Ok(())
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("len", &self.len)
            .field("room", &self.room)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rkyv::ser::Writer as _;

    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_fits_the_second_time() {
        let parts = [&b"abc"[..], b"d", b"", b"ef", b"g"];
        let mut memory = vec![9; 3];
        let mut writer = Writer::measuring(&mut memory, 4, 7);
        for bytes in parts {
            writer.write(bytes).unwrap();
        }
        assert_eq!(writer.pos(), 7);
        assert!(writer.write(b"h").is_err());
        let mut memory = [0; 7];
        let mut writer = Writer::in_place(&mut memory);
        for bytes in parts {
            writer.write(bytes).unwrap();
        }
        assert!(writer.write(b"h").is_err());
        assert_eq!(&memory, b"abcdefg");
    }

    #[test]
    fn no_room_is_an_error_that_says_what_was_needed() {
        let mut memory = Vec::new();
        let mut writer = Writer::new(&mut memory, 4);
        assert!(writer.write(b"abc").is_ok());
        assert!(writer.write(b"de").is_err());
        let error = writer.take_error();
        assert_eq!(error.to_string(), Error::buffer_too_small(5, 4).to_string());
    }
}
