//! The calling half of a lane: its request ring and its credits.
//!
//! ```text
//!   callers ──take_credit──▶ free bits (one per record)
//!           ──publish──────▶ lock ─▶ request ring ═══▶ server
//!   token ◀──learned── REPLY: "read up to here"        (inbox.rs)
//! ```
//!
//! Many threads call; each holds the lock just to write its slot. After
//! GOAWAY_ACK the lane is *sealed*: nothing follows the position that was sent.

use std::sync::Mutex;

use outrigger_layout::Error;
use outrigger_layout::slot::SlotHeader;
use outrigger_ringbuf::sync::{AtomicU64, Ordering};
use outrigger_ringbuf::{Producer, ReserveError, RingView};

use crate::lock::lock;

/// Why a message was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unpublished {
    /// GOAWAY was acknowledged.
    Sealed,
    /// The ring is full: a defect of this side, as credits exclude it.
    Full(Error),
    /// The server claims an impossible position: the session ends.
    Violation(Error),
}

impl From<ReserveError> for Unpublished {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Impossible { .. } => Self::Violation(Error::protocol(error)),
            _ => Self::Full(Error::resource_exhausted(error)),
        }
    }
}

/// One lane.
#[derive(Debug)]
pub(crate) struct Lane {
    requests: Mutex<Requests>,
    /// Position behind the last message that the server may have seen. Written
    /// under the lock, before publication; read by whoever checks a reply.
    tail: AtomicU64,
    /// Position up to which the server has read, from its replies. Written by
    /// whoever holds the token, read under the lock.
    consumed: AtomicU64,
    /// A set bit is a free record.
    free: Box<[AtomicU64]>,
    /// Index of this lane's first record.
    first: usize,
    /// Number of its records.
    count: usize,
    inline_max: usize,
}

#[derive(Debug)]
struct Requests {
    producer: Producer<RingView>,
    sealed: bool,
}

impl Lane {
    /// A lane whose records are `first` to `first + count - 1`.
    pub(crate) fn new(requests: RingView, first: usize, count: usize) -> Self {
        let producer = Producer::new(requests);
        let inline_max = producer.inline_max();
        let word = |index: usize| match count - index * 64 {
            left @ 0..64 => (1_u64 << left) - 1,
            _ => u64::MAX,
        };
        Self {
            requests: Mutex::new(Requests {
                producer,
                sealed: false,
            }),
            tail: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            free: (0..count.div_ceil(64))
                .map(|index| AtomicU64::new(word(index)))
                .collect(),
            first,
            count,
            inline_max,
        }
    }

    /// Takes a credit; gives the index of its record.
    pub(crate) fn take_credit(&self) -> Option<usize> {
        for (index, word) in self.free.iter().enumerate() {
            // SeqCst: see `credits.rs`.
            let mut seen = word.load(Ordering::SeqCst);
            while seen != 0 {
                let bit = seen & seen.wrapping_neg();
                // Acquire: whoever gave the credit is done with its record.
                seen = word.fetch_and(!bit, Ordering::Acquire);
                if seen & bit != 0 {
                    return Some(self.first + index * 64 + bit.trailing_zeros() as usize);
                }
            }
        }
        None
    }

    /// Gives the credit of a record back.
    pub(crate) fn give_credit(&self, record: usize) {
        let bit = record - self.first;
        // SeqCst: see `credits.rs`.
        self.free[bit / 64].fetch_or(1 << (bit % 64), Ordering::SeqCst);
    }

    /// True if the record is one of this lane's.
    pub(crate) fn owns(&self, record: usize) -> bool {
        (self.first..self.first + self.count).contains(&record)
    }

    /// Bytes of payload that fit in a request's slot.
    pub(crate) fn inline_max(&self) -> usize {
        self.inline_max
    }

    /// Publishes one message. Returns true if the server's bell must be rung.
    pub(crate) fn publish(
        &self,
        header: &SlotHeader,
        parts: &[&[u8]],
    ) -> Result<bool, Unpublished> {
        let mut requests = lock(&self.requests);
        if requests.sealed {
            return Err(Unpublished::Sealed);
        }
        // Acquire: pairs with the release in `learned`, and so the server's reads of
        // a slot come before it is written again.
        let consumed = self.consumed.load(Ordering::Acquire);
        requests.producer.learn(consumed)?;
        requests.producer.stage(header, parts)?;
        // Relaxed: whoever checks a reply against it was reached by way of the
        // publication below and the server.
        self.tail
            .store(requests.producer.position() + 1, Ordering::Relaxed);
        Ok(requests.producer.publish())
    }

