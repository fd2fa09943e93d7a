//! A session's buffers: the ledger, and the waiting and the I/O around it.
//!
//! Nobody waits on the poller. A client's ALLOC is answered at once when a
//! buffer is free; else it joins a queue that is served whenever a buffer comes
//! back, an extent was mapped or one was dropped. A worker that needs a reply
//! buffer waits for the same events, within its call's deadline.

use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use outrigger_layout::buffer::{BufferRef, Refusal};
use outrigger_layout::frame::{ExtentBody, control};
use outrigger_layout::segment::side;
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{Producer, RingView, Role, create_segment};

use crate::clock::monotonic_ns;
use crate::errno::system;
use crate::lease::Lease;
use crate::ledger::{Allocation, Ledger, Plan, Usage};
use crate::lock::lock;
use crate::session::{Outgoing, Session};

/// Longest wait of a worker for a reply buffer, whatever the call's deadline: for
/// an extent that the client shall map, or a buffer that it shall return.
const FILL_WAIT_MAX: Duration = Duration::from_secs(5);

/// An ALLOC that waits.
#[derive(Debug)]
struct Wanted {
    correlation: u64,
    len: u64,
    /// An extent is being made for it.
    growing: bool,
}

#[derive(Debug)]
struct Books {
    ledger: Ledger,
    wanted: Vec<Wanted>,
}

/// Buffers of one session.
#[derive(Debug)]
pub(crate) struct Arena {
    books: Mutex<Books>,
    /// Signalled when a worker's wait for a reply buffer may have an end.
    returned: Condvar,
    grants: Mutex<Producer<RingView>>,
    allocs_max: usize,
    /// Held from an extent's number to its announcement: clients insist on order.
    announcing: Mutex<()>,
}

impl Arena {
    pub(crate) fn new(grants: RingView, bytes_max: u64, allocs_max: usize) -> Self {
        let books = Books {
            ledger: Ledger::new(bytes_max),
            wanted: Vec::new(),
        };
        Self {
            books: Mutex::new(books),
            returned: Condvar::new(),
            grants: Mutex::new(Producer::new(grants)),
            allocs_max,
            announcing: Mutex::new(()),
        }
    }

    /// What there is now.
    pub(crate) fn usage(&self) -> Usage {
        lock(&self.books).ledger.usage()
    }

    /// Takes an ALLOC and serves what can be served. Returns the extents that a
    /// worker must make; the poller makes none.
    ///
    /// # Errors
    /// PROTOCOL if more ALLOCs are unanswered than calls can be in flight.
    pub(crate) fn alloc(
        &self,
        session: &Session,
        correlation: u64,
        len: u64,
    ) -> Result<Vec<Plan>, Error> {
        let mut books = lock(&self.books);
        if books.wanted.len() >= self.allocs_max {
            let max = self.allocs_max;
            return Err(Error::protocol(format!(
                "{} ALLOCs unanswered (maximum {max})",
                max + 1
            )));
        }
        let payload_max = session.limits().payload_max;
        if len == 0 || len > payload_max {
            let text = format!("ALLOC of {len} bytes (allowed: 1 to {payload_max})");
            return Err(Error::protocol(text));
        }
        books.wanted.push(Wanted {
            correlation,
            len,
            growing: false,
        });
        Ok(self.serve(session, &mut books))
    }

    /// Takes a RETURN.
    ///
    /// # Errors
    /// INVALID_HANDLE if the buffer is not the client's to return: a violation.
    pub(crate) fn give_back(
        &self,
        session: &Session,
        named: &BufferRef,
    ) -> Result<Vec<Plan>, Error> {
        let mut books = lock(&self.books);
        books.ledger.give_back(named)?;
        Ok(self.serve(session, &mut books))
    }

    /// Takes the buffer that a request names.
    ///
    /// # Errors
    /// INVALID_HANDLE or OUT_OF_BOUNDS: violations.
    pub(crate) fn hold(&self, named: &BufferRef) -> Result<Lease, Error> {
        lock(&self.books).ledger.hold(named)
    }

