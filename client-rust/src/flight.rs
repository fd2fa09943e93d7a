//! One call from its caller's side, blocking or async: a small state machine
//! that is polled, and that gives everything back when it is dropped.
//!
//! ```text
//!   Begin ─▶ Bind ─▶ Credit ─┬──────────▶ Reply ─▶ Over
//!            (first          │ small        ▲
//!             call of        └─▶ Grant ─────┘
//!             a name)            buffers wanted: ALLOC, copy, CALL
//! ```
//!
//! Here is the way to the reply; what a call does with buffers before it is sent is in
//! `boarding.rs`, what becomes of the reply in `landing.rs`.
//!
//! Each stage looks for what it waits for, and leaves a waiter if it is not
//! there yet. The session's end and GOAWAY are looked at *after* the waiter was
//! left: who announces them wakes all waiters afterwards, so one of the two
//! sees the other.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use bytemuck::bytes_of;
use outrigger_layout::frame::{BindBody, control};
use outrigger_layout::{Code, Error};

use crate::binding::{Question, check_name};
use crate::journey::Journey;
use crate::parcel::Parcel;
use crate::record::{Phase, Record};
use crate::request::Request;
use crate::session::{Seat, Session};
use crate::turn::Turn;
use crate::waiter::Wait;

/// A call under way.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    pub(crate) session: &'a Arc<Session>,
    pub(crate) request: Request<'a>,
    pub(crate) stage: Stage,
}

#[derive(Debug)]
pub(crate) enum Stage {
    Begin,
    Bind(Arc<Question>),
    Credit { method: u16, turn: Turn },
    Grant { method: u16, seat: Seat },
    Reply { seat: Seat, on_worker: bool },
    Over,
}

/// What a step came to: nothing yet, or the next stage.
type Step = Result<Option<Stage>, Error>;

impl<'a> Flight<'a> {
    pub(crate) fn new(session: &'a Arc<Session>, request: Request<'a>) -> Self {
        Self {
            session,
            request,
            stage: Stage::Begin,
        }
    }

    /// What the call carries in buffers, if it ended before it was sent.
    pub(crate) fn take_parcel(&mut self) -> Parcel {
        mem::take(&mut self.request.parcel)
    }

    /// Gives up, whatever the stage.
    fn leave(&mut self) {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Credit { mut turn, .. } => turn.give_up(self.session),
            Stage::Grant { seat, .. } | Stage::Reply { seat, .. } => self.session.abandon(seat),
            Stage::Begin | Stage::Bind(_) | Stage::Over => {}
        }
    }

    fn begin(&self) -> Step {
        let Request {
            method,
            fingerprint,
            deadline,
            ..
        } = self.request;
        self.session.check_open()?;
        let len = self.request.len() as u64;
        let payload_max = self.session.terms.payload_max;
        if len > payload_max {
            return Err(Error::buffer_too_small(len, payload_max));
        }
        self.request.parcel.check(self.session)?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.session.counters.timeouts.add(1);
            return Err(Error::timeout());
        }
        if let Some(method) = self.session.bindings.find(method, &fingerprint) {
            return Ok(Some(Stage::credit(method)));
        }
        check_name(method)?;
        let (token, question) = self.session.bindings.ask(method, &fingerprint);
        let bind = BindBody { fingerprint };
        let body = [bytes_of(&bind), method.as_bytes()];
        self.session.post(control::BIND, Code::OK, token, &body);
        Ok(Some(Stage::Bind(question)))
    }

    fn bind(&self, question: &Question, wait: Wait<'_>) -> Step {
        if let Some(answer) = question.poll(wait) {
            return Ok(Some(Stage::credit(answer?)));
        }
        self.session.check_open()?;
        Ok(None)
    }

    fn take_credit(&mut self, wait: Wait<'_>) -> Step {
        let Stage::Credit { method, turn } = &mut self.stage else {
            unreachable!("the stage of `poll`");
        };
        if let Some(record) = turn.poll(self.session, wait)? {
            let method = *method;
            return self.board(method, record).map(Some);
        }
        if turn.is_queued() {
            self.request.parcel.put_down(self.session);
        }
        Ok(None)
    }

    /// With a credit in hand: sends the CALL, or asks for buffers for it.
    fn board(&mut self, method: u16, record: usize) -> Result<Stage, Error> {
        let inline_max = self.session.lane_of(record).inline_max();
        if !self.request.is_small(inline_max) {
            return self.board_with_buffers(method, record);
        }
        let sent = Phase::Sent(self.request.codec);
        let correlation = self.session.record(record).begin(record, sent);
        let seat = Seat {
            record,
            correlation,
        };
        let clock = self.session.terms.clock;
        let header = self.request.header(method, correlation, false, clock);
        let value = self.request.value.unwrap_or_default();
        if let Err(error) = self.session.publish(record, &header, &[value]) {
            self.session.record(record).hold();
            self.session.abandon(seat);
            return Err(error);
        }
        let on_worker = false;
        Ok(Stage::Reply { seat, on_worker })
    }

    fn look_for_reply(&self, seat: Seat, wait: Wait<'_>) -> Result<bool, Error> {
        let record = self.session.record(seat.record);
        if record.poll(wait) {
            return Ok(true);
        }
        match self.session.end_reason() {
            // It was drained once more before it ended.
            Some(reason) if !record.has_event() => Err(reason.clone()),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }
}

impl Stage {
    fn credit(method: u16) -> Self {
        let turn = Turn::default();
        Self::Credit { method, turn }
    }
}

impl Journey for Flight<'_> {
    fn deadline(&self) -> Option<Instant> {
        self.request.deadline
    }

    fn record(&self) -> Option<&Record> {
        match self.stage {
            Stage::Grant { seat, .. } | Stage::Reply { seat, .. } => {
                Some(self.session.record(seat.record))
            }
            _ => None,
        }
    }

    /// True if the reply takes a large payload's way through the server.
    fn awaits_worker(&self) -> bool {
        matches!(self.stage, Stage::Reply { on_worker, .. } if on_worker)
    }

    /// Ready: the answer is there, and may be taken (`landing.rs`).
    fn poll(&mut self, wait: Wait<'_>) -> Option<Result<(), Error>> {
        loop {
            let step = match &self.stage {
                Stage::Begin => self.begin(),
                Stage::Bind(question) => self.bind(question, wait),
                Stage::Credit { .. } => self.take_credit(wait),
                Stage::Grant { method, seat } => {
                    let (method, seat) = (*method, *seat);
                    self.use_grants(method, seat, wait)
                }
                Stage::Reply { seat, .. } => match self.look_for_reply(*seat, wait) {
                    Ok(false) => Ok(None),
                    Ok(true) => return Some(Ok(())),
                    Err(error) => Err(error),
                },
                Stage::Over => unreachable!("polled after its end"),
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

    fn time_out(&mut self) -> Error {
        self.session.counters.timeouts.add(1);
        self.leave();
        Error::timeout()
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
