//! One call in flight: the credit it holds and what has become of it.
//!
//! ```text
//!            begin                  GRANT               take_grant
//!   Free ──┬───────▶ Asked ──────┬────────▶ Granted ──┬───────────▶ Held
//!     ▲    │                     └────────▶ Refused ──┘               │ send
//!     │    └───────▶ Sent ◀──────────────────────────────────────────┘
//!     │              │ REPLY
//!     └── take ── Answered
//! ```
//!
//! A caller that gives up in Asked or Sent leaves the record *abandoned*: it
//! stays taken until the server's answer arrives, which nobody gets. Records
//! are allocated with the session, one per credit; the answer of a small call
//! is copied into the record, so that its slot is free at once.
//!
//! The correlation is `generation << 16 | index + 1`. It names the record, and
//! the generation makes it new each time.

use std::mem;
use std::sync::{Mutex, MutexGuard};

use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::{Code, Codec, Error};
use outrigger_ringbuf::sync::{AtomicBool, Ordering};

use crate::extents::Lease;
use crate::lock::lock;
use crate::storage::Storage;
use crate::waiter::{Wait, Waiter};

/// Most records of a session: indexes have 16 bits and start at 1.
pub(crate) const RECORDS_MAX: usize = 0xffff;

/// Bits of the correlation that hold the index.
const INDEX_BITS: u32 = 16;

/// The record that a correlation names.
pub(crate) fn index_of(correlation: u64) -> Option<usize> {
    (correlation as usize & RECORDS_MAX).checked_sub(1)
}

/// What a call is doing.
#[derive(Debug)]
pub(crate) enum Phase {
    /// No call.
    Free,
    /// A caller holds the credit, nothing of the call is published.
    Held,
    /// ALLOC is published for a value of that many bytes.
    Asked(u64),
    /// The buffer was granted.
    Granted(Lease),
    /// No buffer was granted.
    Refused(Error),
    /// CALL is published.
    Sent(Codec),
    /// REPLY has arrived.
    Answered(Answer),
}

/// A REPLY, checked. What is inline lies in the record, then with the caller.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Outcome.
    pub(crate) code: Code,
    /// Encoding of the value.
    pub(crate) codec: Codec,
    /// Where value or message are.
    pub(crate) place: Place,
    /// Bytes of the message, if a typed detail stands behind it.
    pub(crate) message_len: Option<usize>,
}

/// Where the value of an answer is; or the message, if its code is not 0.
#[derive(Debug)]
pub(crate) enum Place {
    /// There is none.
    Nowhere,
    /// In the record: that many bytes.
    Inline(usize),
    /// In a lent buffer: the first so many bytes of it.
    Lent(Lease, usize),
}

/// To whom an answer of the server went.
#[derive(Debug)]
pub(crate) enum Delivered {
    /// To the call; its waiter, if it sleeps.
    Call(Option<Waiter>),
    /// To nobody: the call was abandoned and the record is free now. The buffer
    /// that came with the answer goes back.
    Nobody(Option<Lease>),
}

/// What a call that is given up leaves to be done.
#[derive(Debug)]
pub(crate) enum Remains {
    /// The record is free; the buffer goes back.
    Record(Option<Lease>),
    /// ALLOC is unanswered.
    Grant,
    /// CALL is unanswered: CANCEL is due.
    Reply,
}

/// The record of one credit.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Record {
    /// The phase is one that its caller waits for.
    event: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    abandoned: bool,
    generation: u64,
    /// Correlation of the call; 0 before the first.
    correlation: u64,
    waiter: Option<Waiter>,
    inline: [u8; INLINE_MAX as usize],
}

