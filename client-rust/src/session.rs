//! One session: what callers, the reader thread and the client share.
//!
//! A session ends once, with an error that every later call gets. Whoever finds
//! a reason (hang-up, BYE, a violation, `close`) ends it: the reason is set, all
//! who wait are woken, and find it. It is unmapped when the last of them lets go.
//!
//! Locks, in the order in which they may be held together: token (inbox) ▶
//! record ▶ extents; token ▶ credit queue; token ▶ return ring. The others are
//! leaves, and nobody is woken under any.

use std::sync::{Mutex, OnceLock};

use outrigger_layout::frame::control;
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{Policy, RingView, ServerBell, Watch};

use crate::agreement::Agreements;
use crate::binding::Bindings;
use crate::control::{Control, Posted};
use crate::credits::CreditQueue;
use crate::extents::Extents;
use crate::inbox::Inbox;
use crate::lane::{Lane, Unpublished};
use crate::lease::Lease;
use crate::leases::Leases;
use crate::lock::lock;
use crate::parking::Waiting;
use crate::record::{Record, Remains};
use crate::returns::Returns;
use crate::segments::Rings;
use crate::spares::Spares;
use crate::stats::{Counters, Stats};
use crate::stock::Stock;
use crate::timers::Timers;
use crate::waiter::Waiter;
use crate::wanted::Wanted;
use crate::welcome::Terms;

/// The place of one call: the record it holds, and its name for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) record: usize,
    pub(crate) correlation: u64,
}

/// The shared state.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) terms: Terms,
    lanes: Box<[Lane]>,
    records: Box<[Record]>,
    /// The token: who holds it reads for all.
    pub(crate) inbox: Mutex<Inbox>,
    /// One look at each ring of the inbox.
    watches: Box<[Watch<RingView>]>,
    returns: Returns,
    pub(crate) extents: Extents,
    /// Granted ahead of need.
    pub(crate) stock: Stock,
    /// For values that fit in a slot.
    pub(crate) spares: Spares,
    /// The program has promised that the server leaves its replies alone.
    pub(crate) in_place: bool,
    pub(crate) bindings: Bindings,
    pub(crate) agreements: Agreements,
    pub(crate) credits: CreditQueue,
    pub(crate) timers: Timers,
    pub(crate) waiting: Waiting,
    pub(crate) control: Control,
    server_bell: ServerBell,
    /// The reader thread's own bell: an eventfd like the server's.
    pub(crate) reader_bell: ServerBell,
    ended: OnceLock<Error>,
    goaway: OnceLock<Error>,
    pub(crate) counters: Counters,
}

impl Session {
    pub(crate) fn new(
        terms: Terms,
        rings: Rings,
        control: Control,
        bells: (ServerBell, ServerBell),
        policy: Policy,
    ) -> Self {
        let credits = terms.credits;
        let lanes: Box<[Lane]> = (rings.requests.into_iter().enumerate())
            .map(|(index, view)| Lane::new(view, index * credits, credits))
            .collect();
        Self {
            records: (0..lanes.len() * credits)
                .map(|index| Record::new(index / credits))
                .collect(),
            lanes,
            inbox: Mutex::new(Inbox::new(rings.replies, rings.grants)),
            watches: rings.watches.into_iter().map(Watch::new).collect(),
            returns: Returns::new(rings.returns),
            extents: Extents::default(),
            stock: Stock::default(),
            spares: Spares::new(),
            in_place: false,
            bindings: Bindings::default(),
            agreements: Agreements::default(),
            credits: CreditQueue::default(),
            timers: Timers::default(),
            waiting: Waiting::new(policy),
            control,
            server_bell: bells.0,
            reader_bell: bells.1,
            ended: OnceLock::new(),
            goaway: OnceLock::new(),
            counters: Counters::default(),
            terms,
        }
    }

