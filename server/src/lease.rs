//! A buffer in the hands of this process: what it may touch, and as what.
//!
//! The [ledger](crate::ledger) gives leases out and takes them back; it alone says
//! which state a buffer is in.

#![allow(
    unsafe_code,
    reason = "a filled buffer is lent to its handler as a slice"
)]

use std::sync::Arc;

use outrigger_layout::Error;
use outrigger_layout::buffer::BufferRef;
use outrigger_ringbuf::Mapping;

/// A buffer that somebody in this process is responsible for.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    /// How slots name it; `length` is the buffer's whole size.
    pub(crate) reference: BufferRef,
    /// Where it lies.
    pub(crate) mapping: Arc<Mapping>,
}

impl Lease {
    /// The first `len` bytes of a buffer that this process fills.
    pub(crate) fn filled_mut(&mut self, len: u64) -> &mut [u8] {
        let BufferRef { offset, length, .. } = self.reference;
        // SAFETY: the ledger gave this filled buffer to one owner, who alone holds
        // this lease until it is lent; the server segment has no other writer.
        let bytes = unsafe { self.mapping.bytes_mut(offset, len.min(length)) };
        bytes.expect("a lease lies inside its extent")
    }

    /// Bytes of a held buffer, where the client wrote them.
    ///
    /// Preconditions: the program has promised that clients leave them alone.
    ///
    /// # Errors
    /// PROTOCOL if they reach outside, which the ledger has excluded.
    pub(crate) fn held(&self, offset: u64, len: u64) -> Result<&[u8], Error> {
        // SAFETY: by the promise of `Builder::trust_clients_in_place` no client writes a
        // buffer that it has sent; this process cannot.
        let bytes = unsafe { self.mapping.bytes(offset, len) };
        bytes.map_err(Error::protocol)
    }
}