    /// Frees a buffer that this process held or filled, on a worker.
    pub(crate) fn free(&self, session: &Session, lease: &Lease) {
        let plans = self.release(session, lease);
        self.grow_all(session, &plans);
    }

    /// Frees a buffer; returns the extents that a worker must make.
    pub(crate) fn release(&self, session: &Session, lease: &Lease) -> Vec<Plan> {
        let mut books = lock(&self.books);
        books.ledger.free(lease);
        self.serve(session, &mut books)
    }

    /// Marks a filled buffer as lent, right before the reply that names it.
    pub(crate) fn lend(&self, lease: &Lease) {
        lock(&self.books).ledger.lend(lease);
    }

    /// A buffer of at least `len` bytes for a reply. Waits, on a worker.
    ///
    /// # Errors
    /// TIMEOUT at the deadline, PEER_GONE if the session ends, RESOURCE_EXHAUSTED
    /// if nothing was returned for long or memory ran out, BUFFER_TOO_SMALL if it
    /// can never fit.
    pub(crate) fn fill(
        &self,
        session: &Session,
        len: u64,
        deadline_ns: u64,
    ) -> Result<Lease, Error> {
        let give_up = Instant::now() + FILL_WAIT_MAX;
        let mut books = lock(&self.books);
        let mut growing = false;
        loop {
            if session.closing().is_closed() {
                return Err(Error::with_details(
                    Code::PEER_GONE,
                    &[&"the session ended"],
                ));
            }
            match self.try_fill(&mut books, len, growing) {
                Allocation::Ready(lease) => return Ok(lease),
                Allocation::Never(available) => {
                    return Err(Error::buffer_too_small(len, available));
                }
                Allocation::Grow(plan) => {
                    drop(books);
                    self.grow(session, &plan)?;
                    growing = true;
                    books = lock(&self.books);
                    continue;
                }
                Allocation::Wait(drops) => {
                    growing &= drops.is_empty();
                    request_drops(session, &drops);
                }
            }
            let left = wait_left(give_up, deadline_ns)?;
            let waited = self.returned.wait_timeout(books, left);
            books = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Carries out a plan on a worker: makes the extent and announces it. The
    /// buffers can be had once the client has mapped it.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED without memory or descriptors.
    pub(crate) fn grow(&self, session: &Session, plan: &Plan) -> Result<(), Error> {
        let role = if plan.side == side::SERVER {
            Role::Server
        } else {
            Role::Client
        };
        let (fd, mapping) = match create_segment(role, plan.bytes()) {
            Ok(created) => created,
            Err(error) => {
                let error = system("creating an extent", &error);
                self.refuse_growing(session, plan, &error);
                return Err(error);
            }
        };
        let _order = lock(&self.announcing);
        let id = lock(&self.books).ledger.add(*plan, Arc::new(mapping));
        let body = ExtentBody {
            side: plan.side,
            buffer_count: plan.buffer_count,
            buffer_len: plan.buffer_len,
            length: plan.bytes(),
            reserved: 0,
        };
        session.send(Outgoing {
            kind: control::EXTENT,
            code: Code::OK,
            token: u64::from(id),
            body: bytemuck::bytes_of(&body).to_vec(),
            fd: Some(fd),
        });
        Ok(())
    }

    /// Carries out several plans; a failure has been told to those who wait.
    pub(crate) fn grow_all(&self, session: &Session, plans: &[Plan]) {
        for plan in plans {
            if let Err(error) = self.grow(session, plan) {
                tracing::warn!(session = session.epoch(), %error, "no extent");
            }
        }
    }

    /// The client has mapped an extent.
    ///
    /// # Errors
    /// PROTOCOL if none of that id awaits it: a violation.
    pub(crate) fn mapped(&self, session: &Session, id: u32) -> Result<Vec<Plan>, Error> {
        let mut books = lock(&self.books);
        books.ledger.mapped(id)?;
        Ok(self.serve(session, &mut books))
    }

    /// The client has unmapped an extent.
    ///
    /// # Errors
    /// PROTOCOL if it was not asked to: a violation.
    pub(crate) fn dropped(&self, session: &Session, id: u32) -> Result<Vec<Plan>, Error> {
        let mut books = lock(&self.books);
        books.ledger.dropped(id)?;
        for wanted in &mut books.wanted {
            wanted.growing = false;
        }
        Ok(self.serve(session, &mut books))
    }

    /// Ends every wait: the session is over.
    pub(crate) fn wake_waiters(&self) {
        // Under the lock, so that a waiter is either before its check of the
        // session's end or already waiting.
        let _books = lock(&self.books);
        self.returned.notify_all();
    }

    fn try_fill(&self, books: &mut Books, len: u64, growing: bool) -> Allocation {
        match books.ledger.fill(len) {
            Allocation::Grow(plan) if growing && books.ledger.awaits_mapping(&plan) => {
                books.ledger.abandon(&plan);
                Allocation::Wait(Vec::new())
            }
            other => other,
        }
    }

    /// Grants what can be granted, oldest first, and wakes waiting workers.
    fn serve(&self, session: &Session, books: &mut Books) -> Vec<Plan> {
        self.returned.notify_all();
        let mut plans = Vec::new();
        // Once one waits for memory, no younger one may take what becomes free: it
        // would never be enough.
        let mut starved = false;
        let Books { ledger, wanted } = books;
        wanted.retain_mut(|one| match ledger.grant(one.len) {
            Allocation::Ready(lease) => {
                let reference = bytemuck::bytes_of(&lease.reference);
                self.publish(session, kind::GRANT, Code::OK, one.correlation, reference);
                false
            }
            Allocation::Grow(plan) if one.growing || starved => {
                ledger.abandon(&plan);
                true
            }
            Allocation::Grow(plan) => {
                one.growing = true;
                plans.push(plan);
                true
            }
            Allocation::Wait(drops) => {
                starved = true;
                request_drops(session, &drops);
                true
            }
            Allocation::Never(available) => {
                self.refuse(session, one, Code::BUFFER_TOO_SMALL, available);
                false
            }
        });
        plans
    }

    /// A plan failed, or nobody is there to carry it out: those who wait for an
    /// extent of its kind are refused.
    pub(crate) fn refuse_growing(&self, session: &Session, plan: &Plan, error: &Error) {
        let mut books = lock(&self.books);
        books.ledger.abandon(plan);
        if plan.side == side::CLIENT {
            books.wanted.retain(|one| {
                let refused = one.growing && one.len <= plan.buffer_len;
                if refused {
                    self.refuse(session, one, error.code(), 0);
                }
                !refused
            });
        }
    }

    fn refuse(&self, session: &Session, one: &Wanted, code: Code, available: u64) {
        let refusal = Refusal {
            needed: one.len,
            available,
        };
        let bytes = bytemuck::bytes_of(&refusal);
        self.publish(session, kind::REFUSED, code, one.correlation, bytes);
    }

    fn publish(&self, session: &Session, kind: u8, code: Code, correlation: u64, payload: &[u8]) {
        let header = SlotHeader {
            lap: 0,
            kind,
            flags: 0,
            method: 0,
            correlation,
            payload_len: 0,
            code: code.0,
            depth: 0,
            codec: 0,
            deadline: 0,
        };
        match lock(&self.grants).push(&header, &[payload]) {
            Ok(true) => session.ring_client(),
            Ok(false) => {}
            Err(error) => session.end(Error::protocol(format!("grant ring: {error}"))),
        }
    }
}

fn request_drops(session: &Session, extents: &[u32]) {
    for id in extents {
        session.send_outcome(control::EXTENT_DROP, u64::from(*id), Ok(Vec::new()));
    }
}

/// Time left to wait.
fn wait_left(give_up: Instant, deadline_ns: u64) -> Result<Duration, Error> {
    let mut left = give_up.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Error::resource_exhausted("no reply buffer was returned"));
    }
    if deadline_ns != 0 {
        let until = Duration::from_nanos(deadline_ns.saturating_sub(monotonic_ns()));
        if until.is_zero() {
            return Err(Error::timeout());
        }
        left = left.min(until);
    }
    Ok(left)
}