    pub(crate) fn lane(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// The lane of a record.
    pub(crate) fn lane_of(&self, record: usize) -> &Lane {
        &self.lanes[self.records[record].lane()]
    }

    pub(crate) fn record(&self, index: usize) -> &Record {
        &self.records[index]
    }

    pub(crate) fn record_count(&self) -> usize {
        self.records.len()
    }

    /// The look at a ring of the inbox: the lanes, then the grant ring.
    pub(crate) fn watch(&self, ring: usize) -> &Watch<RingView> {
        &self.watches[ring]
    }

    pub(crate) fn watches(&self) -> &[Watch<RingView>] {
        &self.watches
    }

    pub(crate) fn returns(&self) -> &Returns {
        &self.returns
    }

    /// Why the session ended, if it has.
    pub(crate) fn end_reason(&self) -> Option<&Error> {
        self.ended.get()
    }

    /// Fails if no call may begin any more.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        match self.ended.get().or_else(|| self.goaway.get()) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Publishes a message of a call in a request ring, and rings.
    ///
    /// # Errors
    /// SHUTTING_DOWN after GOAWAY; RESOURCE_EXHAUSTED on a full ring.
    pub(crate) fn publish(
        &self,
        record: usize,
        header: &SlotHeader,
        parts: &[&[u8]],
    ) -> Result<(), Error> {
        self.published(self.lane_of(record).publish(header, parts))
    }

    /// Asks for buffers, and rings.
    ///
    /// Preconditions: the record is Held. On an error it is so still.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for more than this side may ever have; else as `publish`.
    pub(crate) fn ask(&self, seat: Seat, wanted: Wanted) -> Result<(), Error> {
        let (count, max) = (wanted.lens().len(), self.terms.buffers_max);
        if count > max {
            let text = format!("{count} buffers together (maximum {max})");
            return Err(Error::invalid_argument(text));
        }
        let record = self.record(seat.record);
        record.ask(wanted);
        let asked = self.published(self.returns.ask(seat.correlation, wanted.lens()));
        match asked {
            Ok(()) => self.counters.grants.add(count as u64),
            Err(_) => record.hold(),
        }
        asked
    }

    /// Gives a buffer back, and rings; ends the session if that is not possible.
    ///
    /// Preconditions: no lock is held, as whoever waits may be woken.
    pub(crate) fn give_back(&self, lease: Lease) {
        if let Err(error) = self.try_give_back(lease) {
            self.violated(error);
        }
    }

    /// Gives several buffers back, as `give_back` does.
    pub(crate) fn give_all_back(&self, leases: Leases) {
        for lease in leases.into_iter().flatten() {
            self.give_back(lease);
        }
    }

    /// Gives a buffer back, and rings. Does nothing once the session has ended: the
    /// server has freed the buffer then, and may use the ring's memory for another
    /// session some seconds later.
    ///
    /// # Errors
    /// PROTOCOL: the return ring is full. By the ABI it is large enough for all
    /// returns there can be, so the server does not read it; and a buffer that is
    /// not returned would be lost for the session's life.
    pub(crate) fn try_give_back(&self, lease: Lease) -> Result<(), Error> {
        if self.end_reason().is_some() {
            return Ok(());
        }
        self.counters.returns.add(1);
        match self.returns.give_back(lease.reference()) {
            Ok(true) => self.ring_server(),
            Ok(false) | Err(Unpublished::Sealed) => {}
            Err(Unpublished::Violation(error)) => return Err(error),
            Err(Unpublished::Full(error)) => {
                let text = format!("return ring: {}", error.message());
                return Err(Error::protocol(text));
            }
        }
        Ok(())
    }

    /// Buffers of the stock, all that are wanted or none. Looks at the grant ring before
    /// it gives up: what a call used is often granted again before its reply.
    pub(crate) fn take_stock(&self, wanted: &Wanted) -> Option<Leases> {
        let lens = wanted.lens();
        let found = self.stock.take(lens).or_else(|| {
            let grants = self.watches.last()?;
            if !grants.is_ready() {
                return None;
            }
            self.serve_wake();
            self.stock.take(lens)
        })?;
        self.counters.stock_used.add(lens.len() as u64);
        Some(found)
    }

    /// Gives the stock back.
    ///
    /// # Errors
    /// As `try_give_back`.
    pub(crate) fn return_stock(&self) -> Result<(), Error> {
        let mut leases = self.stock.take_all().into_iter();
        leases.try_for_each(|lease| self.try_give_back(lease))
    }

    fn published(&self, outcome: Result<bool, Unpublished>) -> Result<(), Error> {
        match outcome {
            Ok(true) => {
                self.ring_server();
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(Unpublished::Sealed) => Err(self.check_open().err().unwrap_or_else(|| {
                Error::with_details(Code::SHUTTING_DOWN, &[&"the lane is sealed"])
            })),
            Err(Unpublished::Full(error)) => Err(error),
            Err(Unpublished::Violation(error)) => {
                self.violated(error.clone());
                Err(error)
            }
        }
    }

    pub(crate) fn ring_server(&self) {
        self.counters.rings.add(1);
        self.server_bell.ring();
    }

    /// Gives the credit of a record back; gives who waits for one.
    #[must_use = "somebody may wait for the credit"]
    pub(crate) fn release(&self, record: usize) -> Option<Waiter> {
        self.lane_of(record).give_credit(record);
        self.credits.next()
    }

    /// Gives the credit of a record back, to whoever waits for one.
    ///
    /// Preconditions: no lock is held, as he is woken.
    pub(crate) fn free(&self, record: usize) {
        if let Some(next) = self.release(record) {
            next.wake();
        }
    }

    /// Gives a call up: what it holds goes back, now or with the server's answer.
    pub(crate) fn abandon(&self, seat: Seat) {
        // Counted before the record is abandoned, as the answer may come at once and
        // takes the count back: somebody must read it even if nobody calls again.
        self.waiting.enter(self);
        let record = self.record(seat.record);
        match record.abandon() {
            Remains::Record(leases) => {
                self.waiting.leave();
                self.give_all_back(leases);
                self.free(seat.record);
                return;
            }
            Remains::Grant(leases) => self.give_all_back(leases),
            Remains::Reply => self.cancel(seat),
        }
        self.settle();
    }

    fn cancel(&self, seat: Seat) {
        let header = SlotHeader {
            kind: kind::CANCEL,
            correlation: seat.correlation,
            ..bytemuck::Zeroable::zeroed()
        };
        // CANCEL is a request only: where it cannot be sent the reply comes anyway.
        if self.end_reason().is_none() && self.publish(seat.record, &header, &[]).is_ok() {
            self.counters.cancels.add(1);
        }
    }

    /// Posts a frame.
    pub(crate) fn post(&self, kind: u16, code: Code, token: u64, body: &[&[u8]]) {
        match self.control.post(kind, code, token, body) {
            Ok(Posted::Sent) => {}
            Ok(Posted::Kept) => self.reader_bell.ring(),
            Err(error) => self.end(error, Code::OK),
        }
    }

    /// The server announced its end: calls not yet published fail with `error`.
    /// Gives the final position of each lane; `None` if it is known already.
    pub(crate) fn go_away(&self, error: Error) -> Option<Vec<u64>> {
        self.goaway.set(error).ok()?;
        let finals = self.lanes.iter().map(Lane::seal).collect();
        self.wake_everybody();
        Some(finals)
    }

    /// The server broke the protocol.
    pub(crate) fn violated(&self, error: Error) {
        tracing::warn!(epoch = self.terms.epoch, %error, "the server broke the protocol");
        self.end(error, Code::PROTOCOL);
    }

    /// Ends the session for a reason; the first one counts. The server hears
    /// `farewell` and the reason in BYE.
    pub(crate) fn end(&self, reason: Error, farewell: Code) {
        if self.ended.set(reason.clone()).is_err() {
            return;
        }
        tracing::debug!(epoch = self.terms.epoch, %reason, "session ended");
        let text = match farewell {
            Code::OK => "",
            _ => reason.message(),
        };
        let mut cuts = (0..=text.len().min(BYE_TEXT_MAX)).rev();
        let cut = cuts.find(|cut| text.is_char_boundary(*cut));
        let text = &text.as_bytes()[..cut.unwrap_or_default()];
        // Best effort: a server that does not read, or is gone, misses nothing.
        let _ = self.control.post(control::BYE, farewell, 0, &[text]);
        self.control.hang_up();
        self.wake_everybody();
        self.reader_bell.ring();
    }

    /// Wakes all who wait for anything: they look at the session's state.
    fn wake_everybody(&self) {
        let records = self.records.iter();
        let mut waiters: Vec<Waiter> = records.filter_map(Record::take_waiter).collect();
        waiters.extend(self.credits.take_all());
        waiters.extend(self.bindings.take_all());
        for waiter in waiters {
            waiter.wake();
        }
    }

    /// A snapshot of the counters.
    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let requests = self.lanes.iter().map(Lane::position).sum();
        let inbox = lock(&self.inbox);
        Stats {
            requests,
            replies: inbox.reply_count,
            late_replies: inbox.late_count,
            progress: inbox.progress_count,
            cancels: counters.cancels.get(),
            timeouts: counters.timeouts.get(),
            sleeps: counters.sleeps.get(),
            wakes: counters.wakes.get(),
            rings: counters.rings.get(),
            grants: counters.grants.get(),
            returns: counters.returns.get(),
            stock_used: counters.stock_used.get(),
            copied_in: counters.copied_in.get(),
            copied_out: counters.copied_out.get(),
            recalls: inbox.recall_count,
            extents: self.extents.count() as u64,
            belt_defects: counters.belt_defects.get(),
            belt_rings: counters.belt_rings.get(),
        }
    }
}

/// Most bytes of the reason in BYE.
const BYE_TEXT_MAX: usize = 512;
