//! A span of memory that another process may map too.
//!
//! No reference to its content is ever formed but by the two `unsafe`
//! functions that say why they may: everything else goes through raw pointers,
//! by copy. (vm-memory's `volatile_memory.rs` states the same rule.)

#![allow(unsafe_code, reason = "one of the two files that touch shared memory")]

use core::cell::UnsafeCell;
use core::fmt;

use memmap2::MmapRaw;
use thiserror::Error;

/// Why a span is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{len} bytes at {offset} reach outside a mapping of {available} bytes")]
pub struct MapError {
    /// First byte wanted.
    pub offset: u64,
    /// Bytes wanted.
    pub len: u64,
    /// Bytes there are.
    pub available: u64,
}

/// A mapped memfd, or heap memory in its place (tests, Miri).
pub struct Mapping {
    start: *mut u8,
    len: usize,
    writable: bool,
    _backing: Backing,
}

#[expect(dead_code, reason = "held for its Drop")]
enum Backing {
    Mapped(MmapRaw),
    /// A `Vec` and not a `Box`: moving a `Box` claims its content as unaliased,
    /// which would invalidate `start` (Stacked Borrows; Miri reports it).
    Heap(Vec<Line>),
}

/// Heap memory with the alignment of a cache-line pair.
#[repr(C, align(128))]
struct Line(UnsafeCell<[u8; 128]>);

// SAFETY: the memory behind `start` is owned by `_backing` and valid until drop,
// from any thread; all access to it is by raw pointer or atomic.
unsafe impl Send for Mapping {}
// SAFETY: as for Send; data races on the content are excluded by the ring's
// protocol and, against a hostile peer, harmless by copying before use.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Takes over a mapping. `writable` says whether this process may store.
    pub(crate) fn mapped(raw: MmapRaw, writable: bool) -> Self {
        Self {
            start: raw.as_mut_ptr(),
            len: raw.len(),
            writable,
            _backing: Backing::Mapped(raw),
        }
    }

    /// Zeroed heap memory of at least `len` bytes, for both ends of one process.
    pub fn heap(len: usize) -> Self {
        let lines: Vec<Line> = (0..len.div_ceil(128))
            .map(|_| Line(UnsafeCell::new([0; 128])))
            .collect();
        let start = UnsafeCell::raw_get(lines.as_ptr().cast::<UnsafeCell<u8>>());
        Self {
            start,
            len,
            writable: true,
            _backing: Backing::Heap(lines),
        }
    }

    /// Bytes of the mapping.
    pub fn len(&self) -> u64 {
        self.len as u64
    }

    /// True for a mapping of no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// True if this process may write here.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// A pointer to `len` bytes at `offset`.
    ///
    /// # Errors
    /// [`MapError`] if they reach outside.
    pub(crate) fn span(&self, offset: u64, len: u64) -> Result<*mut u8, MapError> {
        let available = self.len();
        match offset.checked_add(len) {
            Some(end) if end <= available => Ok(self.start.wrapping_add(offset as usize)),
            _ => Err(MapError {
                offset,
                len,
                available,
            }),
        }
    }

    /// Copies bytes out. What a hostile peer writes meanwhile may be mixed into
    /// the copy; the copy itself is stable.
    ///
    /// # Errors
    /// [`MapError`] if the span reaches outside.
    pub fn copy_out(&self, offset: u64, into: &mut [u8]) -> Result<(), MapError> {
        let from = self.span(offset, into.len() as u64)?;
        // SAFETY: `span` checked that `into.len()` bytes at `from` are mapped; `into`
        // is private memory, so the two do not overlap.
        unsafe { core::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// [`MapError`] if the span reaches outside.
    ///
    /// # Panics
    /// Panics if this process maps the memory read-only: a defect of the caller.
    pub fn copy_in(&self, offset: u64, from: &[u8]) -> Result<(), MapError> {
        assert!(self.writable, "write to a read-only mapping");
        let into = self.span(offset, from.len() as u64)?;
        // SAFETY: `span` checked that `from.len()` bytes at `into` are mapped, the
        // assertion that they are writable; `from` is private memory.
        unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), into, from.len()) };
        Ok(())
    }

    /// Borrows bytes that nobody writes.
    ///
    /// # Safety
    /// No process and no thread writes these bytes while the slice lives: they
    /// are in a buffer of a segment that its writer can no longer change, or
    /// that this process alone writes and does not write now.
    ///
    /// # Errors
    /// [`MapError`] if the span reaches outside.
    pub unsafe fn bytes(&self, offset: u64, len: u64) -> Result<&[u8], MapError> {
        let start = self.span(offset, len)?;
        // SAFETY: mapped for the lifetime of `self`; unchanged, by the caller's promise.
        Ok(unsafe { core::slice::from_raw_parts(start, len as usize) })
    }

    /// Borrows bytes for writing.
    ///
    /// # Safety
    /// This process alone writes the memory, and no other reference to these
    /// bytes exists while the slice lives. (A peer may read them.)
    ///
    /// # Errors
    /// [`MapError`] if the span reaches outside.
    ///
    /// # Panics
    /// Panics if this process maps the memory read-only: a defect of the caller.
    #[allow(clippy::mut_from_ref, reason = "exclusive by the caller's promise")]
    pub unsafe fn bytes_mut(&self, offset: u64, len: u64) -> Result<&mut [u8], MapError> {
        assert!(self.writable, "write to a read-only mapping");
        let start = self.span(offset, len)?;
        // SAFETY: mapped writable for the lifetime of `self`; exclusive, by the
        // caller's promise.
        Ok(unsafe { core::slice::from_raw_parts_mut(start, len as usize) })
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("len", &self.len)
            .field("writable", &self.writable)
            .finish()
    }
}
