//! The facade over one ring's shared words: the same producer and consumer run
//! over mapped memory, heap memory (Miri, ThreadSanitizer) and loom's atomics.

use outrigger_layout::slot::SlotHeader;

use crate::sync::Ordering;

/// Which ordering each step of the protocol uses.
///
/// There is one right value, [`Orders::PROVEN`]. The type exists so that the
/// models can weaken one step at a time and must then find the failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// P1, writer: the store of the lap that publishes.
    pub publish: Ordering,
    /// P1, reader: fence(acquire) after the lap was seen.
    pub observe_fence: bool,
    /// P2, writer: the store of the consumer's position.
    pub release: Ordering,
    /// P2, reader: fence(acquire) after the position was seen.
    pub reuse_fence: bool,
    /// P3, producer: fence(SeqCst) between publication and event index.
    pub wake_fence: bool,
    /// P3, consumer: fence(SeqCst) between event index and the second look.
    pub arm_fence: bool,
}

impl Orders {
    /// The orderings of the table in the crate documentation.
    pub const PROVEN: Self = Self {
        publish: Ordering::Release,
        observe_fence: true,
        release: Ordering::Release,
        reuse_fence: true,
        wake_fence: true,
        arm_fence: true,
    };
}

/// The shared words and bytes of one ring, addressed by slot index.
///
/// An implementation guarantees that the memory stays valid as long as it
/// lives; it promises nothing about the *content*, which a peer may write at
/// any time. `index` is always below [`Memory::capacity`]; payload ranges are
/// always within [`Memory::inline_max`].
pub trait Memory {
    /// Overridden by the models only.
    const ORDERS: Orders = Orders::PROVEN;

    /// Number of slots, a power of two.
    fn capacity(&self) -> u64;

    /// Bytes of payload behind each header.
    fn inline_max(&self) -> usize;

    /// Loads a slot's publication word.
    fn load_lap(&self, index: u64, order: Ordering) -> u32;

    /// Stores a slot's publication word.
    fn store_lap(&self, index: u64, lap: u32, order: Ordering);

    /// Copies a slot's header; its `lap` is unspecified.
    fn read_header(&self, index: u64) -> SlotHeader;

    /// Writes a slot's header but for the lap.
    fn write_header(&self, index: u64, header: &SlotHeader);

    /// Copies payload bytes of a slot, from byte `at`, into `into`.
    fn read_payload(&self, index: u64, at: usize, into: &mut [u8]);

    /// Writes payload bytes of a slot, from byte `at`.
    fn write_payload(&self, index: u64, at: usize, from: &[u8]);

    /// Loads the consumer's published position.
    fn load_position(&self, order: Ordering) -> u64;

    /// Stores the consumer's position.
    fn store_position(&self, position: u64, order: Ordering);

    /// Loads the consumer's event index.
    fn load_event_index(&self, order: Ordering) -> u64;

    /// Stores the consumer's event index.
    fn store_event_index(&self, position: u64, order: Ordering);

    /// A fence of the given ordering.
    fn fence(&self, order: Ordering);
}

/// The order of loads that a fence(acquire) follows; see the crate's
/// documentation on read-only memory and ThreadSanitizer.
pub(crate) const OBSERVE: Ordering = if cfg!(outrigger_tsan) {
    Ordering::Acquire
} else {
    Ordering::Relaxed
};
