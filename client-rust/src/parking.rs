//! Parking: who reads the rings for those who sleep, and why nobody sleeps
//! beside a message.
//!
//! ```text
//!   a blocking caller                          the reader thread
//!   ───────────────────────────────────────    ──────────────────────────────────
//!   1 spins, if nobody of this process does:   sleeps in poll(pipe, socket, own bell)
//!     looks at the watches without a lock,     woken by the pipe:
//!     tries the token when one shows work        token { drain;
//!   2 leaves: clears SPINNER;                            parked > 0 and no spinner? arm }
//!     parked > 0? settle
//!   3 parks: parked += 1;
//!     settle: token { drain; arm }
//!     sleeps
//! ```
//!
//! An async caller begins at 3. An abandoned call is counted in `parked` until
//! its answer comes, as its buffer must go back though nobody waits for it.
//!
//! # No parked caller is ever left with a disarmed ring
//!
//! Claim: whenever `parked` counts somebody whose `settle` returned, each ring
//! is armed at its head, or somebody is under way who will drain and arm it.
//!
//! A ring is armed by whoever holds the token, and disarmed only by draining
//! its armed message, under the token too. So take a caller A whose settle
//! armed the rings, and the first hold of the token D after it that drains an
//! armed message. A counted itself before its hold, so D, which came later by
//! the token's mutex, sees `parked > 0` as long as A is counted. D is one of:
//!
//! 1. A `settle`, by a parker, an abandoner or a leaving spinner. It does not let
//!    the token go before all rings are armed and empty in the same hold; or it
//!    gives up after [`SETTLE_ROUNDS`] and rings the reader, which is under way then.
//! 2. The reader thread. After its drain, in the same hold, it arms as in 1
//!    unless it reads that this session's spinner is active: see 3.
//! 3. The active spinner S, or case 2 handing over to S. S will leave: it stores
//!    SPINNER = 0, then loads `parked`. If that load counts A, S settles: case 1.
//!    It does count A: in case D = S, A's increment happens before D. In case 2,
//!    A's increment happens before the reader's load of SPINNER, which read a
//!    value older than S's store. All four accesses are SeqCst, so in their
//!    total order: A's increment, the reader's load, S's store, S's load.
//!    (With release and acquire only, the reader may see the spinner active and
//!    the spinner see nobody parked, and both go to sleep.)
//!
//! That the reader decides after its drain and not before is essential: the
//! spinner it saw before could have left, armed and gone since, and the reader's
//! own drain would disarm behind it.
//!
//! Between an armed ring and its sleeper stands P3 of `outrigger_ringbuf`: the
//! server sees the armed index and rings, or the re-check sees the message. The
//! pipe is sticky, so a ring between re-check and poll is not lost. The belt in
//! `belt.rs` checks this claim once a second and counts what contradicts it.

use std::sync::{Mutex, TryLockError};
use std::thread;
use std::time::Duration;

use outrigger_ringbuf::sync::{AtomicBool, AtomicU64, Ordering};
use outrigger_ringbuf::{Budget, Policy};

use crate::lock::lock;
use crate::session::Session;
use crate::waiter::Wakes;

/// The session whose caller spins, 0 for none: at most one of the process does,
/// as two would only take each other's CPU.
static SPINNER: AtomicU64 = AtomicU64::new(0);
/// Numbers the sessions of this process, from 1.
static SESSIONS: AtomicU64 = AtomicU64::new(1);

/// Most drains of one settle, each of a batch of messages, before the reader
/// thread takes over: a caller keeps its deadline under any flood.
const SETTLE_ROUNDS: u32 = 256;

/// Whether a drain shall arm the rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arm {
    /// In any case.
    Always,
    /// If somebody is parked and no caller of this session spins.
    UnlessSpinning,
}

/// What a session knows of its waiters.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// This session's value of SPINNER.
    id: u64,
    /// Sleeping callers, async callers and abandoned calls: who relies on the
    /// reader thread.
    parked: AtomicU64,
    /// The reader thread sleeps without the belt.
    belt_off: AtomicBool,
    /// CPUs that this process may use.
    pub(crate) cpus: usize,
    budget: Mutex<Budget>,
    /// The budget's limit in nanoseconds, to be read without its lock.
    limit_ns: AtomicU64,
    /// The budget need not hear of another spin that was won.
    is_trusted: AtomicBool,
}

impl Waiting {
    pub(crate) fn new(policy: Policy) -> Self {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let budget = Budget::new(policy, cpus);
        Self {
            // Relaxed: only that the numbers differ matters.
            id: SESSIONS.fetch_add(1, Ordering::Relaxed),
            parked: AtomicU64::new(0),
            belt_off: AtomicBool::new(false),
            cpus,
            limit_ns: AtomicU64::new(nanoseconds(budget.limit())),
            is_trusted: AtomicBool::new(budget.is_trusted()),
            budget: Mutex::new(budget),
        }
    }

