//! The reading end of a ring.

use outrigger_layout::slot::SlotHeader;
use thiserror::Error;

use crate::memory::{Memory, OBSERVE};
use crate::sync::Ordering;

/// Reads messages out of slots, one at a time.
///
/// Thread-compatible: one caller at a time. Everything it reads was written by
/// a peer and is hostile: the header is copied once, and callers check the copy.
#[derive(Debug)]
pub struct Consumer<M> {
    memory: M,
    capacity_log2: u32,
    /// Position of the next message to read.
    head: u64,
    /// Position last stored for the producer.
    published: u64,
}

/// A slot whose lap tag is neither the awaited one nor the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("lap {seen} at position {position} (allowed: {awaited} or the one before)")]
pub struct Corrupt {
    /// Position of the slot.
    pub position: u64,
    /// Lap tag that was read.
    pub seen: u32,
    /// Lap tag of a published message.
    pub awaited: u32,
}

impl<M: Memory> Consumer<M> {
    /// The consumer of an empty ring.
    pub fn new(memory: M) -> Self {
        Self::at(memory, 0)
    }

    /// The consumer of a ring whose messages before `position` were all read.
    pub(crate) fn at(memory: M, position: u64) -> Self {
        let capacity_log2 = memory.capacity().trailing_zeros();
        Self {
            memory,
            capacity_log2,
            head: position,
            published: position,
        }
    }

    /// Position of the next message to read.
    pub fn position(&self) -> u64 {
        self.head
    }

    /// Bytes of payload that fit in a slot.
    pub fn inline_max(&self) -> usize {
        self.memory.inline_max()
    }

    /// A copy of the next message's header, or `None` if the ring is empty.
    ///
    /// # Errors
    /// [`Corrupt`] if the slot is neither published nor empty: the peer broke
    /// the protocol. That is never reported as empty.
    pub fn peek(&self) -> Result<Option<SlotHeader>, Corrupt> {
        let index = self.head & (self.memory.capacity() - 1);
        let awaited = SlotHeader::lap_of(self.head, self.capacity_log2);
        let seen = self.memory.load_lap(index, OBSERVE);
        if seen != awaited {
            if seen == awaited.wrapping_sub(1) {
                return Ok(None);
            }
            return Err(Corrupt {
                position: self.head,
                seen,
                awaited,
            });
        }
        if M::ORDERS.observe_fence {
            // P1 acquire: pairs with the release in Producer::publish.
            self.memory.fence(Ordering::Acquire);
        }
        Ok(Some(SlotHeader {
            lap: seen,
            ..self.memory.read_header(index)
        }))
    }

    /// Copies payload bytes of the message that `peek` returned.
    ///
    /// Preconditions: `peek` returned a header, and `at + into.len()` is within
    /// [`Consumer::inline_max`].
    pub fn copy_payload(&self, at: usize, into: &mut [u8]) {
        let index = self.head & (self.memory.capacity() - 1);
        self.memory.read_payload(index, at, into);
    }

    /// Gives the slot of the message that `peek` returned back to the producer.
    pub fn release(&mut self) {
        self.head += 1;
        if self.head - self.published >= self.memory.capacity() / 4 {
            self.publish_position();
        }
    }

    /// Arms the ring: after this the producer rings the doorbell for the next
    /// message. Returns true if a message is there already, and the caller must
    /// not sleep; the ring stays armed then.
    ///
    /// Preconditions: `peek` returned `None` at this position.
    ///
    /// # Errors
    /// [`Corrupt`], as `peek`.
    pub fn arm(&mut self) -> Result<bool, Corrupt> {
        if self.head != self.published {
            self.publish_position();
        }
        // Relaxed: the fence below orders it against the second look.
        self.memory.store_event_index(self.head, Ordering::Relaxed);
        if M::ORDERS.arm_fence {
            // P3: pairs with the fence in Producer::publish, where the argument is.
            self.memory.fence(Ordering::SeqCst);
        }
        Ok(self.peek()?.is_some())
    }

    fn publish_position(&mut self) {
        // P2 release: pairs with the acquire in Producer::refresh.
        self.memory.store_position(self.head, M::ORDERS.release);
        self.published = self.head;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outrigger_layout::ring::{RingDescriptor, kind};

    use super::*;
    use crate::{Mapping, Producer, RingView};

    #[test]
    fn a_ring_goes_on_when_the_lap_wraps_to_zero() {
        let descriptor = RingDescriptor {
            kind: kind::REQUEST,
            lane: 0,
            capacity: 2,
            stride: 64,
            reserved: 0,
            slots_offset: 4096,
            control_offset: 4096 + 128,
        };
        let mapping = Arc::new(Mapping::heap(8192));
        let view = || RingView::new(&descriptor, &mapping, &mapping).unwrap();
        // Laps u32::MAX, 0, 1 and 2 come next; the lap before them was u32::MAX - 1.
        let start = 2 * (u64::from(u32::MAX) - 1);
        let memory = view();
        memory.store_lap(0, u32::MAX - 1, Ordering::Relaxed);
        memory.store_lap(1, u32::MAX - 1, Ordering::Relaxed);
        let mut producer = Producer::at(view(), start);
        let mut consumer = Consumer::at(view(), start);
        let mut laps = Vec::new();
        for _ in 0..4 {
            assert_eq!(consumer.peek(), Ok(None));
            let _ = producer.push(&bytemuck::Zeroable::zeroed(), &[]).unwrap();
            let _ = producer.push(&bytemuck::Zeroable::zeroed(), &[]).unwrap();
            while let Some(header) = consumer.peek().unwrap() {
                laps.push(header.lap);
                consumer.release();
            }
        }
        assert_eq!(laps, [u32::MAX, u32::MAX, 0, 0, 1, 1, 2, 2]);
        assert_eq!(producer.position(), consumer.position());
    }
}
