//! The buffers of one message: a few at most, and in order.

use outrigger_layout::buffer::{BUFFERS, BufferRef};

use crate::lease::Lease;

/// Buffers by their places in a message; an attachment of no bytes has a place and none.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    list: [Option<Lease>; BUFFERS],
    count: usize,
}

impl Leases {
    /// Adds a place.
    ///
    /// Preconditions: there are fewer than a table can name.
    pub(crate) fn push(&mut self, lease: Option<Lease>) {
        self.list[self.count] = lease;
        self.count += 1;
    }

    /// True if one of them is the buffer that the reference names.
    pub(crate) fn have(&self, reference: &BufferRef) -> bool {
        let mut leases = self.list.iter().flatten();
        leases.any(|lease| lease.is_same(reference))
    }
}

impl IntoIterator for Leases {
    type Item = Option<Lease>;
    type IntoIter = std::iter::Take<std::array::IntoIter<Option<Lease>, BUFFERS>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter().take(self.count)
    }
}
