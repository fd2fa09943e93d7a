//! A buffer in the hands of this process: what it may touch, and as what.
//!
//! The server's ledger says which state a buffer is in; here it is granted or lent, by
//! the side of its extent. A lease keeps the extent mapped, whatever the server says
//! meanwhile, and after the session has ended. Who drops one owes a RETURN, unless the
//! buffer was sent.

use std::sync::Arc;

use outrigger_layout::buffer::BufferRef;
use outrigger_ringbuf::Mapping;

use crate::extents::Extent;

/// A buffer that this process may write (granted) or read (lent).
#[derive(Debug)]
pub(crate) struct Lease {
    extent: Arc<Extent>,
    reference: BufferRef,
}

impl Lease {
    /// Preconditions: the extent has checked the reference.
    pub(crate) fn new(extent: Arc<Extent>, reference: BufferRef) -> Self {
        Self { extent, reference }
    }

    /// What to name in RETURN.
    pub(crate) fn reference(&self) -> &BufferRef {
        &self.reference
    }

    /// Bytes meant: of a granted buffer all that it has, of a lent one the value's.
    pub(crate) fn len(&self) -> u64 {
        self.reference.length
    }

    /// The memory that the bytes are in, at [`BufferRef::offset`] of it.
    pub(crate) fn mapping(&self) -> &Mapping {
        self.extent.mapping()
    }

    /// True if the other names the same buffer.
    pub(crate) fn is_same(&self, other: &BufferRef) -> bool {
        let own = &self.reference;
        (own.extent, own.index) == (other.extent, other.index)
    }

    /// Writes the first bytes of a granted buffer.
    ///
    /// Preconditions: `value` is not longer than the lease.
    pub(crate) fn write(&self, value: &[u8]) {
        let copied = self.mapping().copy_in(self.reference.offset, value);
        copied.expect("a lease lies inside its extent");
    }
}
