//! The belt beside the braces: once a second, while somebody relies on being
//! woken, a look at what should have been dealt with long ago.
//!
//! By the argument in `parking.rs` and P3 of the ring it never finds anything. What
//! it finds is dealt with, so that nobody hangs, and counted, so that it shows.

use std::time::{Duration, Instant};

use outrigger_layout::Error;

use crate::session::Session;

/// Time between two ticks.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// What the last tick saw. Owned by the reader thread.
#[derive(Debug)]
pub(crate) struct Belt {
    /// When the next tick is due; `None` while the belt is off.
    due: Option<Instant>,
    /// Per ring of the inbox: the head at which a message lay unread.
    unread: Vec<Option<u64>>,
    /// Per request ring, then for the return ring: the position published.
    tails: Vec<u64>,
}

impl Belt {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            due: None,
            unread: vec![None; session.watches().len()],
            tails: vec![0; session.lanes().len() + 1],
        }
    }

    /// When the reader thread must come back at the latest; `None` if nobody
    /// relies on it. Whoever parks then wakes it.
    pub(crate) fn due(&mut self, session: &Session, now: Instant) -> Option<Instant> {
        if self.due.is_none() && !session.waiting.try_belt_off() {
            self.due = Some(now + TICK);
        }
        self.due
    }

    /// Ticks, if it is time.
    ///
    /// # Errors
    /// PROTOCOL if the server claims an impossible position.
    pub(crate) fn tick(&mut self, session: &Session, now: Instant) -> Result<(), Error> {
        if self.due.is_none_or(|due| now < due) {
            return Ok(());
        }
        if session.waiting.is_anybody_parked() {
            self.look_for_unread(session);
            self.look_for_lag(session)?;
            self.due = Some(now + TICK);
        } else {
            self.unread.fill(None);
            self.due = None;
        }
        Ok(())
    }

    /// A message seen at one tick and still there at the next was missed.
    fn look_for_unread(&mut self, session: &Session) {
        let mut missed = 0;
        for (watch, unread) in session.watches().iter().zip(&mut self.unread) {
            let seen = watch.is_ready().then(|| watch.position());
            missed += u64::from(seen.is_some() && seen == *unread);
            *unread = seen;
        }
        if missed > 0 {
            session.counters.belt_defects.add(missed);
            tracing::warn!(epoch = session.terms.epoch, missed, "messages lay unread");
            session.settle();
        }
    }

    /// A request that is a tick old and unread: the server may have missed it.
    fn look_for_lag(&mut self, session: &Session) -> Result<(), Error> {
        let mut lags = false;
        let lanes = session.lanes().iter().map(|lane| lane.positions());
        let rings = lanes.chain([session.returns().positions()]);
        for (positions, before) in rings.zip(&mut self.tails) {
            let (tail, consumed) = positions?;
            lags |= consumed < *before;
            *before = tail;
        }
        if lags {
            session.counters.belt_rings.add(1);
            session.ring_server();
        }
        Ok(())
    }
}
