//! Waiting, by a caller that blocks: spin, then sleep.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

use outrigger_layout::Error;

use crate::journey::Journey;
use crate::parking::{Parked, Spinner};
use crate::record::Record;
use crate::session::Session;
use crate::waiter::Wait;

/// Looks between two readings of the clock: some two microseconds.
const LOOKS_PER_CLOCK: u32 = 64;

/// How a spin ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spin {
    /// With what the caller waits for.
    Won,
    /// Without; it began then.
    Lost(Instant),
    /// Somebody else spins, and this caller did not.
    Taken,
}

impl Session {
    /// Blocks until what was waited for is there.
    ///
    /// # Errors
    /// What ended the journey; TIMEOUT at its deadline.
    pub(crate) fn wait(&self, journey: &mut impl Journey) -> Result<(), Error> {
        let mut began = None;
        loop {
            if let Some(outcome) = journey.poll(Wait::Look) {
                return outcome;
            }
            let Some(record) = journey.record().filter(|_| self.may_spin(journey)) else {
                break;
            };
            match self.spin(record, journey.deadline()) {
                Spin::Won => self.waiting.won(),
                Spin::Lost(at) => {
                    began = Some(at);
                    break;
                }
                Spin::Taken => break,
            }
        }
        if let Some(outcome) = journey.poll(Wait::Thread) {
            return outcome;
        }
        self.counters.sleeps.add(1);
        let parked = Parked::new(self);
        let outcome = self.sleep(journey);
        drop(parked);
        if let (Some(began), Ok(())) = (began, &outcome) {
            self.waiting.slept(began.elapsed());
        }
        outcome
    }

    /// Sleeps, as often as it takes. Preconditions: the caller is parked.
    fn sleep(&self, journey: &mut impl Journey) -> Result<(), Error> {
        loop {
            if let Some(outcome) = journey.poll(Wait::Thread) {
                return outcome;
            }
            let Some(deadline) = journey.deadline() else {
                thread::park();
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(journey.time_out());
            }
            thread::park_timeout(left);
        }
    }

    /// A large payload is dealt with by a worker of the server: with the spinning
    /// caller and the poller that makes three threads, and spinning would keep the
    /// worker from its CPU where there are but two. (Measured on two CPUs, 1000
    /// bytes: 124 microseconds with spinning, 15 without.)
    fn may_spin(&self, journey: &impl Journey) -> bool {
        self.waiting.cpus >= 3 || !journey.awaits_worker()
    }

    /// Looks for the next event of a record for as long as the budget allows,
    /// reading for everybody meanwhile.
    fn spin(&self, record: &Record, deadline: Option<Instant>) -> Spin {
        let limit = self.waiting.limit();
        if limit.is_zero() {
            return Spin::Lost(Instant::now());
        }
        let Some(spinner) = Spinner::claim(self) else {
            return Spin::Taken;
        };
        let outcome = self.look(record, limit, deadline);
        drop(spinner);
        outcome
    }

    fn look(&self, record: &Record, limit: Duration, deadline: Option<Instant>) -> Spin {
        // A quick reply costs no reading of the clock.
        let mut began = None;
        loop {
            for _ in 0..LOOKS_PER_CLOCK {
                if self.watches().iter().any(|watch| watch.is_ready()) {
                    self.try_drain();
                }
                if record.has_event() {
                    return Spin::Won;
                }
                hint::spin_loop();
            }
            // A worker of the server may want this very CPU; see the Go client's wait.go.
            thread::yield_now();
            let now = Instant::now();
            let began = *began.get_or_insert(now);
            let late = deadline.is_some_and(|deadline| now >= deadline);
            if now - began >= limit || late || self.end_reason().is_some() {
                return Spin::Lost(began);
            }
        }
    }
}
