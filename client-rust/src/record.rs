//! One call in flight: the credit it holds and what has become of it.
//!
//! ```text
//!           begin         ask              last GRANT            take_grants
//!   Free ──┬──────▶ Held ─────▶ Asked ──┬────────────▶ Granted ──┬───────────▶ Held
//!     ▲    │          │ send            └────────────▶ Refused ──┘
//!     │    └──────▶ Sent
//!     │               │ REPLY
//!     └── take ─── Answered
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

use outrigger_layout::buffer::BufferRef;
use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::{Codec, Error};
use outrigger_ringbuf::sync::{AtomicBool, Ordering};

use crate::answer::{Answer, Place};
use crate::lease::Lease;
use crate::leases::Leases;
use crate::lock::lock;
use crate::waiter::{Wait, Waiter};
use crate::wanted::Wanted;

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
    /// ALLOC is published for buffers of so many bytes; those that were granted so far
    /// lie in the record.
    Asked(Wanted),
    /// All of them were granted.
    Granted,
    /// None was granted.
    Refused(Error),
    /// CALL is published.
    Sent(Codec),
    /// REPLY has arrived.
    Answered(Answer),
}

/// To whom an answer of the server went.
#[derive(Debug)]
pub(crate) enum Delivered {
    /// To the call; its waiter, if it sleeps.
    Call(Option<Waiter>),
    /// To nobody: the call was abandoned and the record is free now. The buffers
    /// that came with the answer go back.
    Nobody,
    /// One GRANT of several. If the call was abandoned the buffer goes back.
    Part,
}

/// What a call that is given up leaves to be done.
#[derive(Debug)]
pub(crate) enum Remains {
    /// The record is free; the buffers go back.
    Record(Leases),
    /// ALLOC is unanswered, or half of it; the buffers go back.
    Grant(Leases),
    /// CALL is unanswered: CANCEL is due.
    Reply,
}

/// The record of one credit.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Record {
    /// Index of the lane whose credit it is.
    lane: usize,
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
    /// GRANTs that have come for the ALLOC.
    granted: usize,
    /// What was granted, or attached to the answer.
    leases: Leases,
    inline: [u8; INLINE_MAX as usize],
}

impl Record {
    /// The record of a credit of this lane.
    pub(crate) fn new(lane: usize) -> Self {
        let inner = Inner {
            phase: Phase::Free,
            abandoned: false,
            generation: 0,
            correlation: 0,
            waiter: None,
            granted: 0,
            leases: Leases::default(),
            inline: [0; INLINE_MAX as usize],
        };
        Self {
            lane,
            event: AtomicBool::new(false),
            inner: Mutex::new(inner),
        }
    }

    pub(crate) fn lane(&self) -> usize {
        self.lane
    }

    /// Takes the record: for a call whose CALL is about to be published, or that needs
    /// buffers before. Gives the correlation.
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

