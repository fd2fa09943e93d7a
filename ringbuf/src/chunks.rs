//! Reading bytes of a peer piece by piece, each from a private copy.

use core::fmt;
use std::io::{self, BufRead, Read};

use crate::{MapError, Mapping};

/// Bytes of one piece: small enough to stay in the first-level cache between the copy
/// and its use, so that no size is slower than reading in place (measured).
pub const CHUNK: usize = 16 << 10;

/// Bytes in shared memory that are read through a private window of [`CHUNK`] bytes:
/// what a piece says does not change while it is looked at, whatever the peer does.
///
/// Each byte is copied once. `Chunks` is also a [`Read`] and a [`BufRead`], whose errors
/// never occur.
///
/// ```
/// use outrigger_ringbuf::Mapping;
///
/// let shared = Mapping::heap(40_000);
/// shared.copy_in(10_000, &[7; 20_000])?;
/// let mut chunks = shared.chunks(10_000, 20_000)?;
/// let (mut pieces, mut sum) = (0, 0);
/// while let Some(piece) = chunks.next_chunk() {
///     pieces += 1;
///     sum += piece.iter().map(|byte| u32::from(*byte)).sum::<u32>();
/// }
/// assert_eq!((pieces, sum), (2, 140_000));
/// # Ok::<(), outrigger_ringbuf::MapError>(())
/// ```
pub struct Chunks<'a> {
    /// None if there is nothing to read.
    mapping: Option<&'a Mapping>,
    /// What has not been copied yet.
    next: u64,
    end: u64,
    /// The window, and what of it has not been handed out.
    window: [u8; CHUNK],
    unread: core::ops::Range<usize>,
}

impl Mapping {
    /// The bytes of a span, piece by piece.
    ///
    /// # Errors
    /// [`MapError`] if the span reaches outside.
    pub fn chunks(&self, offset: u64, len: u64) -> Result<Chunks<'_>, MapError> {
        self.span(offset, len)?;
        Ok(Chunks {
            mapping: Some(self),
            next: offset,
            end: offset + len,
            window: [0; CHUNK],
            unread: 0..0,
        })
    }
}

impl Chunks<'_> {
    /// Chunks of no bytes.
    pub fn empty() -> Self {
        Self {
            mapping: None,
            next: 0,
            end: 0,
            window: [0; CHUNK],
            unread: 0..0,
        }
    }

    /// The next piece, of at most [`CHUNK`] bytes and none empty; `None` at the end.
    pub fn next_chunk(&mut self) -> Option<&[u8]> {
        self.look();
        let piece = core::mem::take(&mut self.unread);
        (!piece.is_empty()).then(|| &self.window[piece])
    }

    /// Bytes that are still to come.
    pub fn remaining(&self) -> u64 {
        self.end - self.next + self.unread.len() as u64
    }

    /// Fills the window, if all of it has been read.
    fn look(&mut self) {
        if !self.unread.is_empty() {
            return;
        }
        let len = (self.end - self.next).min(CHUNK as u64) as usize;
        if let Some(mapping) = self.mapping {
            let copied = mapping.copy_out(self.next, &mut self.window[..len]);
            copied.expect("the span was checked");
        }
        self.next += len as u64;
        self.unread = 0..len;
    }
}

impl BufRead for Chunks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.look();
        Ok(&self.window[self.unread.clone()])
    }

    fn consume(&mut self, amount: usize) {
        self.unread.start = (self.unread.start + amount).min(self.unread.end);
    }
}

impl Read for Chunks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(into)?;
        self.consume(len);
        Ok(len)
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_changes_after_the_copy_is_not_seen() {
        let shared = Mapping::heap(2 * CHUNK);
        let mut chunks = shared.chunks(0, 2 * CHUNK as u64).expect("inside");
        assert_eq!(chunks.fill_buf().expect("no error")[0], 0);
        shared.copy_in(0, &[1]).expect("inside");
        shared.copy_in(CHUNK as u64, &[2]).expect("inside");
        assert_eq!(chunks.next_chunk().expect("a piece")[0], 0);
        assert_eq!(chunks.remaining(), CHUNK as u64);
        assert_eq!(chunks.next_chunk().expect("a piece")[0], 2);
        assert!(chunks.next_chunk().is_none());
    }

    #[test]
    fn a_reader_gets_every_byte_once() {
        let shared = Mapping::heap(40_000);
        let bytes: Vec<u8> = (0..40_000_u32).map(|at| (at % 251) as u8).collect();
        shared.copy_in(0, &bytes).expect("inside");
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 39_990] {
            let mut chunks = shared.chunks(10, len as u64).expect("inside");
            let (mut first, mut rest) = ([0; 7], Vec::new());
            let head = chunks.read(&mut first).expect("no error");
            chunks.read_to_end(&mut rest).expect("no error");
            assert_eq!([&first[..head], &rest].concat(), bytes[10..10 + len]);
        }
    }

    #[test]
    fn a_span_that_reaches_outside_is_refused() {
        let shared = Mapping::heap(100);
        for (offset, len) in [(0, 101), (100, 1), (1, u64::MAX), (u64::MAX, 1)] {
            let refused = shared.chunks(offset, len).expect_err("outside");
            assert_eq!((refused.offset, refused.len), (offset, len));
        }
    }
}
