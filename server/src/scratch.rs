//! Memory that a worker uses for one call after the other.

use core::time::Duration;

use rkyv::util::AlignedVec;

use crate::filled::Filled;

/// Bytes that a worker keeps for good.
const SCRATCH_KEPT: usize = 4 << 20;
/// How long a worker without a job keeps more than that.
pub(crate) const SCRATCH_IDLE: Duration = Duration::from_millis(500);

/// The private copy of a request, aligned as archives must be, and a reply on its way: what
/// fits a slot of it, and its buffers.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) request: AlignedVec,
    pub(crate) reply: Vec<u8>,
    pub(crate) filled: Filled,
}

impl Scratch {
    /// True if a large call has left much.
    pub(crate) fn is_large(&self) -> bool {
        self.reply.capacity().max(self.request.capacity()) > SCRATCH_KEPT
    }

    /// Gives back what a large call has left.
    pub(crate) fn trim(&mut self) {
        self.reply.truncate(SCRATCH_KEPT);
        self.reply.shrink_to(SCRATCH_KEPT);
        if self.request.capacity() > SCRATCH_KEPT {
            self.request = AlignedVec::new();
        }
    }
}