    /// Position behind the last published message.
    pub(crate) fn position(&self) -> u64 {
        lock(&self.requests).producer.position()
    }

    /// Publishes nothing any more; gives the final position.
    pub(crate) fn seal(&self) -> u64 {
        let mut requests = lock(&self.requests);
        requests.sealed = true;
        requests.producer.position()
    }

    /// Takes note of the position that a REPLY carries.
    ///
    /// # Errors
    /// Says what is wrong: the server cannot have read so far.
    ///
    /// Preconditions: the caller holds the token.
    pub(crate) fn learned(&self, position: u64) -> Result<(), String> {
        // Relaxed: see `publish`.
        let tail = self.tail.load(Ordering::Relaxed);
        if position > tail {
            return Err(format!(
                "REPLY with request position {position} (at most {tail})"
            ));
        }
        // Relaxed: only the holder of the token writes it.
        if position > self.consumed.load(Ordering::Relaxed) {
            self.consumed.store(position, Ordering::Release);
        }
        Ok(())
    }

    /// Positions published and, as far as the server has said, read.
    ///
    /// # Errors
    /// PROTOCOL if the server claims an impossible position.
    pub(crate) fn positions(&self) -> Result<(u64, u64), Error> {
        let mut requests = lock(&self.requests);
        let consumed = self.consumed.load(Ordering::Acquire);
        requests.producer.learn(consumed).map_err(Error::protocol)?;
        let consumed = requests.producer.consumed().map_err(Error::protocol)?;
        Ok((requests.producer.position(), consumed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outrigger_layout::ring::{RingDescriptor, kind};
    use outrigger_ringbuf::Mapping;

    use super::*;

    fn lane(count: usize) -> Lane {
        let memory = Arc::new(Mapping::heap(1 << 20));
        let descriptor = RingDescriptor {
            kind: kind::REQUEST,
            lane: 0,
            capacity: 16,
            stride: 256,
            reserved: 0,
            slots_offset: 8192,
            control_offset: 4096,
        };
        let view = RingView::new(&descriptor, &memory, &memory).unwrap();
        Lane::new(view, 10, count)
    }

    #[test]
    fn each_credit_is_taken_once() {
        for count in [1, 63, 64, 65, 130] {
            let lane = lane(count);
            let mut taken: Vec<_> = core::iter::from_fn(|| lane.take_credit()).collect();
            taken.sort_unstable();
            assert_eq!(taken, (10..10 + count).collect::<Vec<_>>());
            lane.give_credit(10 + count - 1);
            assert_eq!(lane.take_credit(), Some(10 + count - 1));
            assert_eq!(lane.take_credit(), None);
            assert!(lane.owns(10) && !lane.owns(9) && !lane.owns(10 + count));
        }
    }

    #[test]
    fn a_full_ring_goes_on_with_the_position_of_a_reply() {
        let lane = lane(1);
        let header = bytemuck::Zeroable::zeroed();
        for _ in 0..16 {
            lane.publish(&header, &[]).unwrap();
        }
        let full = lane.publish(&header, &[]);
        assert!(matches!(full, Err(Unpublished::Full(_))), "{full:?}");
        assert!(lane.learned(17).is_err(), "nobody can have read that far");
        lane.learned(3).unwrap();
        for _ in 0..3 {
            lane.publish(&header, &[]).unwrap();
        }
        assert_eq!(lane.positions().unwrap(), (19, 3));
    }

    #[test]
    fn nothing_follows_the_position_of_a_sealed_lane() {
        let lane = lane(1);
        let header = bytemuck::Zeroable::zeroed();
        lane.publish(&header, &[]).unwrap();
        assert_eq!(lane.seal(), 1);
        assert_eq!(lane.publish(&header, &[]), Err(Unpublished::Sealed));
    }
}
