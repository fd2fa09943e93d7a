//! A ring on the heap: both ends, and a third hand in the same memory.
//!
//! Heap memory because Miri knows no memfd, and ThreadSanitizer sees no race
//! between two mappings of one.

use std::sync::Arc;

use outrigger_layout::limits::PAGE;
use outrigger_layout::ring::{ConsumerControl, RingDescriptor, kind::REQUEST};
use outrigger_layout::slot::{SlotHeader, kind::CALL};
use outrigger_ringbuf::{Consumer, Mapping, Producer, RingView};

/// Bytes from one slot to the next.
pub(crate) const STRIDE: u32 = 128;

/// Bytes of payload in a slot.
pub(crate) const INLINE_MAX: usize = STRIDE as usize - size_of::<SlotHeader>();

/// An empty ring of `capacity` slots: its ends, and its memory as a test or a
/// hostile peer may write it.
pub(crate) fn heap_ring(capacity: u32) -> (Producer<RingView>, Consumer<RingView>, RingView) {
    let descriptor = RingDescriptor {
        kind: REQUEST,
        lane: 0,
        capacity,
        stride: STRIDE,
        reserved: 0,
        slots_offset: PAGE,
        control_offset: PAGE,
    };
    let slots = Arc::new(Mapping::heap(PAGE as usize + (capacity * STRIDE) as usize));
    let control = Arc::new(Mapping::heap(PAGE as usize + size_of::<ConsumerControl>()));
    let view = || RingView::new(&descriptor, &slots, &control).unwrap();
    (Producer::new(view()), Consumer::new(view()), view())
}

/// A header that names one message.
pub(crate) fn message(id: u64) -> SlotHeader {
    SlotHeader {
        kind: CALL,
        correlation: id,
        ..bytemuck::Zeroable::zeroed()
    }
}

/// The payload of message `id`: its length and each byte follow from the id.
pub(crate) fn payload(id: u64) -> Vec<u8> {
    let len = id as usize % (INLINE_MAX + 1);
    (0..len).map(|at| (id as usize + at) as u8).collect()
}

/// Takes the next message, checks that it is whole, and returns its header.
pub(crate) fn receive(consumer: &mut Consumer<RingView>) -> Option<SlotHeader> {
    let header = consumer.peek().expect("a sound ring")?;
    let mut bytes = vec![0; header.payload_len as usize];
    consumer.copy_payload(0, &mut bytes);
    assert_eq!(bytes, payload(header.correlation), "a torn message");
    consumer.release();
    Some(header)
}
