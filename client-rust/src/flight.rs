//! One call from its caller's side, blocking or async: a small state machine
//! that is polled, and that gives everything back when it is dropped.
//!
//! ```text
//!   Begin ─▶ Bind ─▶ Credit ─┬──────────▶ Reply ─▶ Over
//!            (first          │ small        ▲
//!             call of        └─▶ Grant ─────┘
//!             a name)            large: ALLOC, copy, CALL
//! ```
//!
//! Each stage looks for what it waits for, and leaves a waiter if it is not
//! there yet. The session's end and GOAWAY are looked at *after* the waiter was
//! left: who announces them wakes all waiters afterwards, so one of the two
//! sees the other.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use bytemuck::bytes_of;
use outrigger_layout::buffer::{BufferRef, BufferTable};
use outrigger_layout::frame::{BindBody, control};
use outrigger_layout::{Code, Codec, Error};

use crate::binding::{Question, check_name};
use crate::extents::Lease;
use crate::record::{Phase, Place, Record};
use crate::request::Request;
use crate::session::{Seat, Session};
use crate::storage::Storage;
use crate::waiter::{Wait, Wakes};

/// A call under way.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    session: &'a Session,
    request: Request<'a>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Begin,
    Bind(Arc<Question>),
    Credit { method: u16, ticket: Option<u64> },
    Grant { method: u16, seat: Seat },
    Reply { seat: Seat },
    Over,
}

/// What a step came to: nothing yet, or the next stage.
type Step = Result<Option<Stage>, Error>;

impl<'a> Flight<'a> {
    pub(crate) fn new(session: &'a Session, request: Request<'a>) -> Self {
        Self {
            session,
            request,
            stage: Stage::Begin,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.request.deadline
    }

    /// The record whose next event the call waits for, if it has one.
    pub(crate) fn record(&self) -> Option<&'a Record> {
        match self.stage {
            Stage::Grant { seat, .. } | Stage::Reply { seat } => {
                Some(self.session.record(seat.record))
            }
            _ => None,
        }
    }

    /// True if the reply takes a large payload's way through the server.
    pub(crate) fn awaits_worker(&self) -> bool {
        match self.stage {
            Stage::Reply { seat } => !self.fits(seat.record),
            _ => false,
        }
    }

    /// True if the value fits in a slot of the record's lane.
    fn fits(&self, record: usize) -> bool {
        self.request.len() <= self.session.lane_of(record).inline_max()
    }

    /// Goes as far as it can. `None`: not there yet, and `wait` was left behind.
    /// `Some(Ok)`: the answer is there, for [`Flight::finish`].
    pub(crate) fn poll(&mut self, wait: Wait<'_>) -> Option<Result<(), Error>> {
        loop {
            let step = match &self.stage {
                Stage::Begin => self.begin(),
                Stage::Bind(question) => self.bind(question, wait),
                Stage::Credit { method, ticket } => self.take_credit(*method, *ticket, wait),
                Stage::Grant { method, seat } => self.use_grant(*method, *seat, wait),
                Stage::Reply { seat } => match self.look_for_reply(*seat, wait) {
                    Ok(false) => Ok(None),
                    Ok(true) => return Some(Ok(())),
                    Err(error) => Err(error),
                },
                Stage::Over => unreachable!("polled after its end"),
            };
            match step {
                Ok(Some(next)) => {
                    let queued = matches!(
                        &next,
                        Stage::Credit {
                            ticket: Some(_),
                            ..
                        }
                    );
                    self.stage = next;
                    if queued {
                        return self.look_once_more();
                    }
                }
                Ok(None) => return None,
                Err(error) => {
                    self.leave();
                    return Some(Err(error));
                }
            }
        }
    }

    /// Takes the answer; the value replaces the content of `into`.
    ///
    /// # Errors
    /// The error that the server answered, with its message.
    ///
    /// Preconditions: [`Flight::poll`] gave `Some(Ok)`.
    pub(crate) fn finish(
        mut self,
        into: &mut impl Storage,
    ) -> Result<(Option<usize>, Codec), Error> {
        let Stage::Reply { seat } = mem::replace(&mut self.stage, Stage::Over) else {
            unreachable!("no answer is there");
        };
        let answer = self.session.record(seat.record).take_answer(into);
        let copied = match answer.place {
            Place::Nowhere => {
                into.set_len(0);
                Ok(None)
            }
            Place::Inline(len) => Ok(Some(len)),
            Place::Lent(lease, len) => {
                let copied = lease.read(into.set_len(len));
                self.session.give_back(&lease);
                copied.map(|()| Some(len))
            }
        };
        let mut wakes = Wakes::default();
        wakes.push(self.session.release(seat.record));
        if answer.code.is_ok() {
            return Ok((copied?, answer.codec));
        }
        // A message that is not UTF-8 is shown with replacement characters: the code
        // is never lost to a bad text.
        let value = into.set_len(copied?.unwrap_or_default());
        let (message, detail) = match answer.message_len {
            Some(len) => value.split_at(len),
            None => (&*value, &[][..]),
        };
        let mut error = Error::new(answer.code, String::from_utf8_lossy(message));
        if answer.message_len.is_some() {
            error = error.with_detail(detail.to_vec());
        }
        into.set_len(0);
        Err(error)
    }

    /// Gives up at the deadline.
    pub(crate) fn time_out(&mut self) -> Error {
        self.session.counters.timeouts.add(1);
        self.leave();
        Error::timeout()
    }