impl Record {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            phase: Phase::Free,
            abandoned: false,
            generation: 0,
            correlation: 0,
            waiter: None,
            inline: [0; INLINE_MAX as usize],
        };
        Self {
            event: AtomicBool::new(false),
            inner: Mutex::new(inner),
        }
    }

    /// Takes the record for a call whose first message, ALLOC or CALL, is about
    /// to be published; gives the correlation.
    ///
    /// Preconditions: the caller has taken the credit of this index.
    pub(crate) fn begin(&self, index: usize, phase: Phase) -> u64 {
        let mut inner = lock(&self.inner);
        debug_assert!(matches!(inner.phase, Phase::Free), "the credit was free");
        inner.correlation = inner.generation << INDEX_BITS | (index as u64 + 1);
        inner.generation += 1;
        inner.abandoned = false;
        inner.waiter = None;
        self.enter(&mut inner, phase);
        inner.correlation
    }

    /// Held to Sent: CALL is about to be published.
    pub(crate) fn send(&self, codec: Codec) {
        self.enter(&mut lock(&self.inner), Phase::Sent(codec));
    }

    /// Back to Held: what was about to be published was not.
    pub(crate) fn hold(&self) {
        self.enter(&mut lock(&self.inner), Phase::Held);
    }

    /// True if something may have arrived for the caller. Takes no lock.
    pub(crate) fn has_event(&self) -> bool {
        // Relaxed: a hint to take the lock, which orders what it guards.
        self.event.load(Ordering::Relaxed)
    }

    /// True if something has arrived for the caller; else leaves its waiter.
    pub(crate) fn poll(&self, wait: Wait<'_>) -> bool {
        if matches!(wait, Wait::Look) {
            return self.has_event();
        }
        let mut inner = lock(&self.inner);
        if !inner.phase.is_event() {
            inner.waiter = wait.waiter();
            return false;
        }
        inner.waiter = None;
        true
    }

    /// Takes the waiter, to tell it of something that is not in the record.
    pub(crate) fn take_waiter(&self) -> Option<Waiter> {
        lock(&self.inner).waiter.take()
    }

    /// Asked to Granted, if the buffer is large enough.
    ///
    /// # Errors
    /// Says what is wrong: nothing was asked, or less was granted than asked.
    pub(crate) fn granted(&self, correlation: u64, lease: Lease) -> Result<Delivered, String> {
        let mut inner = self.asked(correlation)?;
        let (needed, len) = (inner.phase.needed(), lease.len());
        if len < needed {
            return Err(format!(
                "GRANT of {len} bytes (at least {needed} were asked for)"
            ));
        }
        if inner.abandoned {
            self.enter(&mut inner, Phase::Free);
            return Ok(Delivered::Nobody(Some(lease)));
        }
        self.enter(&mut inner, Phase::Granted(lease));
        Ok(Delivered::Call(inner.waiter.take()))
    }

    /// Asked to Refused.
    ///
    /// # Errors
    /// Says what is wrong: nothing was asked.
    pub(crate) fn refused(&self, correlation: u64, error: Error) -> Result<Delivered, String> {
        let mut inner = self.asked(correlation)?;
        if inner.abandoned {
            self.enter(&mut inner, Phase::Free);
            return Ok(Delivered::Nobody(None));
        }
        self.enter(&mut inner, Phase::Refused(error));
        Ok(Delivered::Call(inner.waiter.take()))
    }

    /// Sent to Answered. `copy` puts what is inline into the record's bytes.
    ///
    /// # Errors
    /// Says what is wrong: no such call is in flight, or the codec differs.
    pub(crate) fn answered(
        &self,
        correlation: u64,
        answer: Answer,
        copy: impl FnOnce(&mut [u8]),
    ) -> Result<Delivered, String> {
        let mut inner = lock(&self.inner);
        let codec = match inner.phase {
            Phase::Sent(codec) if inner.correlation == correlation => codec,
            _ => return Err(format!("REPLY to {correlation:#x} (it is not in flight)")),
        };
        if answer.code.is_ok() && answer.codec != codec {
            let seen = answer.codec;
            return Err(format!("REPLY with codec {seen} (the call's is {codec})"));
        }
        if inner.abandoned {
            self.enter(&mut inner, Phase::Free);
            return Ok(Delivered::Nobody(match answer.place {
                Place::Lent(lease, _) => Some(lease),
                Place::Nowhere | Place::Inline(_) => None,
            }));
        }
        if let Place::Inline(len) = answer.place {
            copy(&mut inner.inline[..len]);
        }
        self.enter(&mut inner, Phase::Answered(answer));
        Ok(Delivered::Call(inner.waiter.take()))
    }

    /// True if this call is in flight.
    pub(crate) fn is_sent(&self, correlation: u64) -> bool {
        let inner = lock(&self.inner);
        inner.correlation == correlation && matches!(inner.phase, Phase::Sent(_))
    }

    /// Granted or Refused to Held.
    ///
    /// # Errors
    /// Why no buffer was granted.
    ///
    /// Preconditions: [`Record::poll`] returned true.
    pub(crate) fn take_grant(&self) -> Result<Lease, Error> {
        let mut inner = lock(&self.inner);
        match self.enter(&mut inner, Phase::Held) {
            Phase::Granted(lease) => Ok(lease),
            Phase::Refused(error) => Err(error),
            other => unreachable!("no grant in {other:?}"),
        }
    }

    /// Answered to Free; what is inline replaces the content of `into`.
    ///
    /// Preconditions: [`Record::poll`] returned true.
    pub(crate) fn take_answer(&self, into: &mut impl Storage) -> Answer {
        let mut inner = lock(&self.inner);
        let Phase::Answered(answer) = self.enter(&mut inner, Phase::Free) else {
            unreachable!("no answer");
        };
        if let Place::Inline(len) = answer.place {
            into.set_len(len).copy_from_slice(&inner.inline[..len]);
        }
        answer
    }

    /// Gives the call up.
    pub(crate) fn abandon(&self) -> Remains {
        let mut inner = lock(&self.inner);
        inner.waiter = None;
        let remains = match &inner.phase {
            Phase::Asked(_) => Remains::Grant,
            Phase::Sent(_) => Remains::Reply,
            _ => {
                let place = match self.enter(&mut inner, Phase::Free) {
                    Phase::Granted(lease) => Some(lease),
                    Phase::Answered(answer) => match answer.place {
                        Place::Lent(lease, _) => Some(lease),
                        Place::Nowhere | Place::Inline(_) => None,
                    },
                    _ => None,
                };
                return Remains::Record(place);
            }
        };
        inner.abandoned = true;
        remains
    }

    fn asked(&self, correlation: u64) -> Result<MutexGuard<'_, Inner>, String> {
        let inner = lock(&self.inner);
        if inner.correlation != correlation || !matches!(inner.phase, Phase::Asked(_)) {
            return Err(format!(
                "GRANT or REFUSED for {correlation:#x} (it did not ask)"
            ));
        }
        Ok(inner)
    }

    fn enter(&self, inner: &mut Inner, phase: Phase) -> Phase {
        // Relaxed: see `has_event`.
        self.event.store(phase.is_event(), Ordering::Relaxed);
        mem::replace(&mut inner.phase, phase)
    }
}

