//! What a poller does for one session: read, check, dispatch.
//!
//! No I/O and no clock here: rings in, answers and jobs out, `now` from outside.
//! One thread can step both ends in a test. Every byte was written by the
//! client: headers are copied once, the copy is checked, an error ends the
//! session.

use std::sync::Arc;

use outrigger_layout::buffer::{AllocRequest, BUFFERS, BufferRef};
use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_layout::{Code, Codec, Error};
use outrigger_ringbuf::sync::AtomicBool;
use outrigger_ringbuf::{Consumer, Corrupt, RingView};

use crate::attachment::{Attachments, Held};
use crate::body::{Body, Content, SlotPayload};
use crate::clock::Now;
use crate::context::Context;
use crate::handler::Placement;
use crate::ledger::Plan;
use crate::panic::caught;
use crate::pool::{CallJob, FinishJob, Job, Pool};
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::Request;
use crate::session::method::Method;
use crate::session::value::{Table, Value, read};
use crate::session::{Answer, Session};

/// Requests read from one lane before the return ring is looked at again; ABI.md
/// promises it to clients.
const BATCH: usize = 16;
/// Messages read from the return ring at once, for each lane: as many as a batch of
/// requests can cause, an ALLOC and the RETURNs of all buffers for each, and no more, as
/// the other sessions wait.
const RETURNS_BATCH: usize = BATCH * (1 + BUFFERS);

/// The consuming ends of a session's rings.
#[derive(Debug)]
pub(crate) struct Intake {
    session: Arc<Session>,
    requests: Box<[Consumer<RingView>]>,
    returns: Consumer<RingView>,
    methods: Vec<Method>,
    payload: SlotPayload,
    scratch: Vec<u8>,
}

/// What a poller lends to its sessions while they are polled.
#[derive(Debug)]
pub(crate) struct Services<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) pool: &'a Arc<Pool>,
    pub(crate) now: Now,
}

impl Intake {
    pub(crate) fn new(session: Arc<Session>, requests: Vec<RingView>, returns: RingView) -> Self {
        Self {
            session,
            requests: requests.into_iter().map(Consumer::new).collect(),
            returns: Consumer::new(returns),
            methods: Vec::new(),
            payload: SlotPayload::default(),
            scratch: Vec::new(),
        }
    }

    /// The session this reads for.
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Reads what is there, up to a batch per lane. Returns how many messages.
    ///
    /// # Errors
    /// The violation that ends the session.
    pub(crate) fn poll(&mut self, services: &mut Services<'_>) -> Result<usize, Error> {
        let mut work = 0;
        for lane in 0..self.requests.len() {
            work += self.poll_lane(lane, services)?;
        }
        Ok(work + self.poll_returns(services)?)
    }

    /// Arms every ring; true if one of them holds a message already.
    ///
    /// # Errors
    /// The violation that ends the session.
    pub(crate) fn arm(&mut self) -> Result<bool, Error> {
        let mut found = self.returns.arm().map_err(corrupt)?;
        for requests in &mut self.requests {
            found |= requests.arm().map_err(corrupt)?;
        }
        Ok(found)
    }

    fn poll_returns(&mut self, services: &Services<'_>) -> Result<usize, Error> {
        let mut work = 0;
        while work < RETURNS_BATCH * self.requests.len() {
            let Some(header) = self.returns.peek().map_err(corrupt)? else {
                break;
            };
            header
                .check(self.returns.inline_max() as u32)
                .map_err(Error::protocol)?;
            let mut payload = [0; 32];
            let len = header.payload_len as usize;
            self.returns.copy_payload(0, &mut payload[..len]);
            self.returns.release();
            let plans = self.take_return(&header, &payload[..len])?;
            services.pool.grow(&self.session, plans);
            work += 1;
        }
        Ok(work)
    }

    // Not inlined: a poll that finds no message would pay for it.
    #[inline(never)]
    fn take_return(&self, header: &SlotHeader, payload: &[u8]) -> Result<Vec<Plan>, Error> {
        let arena = self.session.arena();
        match header.kind {
            kind::ALLOC => {
                let wanted: AllocRequest = read(payload, "ALLOC")?;
                arena.alloc(&self.session, header.correlation, &wanted)
            }
            kind::RETURN => arena.give_back(&self.session, &read(payload, "RETURN")?),
            other => Err(foreign(other, "return ring (allowed: ALLOC, RETURN)")),
        }
    }