    /// Gives up, whatever the stage.
    fn leave(&mut self) {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Credit {
                ticket: Some(ticket),
                ..
            } => {
                if let Some(next) = self.session.credits.give_up(ticket) {
                    next.wake();
                }
            }
            Stage::Grant { seat, .. } | Stage::Reply { seat } => self.session.abandon(seat),
            Stage::Begin | Stage::Bind(_) | Stage::Credit { .. } | Stage::Over => {}
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
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.session.counters.timeouts.add(1);
            return Err(Error::timeout());
        }
        if let Some(method) = self.session.bindings.find(method, &fingerprint) {
            return Ok(Some(Stage::Credit {
                method,
                ticket: None,
            }));
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
            return Ok(Some(Stage::Credit {
                method: answer?,
                ticket: None,
            }));
        }
        self.session.check_open()?;
        Ok(None)
    }

    fn take_credit(&self, method: u16, ticket: Option<u64>, wait: Wait<'_>) -> Step {
        self.session.check_open()?;
        let mut ticket = ticket;
        let mut record = self.find_credit();
        if record.is_none() {
            let Some(waiter) = wait.waiter() else {
                return Ok(None);
            };
            ticket = Some(self.session.credits.enter(ticket, waiter));
            // Once more, now that whoever gives one back sees the queue.
            record = self.find_credit();
        }
        if let (Some(_), Some(ticket)) = (record, ticket) {
            self.session.credits.served(ticket);
        }
        match record {
            Some(record) => self.board(method, record).map(Some),
            None => Ok(Some(Stage::Credit { method, ticket })),
        }
    }

    /// Behind a waiter that was queued: fails if the session closed meanwhile.
    fn look_once_more(&mut self) -> Option<Result<(), Error>> {
        let closed = self.session.check_open().err()?;
        self.leave();
        Some(Err(closed))
    }

    /// A free credit of this thread's own lane, or of any other.
    fn find_credit(&self) -> Option<usize> {
        let lanes = self.session.lanes();
        let home = home() % lanes.len();
        let (before, from) = lanes.split_at(home);
        from.iter()
            .chain(before)
            .find_map(|lane| lane.take_credit())
    }

    /// With a credit in hand: sends the CALL, or asks for a buffer for it.
    fn board(&self, method: u16, record: usize) -> Result<Stage, Error> {
        let (fits, len) = (self.fits(record), self.request.len() as u64);
        let phase = if fits {
            Phase::Sent(self.request.codec)
        } else if let Some(lease) = self.session.take_stock(len) {
            return self.board_stock(method, record, &lease);
        } else {
            Phase::Asked(len)
        };
        let correlation = self.session.record(record).begin(record, phase);
        let seat = Seat {
            record,
            correlation,
        };
        let (sent, stage) = if fits {
            let sent = self.send(method, seat, None);
            (sent, Stage::Reply { seat })
        } else {
            let asked = self.session.ask(correlation, len);
            (asked, Stage::Grant { method, seat })
        };
        if let Err(error) = sent {
            self.session.record(record).hold();
            self.session.abandon(seat);
            return Err(error);
        }
        Ok(stage)
    }

    /// With a credit and a buffer in hand: sends the CALL.
    fn board_stock(&self, method: u16, record: usize, lease: &Lease) -> Result<Stage, Error> {
        let correlation = self.session.record(record).begin(record, Phase::Held);
        let seat = Seat {
            record,
            correlation,
        };
        match self.send_large(method, seat, lease) {
            Ok(()) => Ok(Stage::Reply { seat }),
            Err(error) => {
                self.session.abandon(seat);
                Err(error)
            }
        }
    }

    fn use_grant(&self, method: u16, seat: Seat, wait: Wait<'_>) -> Step {
        let record = self.session.record(seat.record);
        if !record.poll(wait) {
            self.session.check_open()?;
            return Ok(None);
        }
        let lease = record.take_grant()?;
        self.send_large(method, seat, &lease)?;
        Ok(Some(Stage::Reply { seat }))
    }

    /// Writes the value into a granted buffer and publishes CALL; gives the buffer back
    /// if that fails. Preconditions: the record is Held.
    fn send_large(&self, method: u16, seat: Seat, lease: &Lease) -> Result<(), Error> {
        let record = self.session.record(seat.record);
        let written = lease.write(self.request.value.unwrap_or_default());
        let sent = written.and_then(|reference| {
            record.send(self.request.codec);
            self.send(method, seat, Some(reference))
        });
        sent.inspect_err(|_| {
            record.hold();
            self.session.give_back(lease);
        })
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

    /// Publishes CALL. Preconditions: the record is Sent.
    fn send(&self, method: u16, seat: Seat, buffer: Option<BufferRef>) -> Result<(), Error> {
        let clock = self.session.terms.clock;
        let header = self
            .request
            .header(method, seat.correlation, buffer.is_some(), clock);
        let Some(reference) = buffer else {
            let value = self.request.value.unwrap_or_default();
            return self.session.publish(seat.record, &header, &[value]);
        };
        let table = BufferTable::new(1, 0);
        let parts = [bytes_of(&table), bytes_of(&reference)];
        self.session.publish(seat.record, &header, &parts)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// This thread's number: threads spread over lanes, and each keeps to one.
fn home() -> usize {
    use outrigger_ringbuf::sync::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // Relaxed: only that the numbers differ matters.
        static HOME: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    HOME.try_with(|home| *home).unwrap_or(0)
}
