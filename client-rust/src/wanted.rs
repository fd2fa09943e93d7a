//! What buffers are asked for.

use outrigger_layout::buffer::BUFFERS;

/// How large the buffers must be that a call needs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    lens: [u64; BUFFERS],
    count: usize,
}

impl Wanted {
    /// Adds one of so many bytes.
    ///
    /// Preconditions: there are fewer than a message can have.
    pub(crate) fn push(&mut self, len: usize) {
        self.lens[self.count] = len as u64;
        self.count += 1;
    }

    /// Bytes needed of each.
    pub(crate) fn lens(&self) -> &[u64] {
        &self.lens[..self.count]
    }
}
