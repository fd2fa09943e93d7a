//! Buffers had apart from a call: a small state machine, like that of a call.
//!
//! ```text
//!   Begin ─▶ Credit ─▶ Grant ─▶ Over
//!     └── in stock, all that is wanted ──▲
//! ```
//!
//! The credit is that of the ALLOC, and goes back with the answer to it.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use outrigger_layout::Error;

use crate::journey::Journey;
use crate::leases::Leases;
use crate::record::{Phase, Record};
use crate::session::{Seat, Session};
use crate::turn::Turn;
use crate::waiter::Wait;
use crate::wanted::Wanted;

/// Buffers that are being had.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    session: &'a Arc<Session>,
    wanted: Wanted,
    deadline: Option<Instant>,
    stage: Stage,
    /// What was had.
    leases: Leases,
}

#[derive(Debug)]
enum Stage {
    Begin,
    Credit(Turn),
    Grant(Seat),
    Over,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(
        session: &'a Arc<Session>,
        wanted: Wanted,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            session,
            wanted,
            deadline,
            stage: Stage::Begin,
            leases: Leases::default(),
        }
    }

    /// The buffers.
    ///
    /// Preconditions: it was polled until it was ready.
    pub(crate) fn finish(mut self) -> Leases {
        mem::take(&mut self.leases)
    }

    fn begin(&mut self) -> Result<Stage, Error> {
        self.session.check_open()?;
        if (self.deadline).is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(self.time_out());
        }
        if self.wanted.lens().is_empty() {
            return Ok(Stage::Over);
        }
        match self.session.take_stock(&self.wanted) {
            Some(leases) => {
                self.leases = leases;
                Ok(Stage::Over)
            }
            None => Ok(Stage::Credit(Turn::default())),
        }
    }

    /// With a credit in hand: asks.
    fn ask(&self, record: usize) -> Result<Stage, Error> {
        let correlation = self.session.record(record).begin(record, Phase::Held);
        let seat = Seat {
            record,
            correlation,
        };
        match self.session.ask(seat, self.wanted) {
            Ok(()) => Ok(Stage::Grant(seat)),
            Err(error) => {
                self.session.abandon(seat);
                Err(error)
            }
        }
    }

    /// Takes what was granted, if it was.
    fn take(&mut self, seat: Seat, wait: Wait<'_>) -> Result<Option<Stage>, Error> {
        let record = self.session.record(seat.record);
        if !record.poll(wait) {
            self.session.check_open()?;
            return Ok(None);
        }
        self.leases = record.take_grants()?;
        self.session.abandon(seat);
        Ok(Some(Stage::Over))
    }

    fn leave(&mut self) {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Credit(mut turn) => turn.give_up(self.session),
            Stage::Grant(seat) => self.session.abandon(seat),
            Stage::Begin | Stage::Over => {}
        }
    }
}

impl Journey for Asking<'_> {
    fn poll(&mut self, wait: Wait<'_>) -> Option<Result<(), Error>> {
        loop {
            let step = match &mut self.stage {
                Stage::Begin => self.begin().map(Some),
                Stage::Credit(turn) => match turn.poll(self.session, wait) {
                    Ok(Some(record)) => self.ask(record).map(Some),
                    Ok(None) => Ok(None),
                    Err(error) => Err(error),
                },
                Stage::Grant(seat) => {
                    let seat = *seat;
                    self.take(seat, wait)
                }
                Stage::Over => return Some(Ok(())),
            };
            match step {
                Ok(Some(next)) => self.stage = next,
                Ok(None) => return None,
                Err(error) => {
                    self.leave();
                    return Some(Err(error));
                }
            }
        }
    }

    fn record(&self) -> Option<&Record> {
        match self.stage {
            Stage::Grant(seat) => Some(self.session.record(seat.record)),
            _ => None,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn awaits_worker(&self) -> bool {
        false
    }

    fn time_out(&mut self) -> Error {
        self.session.counters.timeouts.add(1);
        self.leave();
        Error::timeout()
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.leave();
        // None are left, unless nobody took what was granted.
        self.session.give_all_back(mem::take(&mut self.leases));
    }
}
