//! A look at a ring from beside its consumer.

use outrigger_layout::slot::SlotHeader;

use crate::memory::Memory;
use crate::sync::{AtomicU64, Ordering};

/// Says whether there is something to read, without the consumer and without a
/// lock: for waiters that share one [`Consumer`](crate::Consumer) behind a mutex
/// and want to take the mutex only when it pays.
///
/// It is a hint. `true` may be out of date, `false` may be so too; who sleeps
/// on it arms the ring first.
#[derive(Debug)]
pub struct Watch<M> {
    memory: M,
    capacity_log2: u32,
    /// The consumer's head, as far as it told.
    head: AtomicU64,
}

impl<M: Memory> Watch<M> {
    /// Looks at an empty ring; `memory` is a second view of the consumer's.
    pub fn new(memory: M) -> Self {
        let capacity_log2 = memory.capacity().trailing_zeros();
        let head = AtomicU64::new(0);
        Self {
            memory,
            capacity_log2,
            head,
        }
    }

    /// The consumer's head as last told.
    pub fn position(&self) -> u64 {
        self.head.load(Ordering::Relaxed)
    }

    /// Takes note of the consumer's head. Whoever holds the consumer calls it.
    pub fn moved(&self, head: u64) {
        // Relaxed: an old head makes `is_ready` true too often, never too seldom.
        self.head.store(head, Ordering::Relaxed);
    }

    /// True if the slot at the head is published, or corrupt, or was read
    /// already by a consumer that moved on.
    pub fn is_ready(&self) -> bool {
        let head = self.position();
        let empty = SlotHeader::lap_of(head, self.capacity_log2).wrapping_sub(1);
        // Relaxed: nothing of the slot is used; the consumer looks for itself (P1).
        let index = head & (self.memory.capacity() - 1);
        self.memory.load_lap(index, Ordering::Relaxed) != empty
    }
}