    /// Counts one who relies on the reader thread.
    ///
    /// The caller settles afterwards.
    pub(crate) fn enter(&self, session: &Session) {
        // SeqCst, this and all accesses of `parked` and SPINNER: see the module's
        // claim. Also against `belt_off`: the reader stores it and loads `parked`, we
        // store `parked` and load it, so one of the two sees the other.
        self.parked.fetch_add(1, Ordering::SeqCst);
        if self.belt_off.load(Ordering::SeqCst) && self.belt_off.swap(false, Ordering::SeqCst) {
            session.reader_bell.ring();
        }
    }

    /// Takes the count back.
    pub(crate) fn leave(&self) {
        self.parked.fetch_sub(1, Ordering::SeqCst);
    }

    /// True if somebody relies on the reader thread.
    pub(crate) fn is_anybody_parked(&self) -> bool {
        self.parked.load(Ordering::SeqCst) > 0
    }

    /// The reader thread wants to sleep without the belt. Returns false if
    /// somebody is parked, and it must not.
    pub(crate) fn try_belt_off(&self) -> bool {
        self.belt_off.store(true, Ordering::SeqCst);
        if self.is_anybody_parked() {
            self.belt_off.store(false, Ordering::SeqCst);
            return false;
        }
        true
    }

    fn is_spinner_active(&self) -> bool {
        SPINNER.load(Ordering::SeqCst) == self.id
    }

    /// How long to spin now.
    pub(crate) fn limit(&self) -> Duration {
        // Relaxed: any recent limit will do.
        Duration::from_nanos(self.limit_ns.load(Ordering::Relaxed))
    }

    /// Takes note of a spin that ended with work.
    pub(crate) fn won(&self) {
        // Relaxed: as for the limit.
        if !self.is_trusted.load(Ordering::Relaxed) {
            self.adapt(Budget::won);
        }
    }

    /// Takes note of a wait that ended in sleep, and then with work.
    pub(crate) fn slept(&self, waited: Duration) {
        self.adapt(|budget| budget.slept(waited));
    }

    fn adapt(&self, change: impl FnOnce(&mut Budget)) {
        let mut budget = lock(&self.budget);
        change(&mut budget);
        let limit_ns = nanoseconds(budget.limit());
        self.limit_ns.store(limit_ns, Ordering::Relaxed);
        self.is_trusted
            .store(budget.is_trusted(), Ordering::Relaxed);
    }
}

/// Counts a caller as parked while it lives.
#[derive(Debug)]
pub(crate) struct Parked<'a> {
    session: &'a Session,
}

impl<'a> Parked<'a> {
    /// Counts, then settles: from now on the reader thread wakes the caller.
    ///
    /// Preconditions: the caller has left its waiter.
    pub(crate) fn new(session: &'a Session) -> Self {
        session.waiting.enter(session);
        session.settle();
        Self { session }
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.session.waiting.leave();
    }
}

/// The right to spin, while it lives.
#[derive(Debug)]
pub(crate) struct Spinner<'a> {
    session: &'a Session,
}

impl<'a> Spinner<'a> {
    /// The right, unless somebody of this process has it.
    pub(crate) fn claim(session: &'a Session) -> Option<Self> {
        let claim =
            SPINNER.compare_exchange(0, session.waiting.id, Ordering::SeqCst, Ordering::Relaxed);
        claim.is_ok().then_some(Self { session })
    }
}

impl Drop for Spinner<'_> {
    fn drop(&mut self) {
        SPINNER.store(0, Ordering::SeqCst);
        if self.session.waiting.is_anybody_parked() {
            self.session.settle();
        }
    }
}

