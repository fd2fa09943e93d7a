//! The answering half of a lane: many threads finish calls, one at a time
//! publishes.

use std::sync::Mutex;

use outrigger_layout::slot::{DetailPrefix, SlotHeader, flag, kind};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::sync::{AtomicU32, AtomicU64, Ordering};
use outrigger_ringbuf::{Producer, RingView};

use crate::lock::lock;
use crate::session::calls::CallTable;
use crate::session::geometry::Credits;

/// What a REPLY says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) code: Code,
    pub(crate) flags: u8,
    /// Prefixes and value; together they fit a slot.
    pub(crate) parts: [&'a [u8]; 2],
    /// With the flag DETAIL: bytes of the message, the rest is the detail.
    pub(crate) message_len: u32,
}

impl<'a> Answer<'a> {
    /// A success with a value that fits the slot.
    pub(crate) fn value(value: &'a [u8]) -> Self {
        Self {
            code: Code::OK,
            flags: 0,
            parts: [value, &[]],
            message_len: 0,
        }
    }

    /// A success without a value.
    pub(crate) fn no_value() -> Self {
        Self {
            code: Code::OK,
            flags: flag::NO_VALUE,
            parts: [&[], &[]],
            message_len: 0,
        }
    }

    /// A failure whose message and detail fit the slot.
    pub(crate) fn failure(error: &'a Error) -> Self {
        let flags = error.detail().map_or(0, |_| flag::DETAIL);
        Self {
            code: error.code(),
            flags,
            parts: [
                error.message().as_bytes(),
                error.detail().unwrap_or_default(),
            ],
            message_len: error.message().len() as u32,
        }
    }

    /// Bytes that `failure` takes in a slot.
    pub(crate) fn failure_len(error: &Error) -> u64 {
        let detail = error
            .detail()
            .map_or(0, |detail| size_of::<DetailPrefix>() + detail.len());
        (error.message().len() + detail) as u64
    }
}

/// Reply ring and calls in flight of one lane.
#[derive(Debug)]
pub(crate) struct Lane {
    replies: Mutex<Producer<RingView>>,
    pub(crate) calls: CallTable,
    credits: Credits,
    /// Calls handed to the pool and not yet answered, by depth.
    in_flight: [AtomicU32; 9],
    /// Position up to which the request ring has been read and dealt with.
    consumed: AtomicU64,
}

impl Lane {
    pub(crate) fn new(replies: RingView, credits: Credits) -> Self {
        Self {
            replies: Mutex::new(Producer::new(replies)),
            calls: CallTable::new(credits.iter().map(|credit| usize::from(*credit)).sum()),
            credits,
            in_flight: Default::default(),
            consumed: AtomicU64::new(0),
        }
    }

    /// Checks that the client has a credit for one more call of this depth.
    ///
    /// # Errors
    /// PROTOCOL if it has not: a violation.
    pub(crate) fn check_credit(&self, depth: u8) -> Result<(), Error> {
        let credit = self.credits[depth as usize];
        // Relaxed: a decrement happens before the reply that returns the credit, and
        // the call that uses it again was read after that reply (P1, both ways).
        let in_flight = self.in_flight[depth as usize].load(Ordering::Relaxed);
        if in_flight >= u32::from(credit) {
            let seen = in_flight + 1;
            let text = format!("{seen} calls of depth {depth} in flight (maximum {credit})");
            return Err(Error::protocol(text));
        }
        Ok(())
    }

    /// Enters a call that another thread will answer; gives its place.
    ///
    /// # Errors
    /// PROTOCOL if its correlation is in flight already: a violation.
    pub(crate) fn begin(&self, call: &SlotHeader) -> Result<usize, Error> {
        let place = self.calls.enter(call.correlation)?;
        self.in_flight[call.depth as usize].fetch_add(1, Ordering::Relaxed);
        Ok(place)
    }

    /// Takes note that requests before `position` are dealt with: answered, or
    /// counted by `begin`.
    pub(crate) fn set_consumed(&self, position: u64) {
        // Release: whoever sees the position in `is_drained` sees `begin` too.
        self.consumed.store(position, Ordering::Release);
    }

    /// Publishes the answer of a call that `begin` entered. Returns true if the
    /// client must be woken.
    ///
    /// # Errors
    /// PROTOCOL if the ring is full, which credits exclude for an honest client.
    pub(crate) fn finish(
        &self,
        call: &SlotHeader,
        place: usize,
        answer: &Answer<'_>,
    ) -> Result<bool, Error> {
        let consumed = self.consumed.load(Ordering::Acquire);
        let mut replies = lock(&self.replies);
        // Both before publishing: the client may use the credit as soon as it sees
        // the reply. Release: `is_drained` sees the count only with the reply published;
        // it takes the lock to be sure of that.
        self.calls.leave(place);
        self.in_flight[call.depth as usize].fetch_sub(1, Ordering::Release);
        push(&mut replies, call, answer, consumed)
    }

    /// Publishes the answer of a call that its poller ran inline, having read
    /// requests up to `consumed`. Returns true if the client must be woken.
    ///
    /// # Errors
    /// PROTOCOL if the ring is full, which credits exclude for an honest client.
    pub(crate) fn answer(
        &self,
        call: &SlotHeader,
        answer: &Answer<'_>,
        consumed: u64,
    ) -> Result<bool, Error> {
        push(&mut lock(&self.replies), call, answer, consumed)
    }

    /// True if requests up to `last` are read and all calls are answered.
    pub(crate) fn is_drained(&self, last: u64) -> bool {
        if self.consumed.load(Ordering::Acquire) < last {
            return false;
        }
        let idle = self
            .in_flight
            .iter()
            .all(|count| count.load(Ordering::Acquire) == 0);
        // Whoever brought a count to zero publishes under this lock.
        drop(lock(&self.replies));
        idle
    }

    /// Calls handed to the pool and not yet answered.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }
}

fn push(
    replies: &mut Producer<RingView>,
    call: &SlotHeader,
    answer: &Answer<'_>,
    consumed: u64,
) -> Result<bool, Error> {
    let header = SlotHeader {
        lap: 0,
        kind: kind::REPLY,
        flags: answer.flags,
        method: call.method,
        correlation: call.correlation,
        payload_len: 0,
        code: answer.code.0,
        depth: call.depth,
        codec: call.codec,
        deadline: consumed,
    };
    if answer.flags & flag::DETAIL != 0 {
        return push_detail(replies, &header, answer);
    }
    replies
        .push(&header, &answer.parts)
        .map_err(Error::protocol)
}

/// Publishes with the prefix DETAIL: behind BUFFERS, before a value in the slot.
#[cold]
fn push_detail(
    replies: &mut Producer<RingView>,
    header: &SlotHeader,
    answer: &Answer<'_>,
) -> Result<bool, Error> {
    let prefix = DetailPrefix {
        message_len: answer.message_len,
        reserved: [0; 3],
    };
    let prefix = bytemuck::bytes_of(&prefix);
    let [first, second] = answer.parts;
    let parts = match answer.flags & flag::BUFFERS {
        0 => [prefix, first, second],
        _ => [first, second, prefix],
    };
    replies.push(header, &parts).map_err(Error::protocol)
}
