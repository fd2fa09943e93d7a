//! The writing end of a ring.

use outrigger_layout::slot::SlotHeader;
use thiserror::Error;

use crate::memory::{Memory, OBSERVE};
use crate::sync::Ordering;

/// Writes messages into slots and publishes them, one or a batch at a time.
///
/// Thread-compatible: one caller at a time. Positions are private; the only
/// words it reads from the consumer are its position and its event index, and
/// both are checked.
#[derive(Debug)]
pub struct Producer<M> {
    memory: M,
    capacity_log2: u32,
    /// Position of the first message not yet published.
    published: u64,
    /// Position of the next message to write; `tail - published` are staged.
    tail: u64,
    /// Position up to which the consumer is known to be done.
    consumed: u64,
    /// Position last read from the consumer's control words; it never goes back.
    backstop: u64,
}

/// Why no slot could be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReserveError {
    /// Every slot holds an unread message. Credits exclude this, so it is a
    /// defect of the producing side or a peer that does not read.
    #[error("ring full: {capacity} unread messages")]
    Full {
        /// Slots of the ring.
        capacity: u64,
    },
    /// The consumer claims a position it cannot have.
    #[error("consumer position {seen} (allowed: {lowest} to {highest})")]
    Impossible {
        /// What was read.
        seen: u64,
        /// The last position read, or 0 for one that came in a message.
        lowest: u64,
        /// The first position not published.
        highest: u64,
    },
    /// The payload does not fit behind the header.
    #[error("payload length {len} (maximum {max})")]
    TooLong {
        /// Bytes wanted.
        len: usize,
        /// Bytes there are.
        max: usize,
    },
}

impl<M: Memory> Producer<M> {
    /// The producer of an empty ring.
    pub fn new(memory: M) -> Self {
        Self::at(memory, 0)
    }

    /// The producer of a ring whose messages before `position` were all read.
    pub(crate) fn at(memory: M, position: u64) -> Self {
        let capacity_log2 = memory.capacity().trailing_zeros();
        Self {
            memory,
            capacity_log2,
            published: position,
            tail: position,
            consumed: position,
            backstop: position,
        }
    }

    /// Position behind the last published message.
    pub fn position(&self) -> u64 {
        self.published
    }

    /// Bytes of payload that fit in a slot.
    pub fn inline_max(&self) -> usize {
        self.memory.inline_max()
    }

    /// Writes one message, payload given in parts, without publishing it.
    /// `header.lap` and `header.payload_len` are set here.
    ///
    /// # Errors
    /// See [`ReserveError`]; nothing was written then.
    pub fn stage(&mut self, header: &SlotHeader, parts: &[&[u8]]) -> Result<(), ReserveError> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let max = self.memory.inline_max();
        if len > max {
            return Err(ReserveError::TooLong { len, max });
        }
        if self.tail - self.consumed >= self.memory.capacity() {
            self.refresh()?;
        }
        let index = self.tail & (self.memory.capacity() - 1);
        let header = SlotHeader {
            payload_len: len as u32,
            ..*header
        };
        self.memory.write_header(index, &header);
        let mut at = 0;
        for part in parts {
            self.memory.write_payload(index, at, part);
            at += part.len();
        }
        if self.tail != self.published {
            // Relaxed: the release store of the batch's first lap in `publish`
            // comes later and covers this one.
            self.store_lap(self.tail, Ordering::Relaxed);
        }
        self.tail += 1;
        Ok(())
    }

    /// Publishes all staged messages with one release store.
    ///
    /// Returns true if the doorbell must be rung: the consumer armed a position
    /// of this batch.
    #[must_use = "a consumer may be asleep"]
    pub fn publish(&mut self) -> bool {
        if self.tail == self.published {
            return false;
        }
        // P1 release: pairs with the acquire in Consumer::peek.
        self.store_lap(self.published, M::ORDERS.publish);
        if M::ORDERS.wake_fence {
            // P3: pairs with the fence in Consumer::arm. The total order of the two
            // fences leaves two cases. This one first: the consumer's second look
            // sees the lap stored above and it does not sleep. The other first: the
            // load below sees the armed index, which lies in this batch, and the
            // bell is rung. (virtio 1.3, section 2.7.10, makes the same argument.)
            self.memory.fence(Ordering::SeqCst);
        }
        // Relaxed: the value only decides about a hint; the fence orders it.
        let event_index = self.memory.load_event_index(Ordering::Relaxed);
        let (old, new) = (self.published, self.tail);
        self.published = new;
        event_index.wrapping_sub(old) < new - old
    }

    /// Stages and publishes one message; see [`Producer::stage`] and
    /// [`Producer::publish`].
    ///
    /// # Errors
    /// See [`ReserveError`]; nothing was published then.
    pub fn push(&mut self, header: &SlotHeader, parts: &[&[u8]]) -> Result<bool, ReserveError> {
        self.stage(header, parts)?;
        Ok(self.publish())
    }

    /// Takes note of a consumer position that arrived in a message.
    ///
    /// Preconditions: the consumer was done with the slots before that position
    /// when it published the message. (P1 of the message's ring then does what P2
    /// does for the published position.)
    ///
    /// # Errors
    /// [`ReserveError::Impossible`] if the consumer cannot be there. A position
    /// below the known one is legal here, as messages may overtake each other.
    pub fn learn(&mut self, position: u64) -> Result<(), ReserveError> {
        if position > self.published {
            return Err(self.impossible(position, 0));
        }
        self.consumed = self.consumed.max(position);
        Ok(())
    }

    /// Position up to which the consumer is known to be done, after a look at
    /// what it published.
    ///
    /// # Errors
    /// [`ReserveError::Impossible`] if the consumer cannot be there.
    pub fn consumed(&mut self) -> Result<u64, ReserveError> {
        let seen = self.memory.load_position(OBSERVE);
        if M::ORDERS.reuse_fence {
            // P2 acquire: pairs with the release in Consumer::release and arm.
            self.memory.fence(Ordering::Acquire);
        }
        if seen < self.backstop || seen > self.published {
            return Err(self.impossible(seen, self.backstop));
        }
        self.backstop = seen;
        self.consumed = self.consumed.max(seen);
        Ok(self.consumed)
    }

    /// Reads the consumer's published position, the backstop.
    fn refresh(&mut self) -> Result<(), ReserveError> {
        if self.tail - self.consumed()? >= self.memory.capacity() {
            return Err(ReserveError::Full {
                capacity: self.memory.capacity(),
            });
        }
        Ok(())
    }

    fn impossible(&self, seen: u64, lowest: u64) -> ReserveError {
        ReserveError::Impossible {
            seen,
            lowest,
            highest: self.published,
        }
    }

    fn store_lap(&self, position: u64, order: Ordering) {
        let index = position & (self.memory.capacity() - 1);
        self.memory.store_lap(
            index,
            SlotHeader::lap_of(position, self.capacity_log2),
            order,
        );
    }
}