impl Session {
    /// Drains if nobody else does: for a spinner.
    pub(crate) fn try_drain(&self) {
        let mut wakes = Wakes::default();
        let outcome = match self.inbox.try_lock() {
            Ok(mut inbox) => inbox.drain(self, &mut wakes),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().drain(self, &mut wakes),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Err(error) = outcome {
            self.violated(error);
        }
    }

    /// Drains and arms all rings; returns when they are armed and empty.
    pub(crate) fn settle(&self) {
        self.drain_and(Arm::Always);
    }

    /// What the reader thread does after a wake.
    pub(crate) fn serve_wake(&self) {
        self.drain_and(Arm::UnlessSpinning);
    }

    fn drain_and(&self, arm: Arm) {
        for _ in 0..SETTLE_ROUNDS {
            let mut wakes = Wakes::default();
            let mut inbox = lock(&self.inbox);
            let outcome = inbox.drain(self, &mut wakes).and_then(|empty| {
                // In this order and in this hold: see case 2 of the module's claim.
                let skip = arm == Arm::UnlessSpinning
                    && (!self.waiting.is_anybody_parked() || self.waiting.is_spinner_active());
                Ok(empty && (skip || inbox.arm()?))
            });
            drop(inbox);
            wakes.wake_all();
            match outcome {
                Ok(true) => return,
                Ok(false) if self.end_reason().is_none() => {}
                Ok(false) => return,
                Err(error) => {
                    self.violated(error);
                    return;
                }
            }
        }
        self.reader_bell.ring();
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::task::{Wake, Waker};

    use super::*;
    use crate::heap::Heap;
    use crate::waiter::Wait;

    /// SPINNER is one for the process: these tests take turns.
    static TURN: Mutex<()> = Mutex::new(());

    #[test]
    fn parking_arms_and_a_drain_disarms() {
        let _turn = lock(&TURN);
        let mut heap = Heap::new();
        let seat = heap.call();
        drop(Parked::new(&heap.session));
        assert!(heap.is_armed());
        assert!(heap.answer(seat), "it rings for the armed position");
        heap.session.try_drain();
        assert!(!heap.is_armed(), "nobody armed the next one");
        assert!(heap.session.record(seat.record).has_event());
    }

    #[test]
    fn a_leaving_spinner_arms_for_those_who_sleep() {
        let _turn = lock(&TURN);
        let mut heap = Heap::new();
        let seat = heap.call();
        {
            let parked = Parked::new(&heap.session);
            let spinner = Spinner::claim(&heap.session);
            assert!(spinner.is_some() && Spinner::claim(&heap.session).is_none());
            std::mem::forget((parked, spinner));
        }
        heap.answer(seat);
        heap.session.try_drain();
        assert!(!heap.is_armed(), "while it spins it reads for all");
        drop(Spinner {
            session: &heap.session,
        });
        assert!(heap.is_armed());
        assert_eq!(SPINNER.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_spinner_with_nobody_asleep_arms_nothing() {
        let _turn = lock(&TURN);
        let mut heap = Heap::new();
        let seat = heap.call();
        heap.answer(seat);
        heap.session.try_drain();
        drop(Spinner::claim(&heap.session));
        assert!(!heap.is_armed(), "the server need not ring for anybody");
    }

    #[test]
    fn the_reader_arms_for_sleepers_unless_their_own_session_has_a_spinner() {
        let _turn = lock(&TURN);
        let (mut heap, other) = (Heap::new(), Heap::new());
        // The id of the session whose caller spins, and whether somebody sleeps.
        let own = heap.session.waiting.id;
        let foreign = other.session.waiting.id;
        for (spinner, sleeps, arms) in [
            (0, true, true),
            (foreign, true, true),
            (own, true, false),
            (0, false, false),
        ] {
            let seat = heap.call();
            heap.answer(seat);
            SPINNER.store(spinner, Ordering::SeqCst);
            if sleeps {
                heap.session.waiting.enter(&heap.session);
            }
            heap.session.serve_wake();
            assert_eq!(heap.is_armed(), arms, "spinner {spinner}, sleeps {sleeps}");
            if sleeps {
                heap.session.waiting.leave();
            }
            SPINNER.store(0, Ordering::SeqCst);
            heap.session.abandon(seat);
        }
    }

    #[test]
    fn an_abandoned_call_arms_and_is_counted_until_its_answer() {
        let _turn = lock(&TURN);
        let mut heap = Heap::new();
        let (first, second) = (heap.call(), heap.call());
        heap.answer(first);
        heap.session.try_drain();
        assert!(!heap.is_armed());
        heap.session.abandon(second);
        assert!(heap.is_armed() && heap.session.waiting.is_anybody_parked());
        heap.answer(second);
        heap.session.serve_wake();
        assert!(!heap.session.waiting.is_anybody_parked());
        assert_eq!(lock(&heap.session.inbox).late_count, 1);
    }

    #[test]
    fn nobody_is_woken_under_the_token() {
        struct Waking(Arc<Session>, mpsc::Sender<bool>);
        impl Wake for Waking {
            fn wake(self: Arc<Self>) {
                let is_free = self.0.inbox.try_lock().is_ok();
                self.1.send(is_free).expect("the test listens");
            }
        }
        let _turn = lock(&TURN);
        let mut heap = Heap::new();
        let seats = [heap.call(), heap.call(), heap.call(), heap.call()];
        let (sender, receiver) = mpsc::channel();
        for seat in seats {
            let waking = Waking(Arc::clone(&heap.session), sender.clone());
            let waker = Waker::from(Arc::new(waking));
            assert!(!heap.session.record(seat.record).poll(Wait::Task(&waker)));
            heap.answer(seat);
        }
        heap.session.settle();
        let woken: Vec<bool> = receiver.try_iter().collect();
        assert_eq!(woken, [true; 4]);
    }
}