impl Phase {
    /// True for what a caller waits for.
    fn is_event(&self) -> bool {
        matches!(
            self,
            Self::Granted(_) | Self::Refused(_) | Self::Answered(_)
        )
    }

    fn needed(&self) -> u64 {
        match self {
            Self::Asked(needed) => *needed,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(len: usize) -> Answer {
        Answer {
            code: Code::OK,
            codec: Codec::RAW,
            place: Place::Inline(len),
            message_len: None,
        }
    }

    #[test]
    fn a_correlation_names_its_record_and_is_never_used_twice() {
        let record = Record::new();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let correlation = record.begin(RECORDS_MAX - 1, Phase::Sent(Codec::RAW));
            assert_eq!(index_of(correlation), Some(RECORDS_MAX - 1));
            seen.push(correlation);
            record.hold();
            assert!(matches!(record.abandon(), Remains::Record(None)));
        }
        seen.dedup();
        assert_eq!(seen.len(), 3);
        assert_eq!(index_of(1 << INDEX_BITS), None);
    }

    #[test]
    fn an_answer_is_delivered_once_and_only_to_its_own_call() {
        let record = Record::new();
        let correlation = record.begin(0, Phase::Sent(Codec::RAW));
        let copy = |into: &mut [u8]| into.copy_from_slice(b"abc");
        assert!(
            record
                .answered(correlation + (1 << 16), value(3), copy)
                .is_err()
        );
        assert!(!record.has_event());
        record.answered(correlation, value(3), copy).unwrap();
        assert!(record.poll(Wait::Thread));
        assert!(record.answered(correlation, value(3), copy).is_err());
        let mut bytes = b"old content".to_vec();
        assert!(matches!(
            record.take_answer(&mut bytes).place,
            Place::Inline(3)
        ));
        assert_eq!(bytes, b"abc");
        assert!(record.answered(correlation, value(3), copy).is_err());
    }

    #[test]
    fn an_abandoned_call_keeps_its_record_until_the_reply() {
        let record = Record::new();
        let correlation = record.begin(0, Phase::Sent(Codec::RAW));
        assert!(matches!(record.abandon(), Remains::Reply));
        assert!(record.is_sent(correlation));
        let copy = |_: &mut [u8]| panic!("nobody wants it");
        let delivered = record.answered(correlation, value(3), copy).unwrap();
        assert!(matches!(delivered, Delivered::Nobody(None)));
        assert!(!record.has_event());
    }

    #[test]
    fn a_success_of_another_codec_is_refused_and_an_error_of_one_is_not() {
        let record = Record::new();
        let correlation = record.begin(0, Phase::Sent(Codec::JSON));
        assert!(record.answered(correlation, value(0), |_| {}).is_err());
        let error = Answer {
            code: Code::NOT_FOUND,
            ..value(0)
        };
        assert!(record.answered(correlation, error, |_| {}).is_ok());
    }
}
