//! A journey that a task polls: the reader thread wakes it.

use std::fmt;
use std::task::{Context, Poll};
use std::time::Instant;

use outrigger_layout::Error;

use crate::journey::Journey;
use crate::parking::Parked;
use crate::session::Session;
use crate::timers::TimerKey;
use crate::waiter::Wait;

/// What the futures of this crate are made of.
pub(crate) struct Polled<'a, J> {
    session: &'a Session,
    /// `None` once it has ended.
    journey: Option<J>,
    parked: Option<Parked<'a>>,
    timer: Option<TimerKey>,
}

impl<'a, J: Journey> Polled<'a, J> {
    pub(crate) fn new(session: &'a Session, journey: J) -> Self {
        Self {
            session,
            journey: Some(journey),
            parked: None,
            timer: None,
        }
    }

    /// Gives the journey once it has ended, and how.
    ///
    /// # Panics
    /// Panics if polled after it has ended.
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<(J, Result<(), Error>)> {
        let journey = self.journey.as_mut().expect("polled after its end");
        let outcome = journey.poll(Wait::Task(context.waker()));
        let deadline = journey.deadline();
        let outcome = match outcome {
            Some(outcome) => outcome,
            None if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                Err(journey.time_out())
            }
            None => {
                self.rely_on_reader(context, deadline);
                return Poll::Pending;
            }
        };
        self.end();
        let journey = self.journey.take().expect("it was polled just now");
        Poll::Ready((journey, outcome))
    }

    /// Sees to it that the task is woken: by the reader thread when the answer
    /// comes, at the deadline at the latest.
    fn rely_on_reader(&mut self, context: &Context<'_>, deadline: Option<Instant>) {
        // The journey has left its waiter; an answer found by settling wakes it.
        self.parked.get_or_insert_with(|| Parked::new(self.session));
        let timers = &self.session.timers;
        match (self.timer, deadline) {
            (Some(key), _) => timers.update(key, context.waker()),
            (None, Some(deadline)) => {
                let (key, late) = timers.set(deadline, context.waker());
                self.timer = Some(key);
                if late {
                    self.session.reader_bell.ring();
                }
            }
            (None, None) => {}
        }
    }
}

impl<J> Polled<'_, J> {
    fn end(&mut self) {
        if let Some(key) = self.timer.take() {
            self.session.timers.clear(key);
        }
        self.parked = None;
    }
}

impl<J> Drop for Polled<'_, J> {
    fn drop(&mut self) {
        // Giving up counts the abandoned call before this caller's count ends.
        self.journey = None;
        self.end();
    }
}

impl<J: fmt::Debug> fmt::Debug for Polled<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled")
            .field("journey", &self.journey)
            .finish_non_exhaustive()
    }
}
