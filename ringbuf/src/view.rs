//! One ring inside mapped memory: where its words and slots are.

#![allow(unsafe_code, reason = "one of the two files that touch shared memory")]

use core::fmt;
use std::sync::Arc;

use outrigger_layout::ring::{ConsumerControl, RingDescriptor};
use outrigger_layout::slot::SlotHeader;

use crate::mapping::Mapping;
use crate::memory::Memory;
use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};
use crate::watch::Watch;

/// [`Memory`] over two mappings: the slots in the producer's, the control words
/// in the consumer's. Keeps both mapped.
///
/// ```text
///   slot + 0   lap                      one u32, atomic
///   slot + 4   kind, flags, method      one u32, relaxed
///   slot + 8   correlation              one u64, relaxed
///   slot + 16  length, code, depth, codec   one u64, relaxed
///   slot + 24  deadline                 one u64, relaxed
///   slot + 32  payload                  copied
/// ```
pub struct RingView {
    slots: *mut u8,
    control: *mut u8,
    capacity: u64,
    stride: u64,
    _producer: Arc<Mapping>,
    _consumer: Arc<Mapping>,
}

// SAFETY: the pointers lead into the two mappings that the view keeps alive, and
// every access through them is atomic or, for payloads, ordered by the ring.
unsafe impl Send for RingView {}
// SAFETY: a watch loads one word of its view, atomically, and gives no other
// access to it.
unsafe impl Sync for Watch<RingView> {}

const HEADER: usize = size_of::<SlotHeader>();
const EVENT_INDEX: usize = core::mem::offset_of!(ConsumerControl, event_index);

impl RingView {
    /// The ring of `descriptor`, its slots in `producer`, its control words in
    /// `consumer`.
    ///
    /// # Errors
    /// Says which field of the descriptor is out of range, or that the ring is
    /// absent (capacity 0).
    pub fn new(
        descriptor: &RingDescriptor,
        producer: &Arc<Mapping>,
        consumer: &Arc<Mapping>,
    ) -> Result<Self, String> {
        descriptor.check(producer.len(), consumer.len())?;
        if descriptor.capacity == 0 {
            return Err(format!("ring of kind {} is absent", descriptor.kind));
        }
        let capacity = u64::from(descriptor.capacity);
        let stride = u64::from(descriptor.stride);
        let text = |error: crate::MapError| error.to_string();
        let slots = producer
            .span(descriptor.slots_offset, capacity * stride)
            .map_err(text)?;
        let control_len = size_of::<ConsumerControl>() as u64;
        let control = consumer
            .span(descriptor.control_offset, control_len)
            .map_err(text)?;
        let (_producer, _consumer) = (Arc::clone(producer), Arc::clone(consumer));
        Ok(Self {
            slots,
            control,
            capacity,
            stride,
            _producer,
            _consumer,
        })
    }

    fn slot(&self, index: u64) -> *mut u8 {
        debug_assert!(index < self.capacity);
        self.slots.wrapping_add((index * self.stride) as usize)
    }

    fn word32(&self, at: *mut u8) -> &AtomicU32 {
        // SAFETY: `at` is inside a slot, which `new` checked to be mapped, and a
        // multiple of 4, as slots begin on 128-byte lines.
        unsafe { AtomicU32::from_ptr(at.cast()) }
    }

    fn word64(&self, at: *mut u8) -> &AtomicU64 {
        // SAFETY: `at` is inside a slot or the control words, which `new` checked to
        // be mapped, and a multiple of 8, as both begin on 128-byte lines.
        unsafe { AtomicU64::from_ptr(at.cast()) }
    }
}

impl Memory for RingView {
    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn inline_max(&self) -> usize {
        self.stride as usize - HEADER
    }

    #[inline]
    fn load_lap(&self, index: u64, order: Ordering) -> u32 {
        self.word32(self.slot(index)).load(order)
    }

    #[inline]
    fn store_lap(&self, index: u64, lap: u32, order: Ordering) {
        self.word32(self.slot(index)).store(lap, order);
    }

    #[inline]
    fn read_header(&self, index: u64) -> SlotHeader {
        let slot = self.slot(index);
        // Relaxed, all four: P1 orders them, and a hostile peer may write at any time.
        let kinds = self.word32(slot.wrapping_add(4)).load(Ordering::Relaxed);
        let correlation = self.word64(slot.wrapping_add(8)).load(Ordering::Relaxed);
        let outcome = self.word64(slot.wrapping_add(16)).load(Ordering::Relaxed);
        let deadline = self.word64(slot.wrapping_add(24)).load(Ordering::Relaxed);
        let words = [u64::from(kinds) << 32, correlation, outcome, deadline];
        bytemuck::cast(words)
    }

    #[inline]
    fn write_header(&self, index: u64, header: &SlotHeader) {
        let slot = self.slot(index);
        let words: [u64; 4] = bytemuck::cast(*header);
        // Relaxed, all four: the release store of the lap comes after them (P1).
        self.word32(slot.wrapping_add(4))
            .store((words[0] >> 32) as u32, Ordering::Relaxed);
        self.word64(slot.wrapping_add(8))
            .store(words[1], Ordering::Relaxed);
        self.word64(slot.wrapping_add(16))
            .store(words[2], Ordering::Relaxed);
        self.word64(slot.wrapping_add(24))
            .store(words[3], Ordering::Relaxed);
    }

    #[inline]
    fn read_payload(&self, index: u64, at: usize, into: &mut [u8]) {
        assert!(
            at + into.len() <= self.inline_max(),
            "payload read outside its slot"
        );
        let from = self.slot(index).wrapping_add(HEADER + at);
        // SAFETY: the assertion keeps the span inside a slot, which `new` checked to
        // be mapped; `into` is private memory.
        unsafe { core::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
    }

    #[inline]
    fn write_payload(&self, index: u64, at: usize, from: &[u8]) {
        assert!(
            at + from.len() <= self.inline_max(),
            "payload write outside its slot"
        );
        let into = self.slot(index).wrapping_add(HEADER + at);
        // SAFETY: the assertion keeps the span inside a slot, which `new` checked to
        // be mapped; `from` is private memory.
        unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), into, from.len()) };
    }

    #[inline]
    fn load_position(&self, order: Ordering) -> u64 {
        self.word64(self.control).load(order)
    }

    #[inline]
    fn store_position(&self, position: u64, order: Ordering) {
        self.word64(self.control).store(position, order);
    }

    #[inline]
    fn load_event_index(&self, order: Ordering) -> u64 {
        self.word64(self.control.wrapping_add(EVENT_INDEX))
            .load(order)
    }

    #[inline]
    fn store_event_index(&self, position: u64, order: Ordering) {
        self.word64(self.control.wrapping_add(EVENT_INDEX))
            .store(position, order);
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

impl fmt::Debug for RingView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingView")
            .field("capacity", &self.capacity)
            .field("stride", &self.stride)
            .finish_non_exhaustive()
    }
}