    fn poll_lane(&mut self, lane: usize, services: &mut Services<'_>) -> Result<usize, Error> {
        let mut work = 0;
        while work < BATCH {
            let Some(header) = self.requests[lane].peek().map_err(corrupt)? else {
                break;
            };
            header.check(INLINE_MAX as u32).map_err(Error::protocol)?;
            let len = header.payload_len as usize;
            self.requests[lane].copy_payload(0, &mut self.payload.0[..len]);
            self.requests[lane].release();
            let position = self.requests[lane].position();
            match header.kind {
                kind::CALL => self.take_call(lane as u16, &header, position, services)?,
                kind::CANCEL => {
                    self.session
                        .lane(lane as u16)
                        .calls
                        .cancel(header.correlation);
                }
                other => return Err(foreign(other, "request ring (allowed: CALL, CANCEL)")),
            }
            self.session.lane(lane as u16).set_consumed(position);
            work += 1;
        }
        if work > 0 {
            self.session.note_progress();
        }
        Ok(work)
    }

    fn take_call(
        &mut self,
        lane: u16,
        header: &SlotHeader,
        position: u64,
        services: &mut Services<'_>,
    ) -> Result<(), Error> {
        if header.correlation == 0 || header.code != 0 {
            let (correlation, code) = (header.correlation, header.code);
            let text = format!("CALL with correlation {correlation} and code {code}");
            return Err(Error::protocol(text));
        }
        self.session.lane(lane).check_credit(header.depth)?;
        let value = match header.flags {
            0 => Value::whole(header.payload_len),
            _ => Value::find(header, &self.payload.0[..header.payload_len as usize])?,
        };
        self.refresh_method(header.method, services.registry)?;
        let method = &self.methods[header.method as usize - 1];
        let admitted = method.admit(header, &mut services.now);
        let admitted = admitted.and_then(|()| match value.table() {
            Some(table) => method.admit_attachments(table.attachments()),
            None => Ok(()),
        });
        if let Err(error) = admitted {
            return self.refuse_call(lane, header, &value, &error, position, services);
        }
        if method.placement() == Placement::Inline && value.table().is_none() {
            return self.run_inline(lane, header, &value, position, services);
        }
        self.offload(lane, header, &value, services)
    }

    /// Finds the handler that is registered now, unless nothing has changed.
    fn refresh_method(&mut self, id: u16, registry: &Registry) -> Result<(), Error> {
        if id == 0 || usize::from(id) > self.methods.len() {
            let known = self.methods.len();
            let bound = self.session.bindings().since(known);
            self.methods.extend(bound.into_iter().map(Method::unknown));
        }
        let bound = self.methods.len();
        let method = usize::from(id)
            .checked_sub(1)
            .and_then(|index| self.methods.get_mut(index));
        let Some(method) = method else {
            return Err(Error::protocol(format!(
                "method id {id} (allowed: 1 to {bound})"
            )));
        };
        method.refresh(registry);
        Ok(())
    }

    /// Answers a call whose handler is not run, on the poller.
    fn refuse_call(
        &self,
        lane: u16,
        header: &SlotHeader,
        value: &Value,
        error: &Error,
        position: u64,
        services: &Services<'_>,
    ) -> Result<(), Error> {
        for reference in value
            .table()
            .iter()
            .flat_map(|table| table.references(&self.payload.0))
        {
            if let Some(held) = self.hold(&reference, services)? {
                services.pool.free(&self.session, held.lease);
            }
        }
        if Answer::failure_len(error) > INLINE_MAX {
            return self.finish_on_pool(lane, header, Err(error.clone()), services);
        }
        self.answer(lane, header, &Answer::failure(error), position)
    }

    fn run_inline(
        &mut self,
        lane: u16,
        header: &SlotHeader,
        value: &Value,
        position: u64,
        services: &Services<'_>,
    ) -> Result<(), Error> {
        let method = &self.methods[header.method as usize - 1];
        let handler = method.handler();
        let never = AtomicBool::new(false);
        let context = Context {
            method: &method.name,
            peer: self.session.peer(),
            epoch: self.session.epoch(),
            deadline_ns: header.deadline,
            payload_max: self.session.limits().payload_max,
            cancelled: &never,
            ended: self.session.closing(),
        };
        let request = Request::new(value.inline(&self.payload.0), Codec(header.codec));
        let payload_max = self.session.limits().payload_max;
        let (outcome, is_no_value) = {
            let mut reply = Reply::new(&mut self.scratch, None, payload_max, header.deadline);
            let outcome = caught(|| handler.call(&context, request, &mut reply));
            (outcome, reply.is_no_value())
        };
        match outcome {
            Ok(()) if is_no_value => self.answer(lane, header, &Answer::no_value(), position),
            Ok(()) if self.scratch.len() as u64 <= INLINE_MAX => {
                self.answer(lane, header, &Answer::value(&self.scratch), position)
            }
            other => self.answer_at_length(lane, header, other, position, services),
        }
    }