    /// Held to Asked: ALLOC is about to be published.
    pub(crate) fn ask(&self, wanted: Wanted) {
        let mut inner = lock(&self.inner);
        inner.granted = 0;
        self.enter(&mut inner, Phase::Asked(wanted));
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

    /// Takes a buffer, the next of those that were asked for; the last one makes Asked
    /// Granted. If the call was abandoned the buffer is added to `back`.
    ///
    /// # Errors
    /// Says what is wrong: nothing was asked, less was granted than asked, or the same
    /// once more.
    pub(crate) fn granted(
        &self,
        correlation: u64,
        lease: Lease,
        back: &mut Leases,
    ) -> Result<Delivered, String> {
        let (mut inner, wanted) = self.asked(correlation)?;
        let (lens, at) = (wanted.lens(), inner.granted);
        let (needed, len) = (lens[at], lease.len());
        if len < needed {
            return Err(format!(
                "GRANT of {len} bytes (at least {needed} were asked for)"
            ));
        }
        if inner.leases.have(lease.reference()) {
            return Err(named_twice(lease.reference(), "an ALLOC's GRANTs"));
        }
        inner.granted += 1;
        let is_last = inner.granted == lens.len();
        if inner.abandoned {
            back.push(Some(lease));
            if is_last {
                self.enter(&mut inner, Phase::Free);
                return Ok(Delivered::Nobody);
            }
            return Ok(Delivered::Part);
        }
        inner.leases.push(Some(lease));
        if is_last {
            self.enter(&mut inner, Phase::Granted);
            return Ok(Delivered::Call(inner.waiter.take()));
        }
        Ok(Delivered::Part)
    }

    /// Asked to Refused.
    ///
    /// # Errors
    /// Says what is wrong: nothing was asked, or a buffer was granted before.
    pub(crate) fn refused(&self, correlation: u64, error: Error) -> Result<Delivered, String> {
        let (mut inner, _) = self.asked(correlation)?;
        if inner.granted > 0 {
            return Err(format!("REFUSED for {correlation:#x} behind a GRANT"));
        }
        if inner.abandoned {
            self.enter(&mut inner, Phase::Free);
            return Ok(Delivered::Nobody);
        }
        self.enter(&mut inner, Phase::Refused(error));
        Ok(Delivered::Call(inner.waiter.take()))
    }

    /// Sent to Answered. `copy` puts what is inline into the record's bytes. `leases` are
    /// the attachments; if the call was abandoned all buffers are in them afterwards, and
    /// else none.
    ///
    /// # Errors
    /// Says what is wrong: no such call is in flight, or the codec differs.
    pub(crate) fn answered(
        &self,
        correlation: u64,
        answer: Answer,
        leases: &mut Leases,
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
            if let Place::Lent(lease) = answer.place {
                leases.push(Some(lease));
            }
            return Ok(Delivered::Nobody);
        }
        if let Place::Inline(len) = answer.place {
            copy(&mut inner.inline[..len]);
        }
        if answer.attachments > 0 {
            inner.leases = mem::take(leases);
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
    /// Why no buffers were granted.
    ///
    /// Preconditions: [`Record::poll`] returned true.
    pub(crate) fn take_grants(&self) -> Result<Leases, Error> {
        let mut inner = lock(&self.inner);
        match self.enter(&mut inner, Phase::Held) {
            Phase::Granted => Ok(mem::take(&mut inner.leases)),
            Phase::Refused(error) => Err(error),
            other => unreachable!("no grant in {other:?}"),
        }
    }

    /// Answered to Free. `look` sees the answer, and the bytes that are inline.
    ///
    /// Preconditions: [`Record::poll`] returned true.
    pub(crate) fn take_answer<T>(&self, look: impl FnOnce(&Answer, &[u8]) -> T) -> (Answer, T) {
        let mut inner = lock(&self.inner);
        let Phase::Answered(answer) = self.enter(&mut inner, Phase::Free) else {
            unreachable!("no answer");
        };
        let inline = match answer.place {
            Place::Inline(len) => &inner.inline[..len],
            Place::Nowhere | Place::Lent(_) => &[],
        };
        let seen = look(&answer, inline);
        (answer, seen)
    }

    /// The attachments of the answer that was taken, in order.
    ///
    /// Preconditions: the credit is still the caller's.
    pub(crate) fn take_attachments(&self) -> Leases {
        mem::take(&mut lock(&self.inner).leases)
    }

    /// Gives the call up.
    pub(crate) fn abandon(&self) -> Remains {
        let mut inner = lock(&self.inner);
        inner.waiter = None;
        inner.abandoned = true;
        match inner.phase {
            Phase::Asked(_) => return Remains::Grant(mem::take(&mut inner.leases)),
            Phase::Sent(_) => return Remains::Reply,
            _ => {}
        }
        let mut leases = mem::take(&mut inner.leases);
        if let Phase::Answered(answer) = self.enter(&mut inner, Phase::Free)
            && let Place::Lent(lease) = answer.place
        {
            leases.push(Some(lease));
        }
        Remains::Record(leases)
    }

    fn asked(&self, correlation: u64) -> Result<(MutexGuard<'_, Inner>, Wanted), String> {
        let inner = lock(&self.inner);
        match inner.phase {
            Phase::Asked(wanted) if inner.correlation == correlation => Ok((inner, wanted)),
            _ => Err(format!(
                "GRANT or REFUSED for {correlation:#x} (it did not ask)"
            )),
        }
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
        matches!(self, Self::Granted | Self::Refused(_) | Self::Answered(_))
    }
}

/// What is wrong with a message that names one buffer twice.
pub(crate) fn named_twice(reference: &BufferRef, message: &str) -> String {
    let BufferRef { extent, index, .. } = *reference;
    format!("buffer {index} of extent {extent} twice in {message}")
}

#[cfg(test)]
mod tests {
    use outrigger_layout::Code;

    use super::*;

    fn value(len: usize) -> Answer {
        Answer {
            code: Code::OK,
            codec: Codec::RAW,
            place: Place::Inline(len),
            message_len: None,
            attachments: 0,
        }
    }

    fn answered(record: &Record, correlation: u64, answer: Answer) -> Result<Delivered, String> {
        let copy = |into: &mut [u8]| into.copy_from_slice(b"abc");
        record.answered(correlation, answer, &mut Leases::default(), copy)
    }

    #[test]
    fn a_correlation_names_its_record_and_is_never_used_twice() {
        let record = Record::new(0);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let correlation = record.begin(RECORDS_MAX - 1, Phase::Sent(Codec::RAW));
            assert_eq!(index_of(correlation), Some(RECORDS_MAX - 1));
            seen.push(correlation);
            record.hold();
            assert!(matches!(record.abandon(), Remains::Record(_)));
        }
        seen.dedup();
        assert_eq!(seen.len(), 3);
        assert_eq!(index_of(1 << INDEX_BITS), None);
    }

    #[test]
    fn an_answer_is_delivered_once_and_only_to_its_own_call() {
        let record = Record::new(0);
        let correlation = record.begin(0, Phase::Sent(Codec::RAW));
        assert!(answered(&record, correlation + (1 << 16), value(3)).is_err());
        assert!(!record.has_event());
        answered(&record, correlation, value(3)).unwrap();
        assert!(record.poll(Wait::Thread));
        assert!(answered(&record, correlation, value(3)).is_err());
        let (answer, bytes) = record.take_answer(|_, bytes| bytes.to_vec());
        assert!(matches!(answer.place, Place::Inline(3)));
        assert_eq!(bytes, b"abc");
        assert!(answered(&record, correlation, value(3)).is_err());
    }

    #[test]
    fn an_abandoned_call_keeps_its_record_until_the_reply() {
        let record = Record::new(0);
        let correlation = record.begin(0, Phase::Sent(Codec::RAW));
        assert!(matches!(record.abandon(), Remains::Reply));
        assert!(record.is_sent(correlation));
        let delivered = answered(&record, correlation, value(3)).unwrap();
        assert!(matches!(delivered, Delivered::Nobody), "nobody wants it");
        assert!(!record.has_event());
    }

    #[test]
    fn a_success_of_another_codec_is_refused_and_an_error_of_one_is_not() {
        let record = Record::new(0);
        let correlation = record.begin(0, Phase::Sent(Codec::JSON));
        assert!(answered(&record, correlation, value(3)).is_err());
        let error = Answer {
            code: Code::NOT_FOUND,
            ..value(3)
        };
        assert!(answered(&record, correlation, error).is_ok());
    }
}