    /// Answers with an error, or with a value that does not fit a slot.
    #[cold]
    fn answer_at_length(
        &mut self,
        lane: u16,
        header: &SlotHeader,
        outcome: Result<(), Error>,
        position: u64,
        services: &Services<'_>,
    ) -> Result<(), Error> {
        match outcome {
            Err(error) if Answer::failure_len(&error) <= INLINE_MAX => {
                self.answer(lane, header, &Answer::failure(&error), position)
            }
            Err(error) => self.finish_on_pool(lane, header, Err(error), services),
            Ok(()) => {
                let value = core::mem::take(&mut self.scratch);
                self.finish_on_pool(lane, header, Ok(value), services)
            }
        }
    }

    fn answer(
        &self,
        lane: u16,
        header: &SlotHeader,
        answer: &Answer<'_>,
        position: u64,
    ) -> Result<(), Error> {
        if self.session.lane(lane).answer(header, answer, position)? {
            self.session.ring_client();
        }
        Ok(())
    }

    /// Hands a call to the worker pool.
    fn offload(
        &self,
        lane: u16,
        header: &SlotHeader,
        value: &Value,
        services: &Services<'_>,
    ) -> Result<(), Error> {
        let method = &self.methods[header.method as usize - 1];
        let body = match value.table() {
            Some(table) => self.hold_all(table, value, services)?,
            None => Body {
                value: self.content(value),
                attachments: Attachments::default(),
            },
        };
        let place = self.session.lane(lane).begin(header)?;
        let asynchronous = method.placement() == Placement::Async;
        let job = if asynchronous { Job::Future } else { Job::Call };
        services.pool.submit(job(CallJob {
            session: Arc::clone(&self.session),
            lane,
            place,
            header: *header,
            method: Arc::clone(&method.name),
            handler: Arc::clone(method.handler()),
            body,
        }));
        Ok(())
    }

    /// A copy of a value that is in the slot.
    fn content(&self, value: &Value) -> Content {
        let Some(value) = value.inline(&self.payload.0) else {
            return Content::None;
        };
        let mut bytes = SlotPayload::default();
        bytes.0[..value.len()].copy_from_slice(value);
        Content::Inline(bytes, value.len())
    }

    /// Takes the buffers that a request names.
    #[cold]
    fn hold_all(
        &self,
        table: &Table,
        value: &Value,
        services: &Services<'_>,
    ) -> Result<Body, Error> {
        let mut references = table.references(&self.payload.0);
        let mut content = self.content(value);
        if let Some(reference) = references.by_ref().take(table.has_value().into()).next() {
            content = match self.hold(&reference, services)? {
                Some(held) => Content::Buffer(held),
                None => Content::Inline(SlotPayload::default(), 0),
            };
        }
        let mut attachments = Attachments::default();
        for reference in references {
            let held = self.hold(&reference, services)?;
            attachments.push(held, self.session.peer().in_place);
        }
        Ok(Body {
            value: content,
            attachments,
        })
    }

    /// Takes the buffer that a request names; none for no bytes. That may let somebody
    /// have one who waits.
    fn hold(&self, named: &BufferRef, services: &Services<'_>) -> Result<Option<Held>, Error> {
        if named.is_nothing() {
            return Ok(None);
        }
        let (lease, plans) = self.session.arena().hold(&self.session, named)?;
        services.pool.grow(&self.session, plans);
        let (offset, len) = (named.offset, named.length);
        Ok(Some(Held { lease, offset, len }))
    }

    /// Hands an answer that does not fit a slot to the worker pool.
    fn finish_on_pool(
        &self,
        lane: u16,
        header: &SlotHeader,
        outcome: Result<Vec<u8>, Error>,
        services: &Services<'_>,
    ) -> Result<(), Error> {
        let place = self.session.lane(lane).begin(header)?;
        let session = Arc::clone(&self.session);
        services.pool.submit(Job::Finish(FinishJob {
            session,
            lane,
            place,
            header: *header,
            outcome,
        }));
        Ok(())
    }
}

fn corrupt(error: Corrupt) -> Error {
    Error::protocol(error)
}

fn foreign(kind: u8, place: &str) -> Error {
    Error::with_details(
        Code::PROTOCOL,
        &[&format_args!("slot kind {kind} in the {place}")],
    )
}
