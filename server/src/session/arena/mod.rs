//! A session's buffers: the ledger, and the waiting and the I/O around it.
//!
//! Nobody waits on the poller. A client's ALLOC is answered at once when a
//! buffer is free; else it joins a queue that is served whenever a buffer comes
//! back, an extent was mapped or one was dropped. A worker that needs a reply
//! buffer waits for the same events, within its call's deadline.
//!
//! The control task ticks while there is something to do: see [`Arena::tick`].

mod fill;
mod grants;
mod growth;
mod tick;

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

use outrigger_layout::buffer::{AllocRequest, BUFFERS, BufferRef, Refusal};
use outrigger_layout::frame::control;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::RingView;

use crate::clock::monotonic_ns;
use crate::lease::Lease;
use crate::ledger::{Allocation, Ledger, Plan, State, Usage};
use crate::lock::lock;
use crate::session::Session;
use grants::Grants;

/// An ALLOC that waits.
#[derive(Debug)]
struct Wanted {
    correlation: u64,
    /// How large its buffers must be, and how many there are.
    lens: [u64; BUFFERS],
    count: usize,
    /// Extents are being made for it.
    growing: bool,
    /// It has waited for a tick: younger ones overtake it no more.
    overdue: bool,
}

impl Wanted {
    fn lens(&self) -> &[u64] {
        &self.lens[..self.count]
    }
}

#[derive(Debug)]
struct Books {
    ledger: Ledger,
    /// Buffers on their way to the client; empty but while they are granted.
    granted: Vec<Lease>,
    wanted: Vec<Wanted>,
    /// Workers that wait for a reply buffer, by number, in the order of their coming.
    filling: VecDeque<u64>,
    /// The number of the next one.
    next_filler: u64,
    refusals: u64,
    /// A buffer moved since the last tick.
    moved: bool,
    /// Ticks since a buffer moved.
    quiet: u32,
    /// The control task ticks.
    ticking: bool,
}

/// Buffers of one session.
#[derive(Debug)]
pub(crate) struct Arena {
    books: Mutex<Books>,
    /// Signalled when a worker's wait for a reply buffer may have an end.
    returned: Condvar,
    grants: Grants,
    allocs_max: usize,
    /// Held from an extent's number to its announcement: clients insist on order.
    announcing: Mutex<()>,
}

/// What a session's buffers do, and who waits for one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ArenaUsage {
    pub(crate) ledger: Usage,
    /// ALLOCs and workers that wait.
    pub(crate) waiting: u64,
    /// ALLOCs that were refused.
    pub(crate) refusals: u64,
}

impl Books {
    /// True if somebody waits: nothing is granted ahead of need then.
    fn is_short(&self) -> bool {
        !self.filling.is_empty() || !self.wanted.is_empty()
    }
}

impl Arena {
    pub(crate) fn new(grants: RingView, ledger: Ledger, allocs_max: usize) -> Self {
        let books = Books {
            ledger,
            granted: Vec::new(),
            wanted: Vec::new(),
            filling: VecDeque::new(),
            next_filler: 0,
            refusals: 0,
            moved: false,
            quiet: 0,
            ticking: false,
        };
        Self {
            books: Mutex::new(books),
            returned: Condvar::new(),
            grants: Grants::new(grants),
            allocs_max,
            announcing: Mutex::new(()),
        }
    }

    /// What there is now.
    pub(crate) fn usage(&self) -> ArenaUsage {
        let books = lock(&self.books);
        ArenaUsage {
            ledger: books.ledger.usage(),
            waiting: (books.wanted.len() + books.filling.len()) as u64,
            refusals: books.refusals,
        }
    }

    /// Takes an ALLOC and serves what can be served. Returns the extents that a
    /// worker must make; the poller makes none.
    ///
    /// # Errors
    /// PROTOCOL if more ALLOCs are unanswered than calls can be in flight, or if it asks
    /// for what no client may ask for.
    pub(crate) fn alloc(
        &self,
        session: &Session,
        correlation: u64,
        request: &AllocRequest,
    ) -> Result<Vec<Plan>, Error> {
        let mut books = lock(&self.books);
        if books.wanted.len() >= self.allocs_max {
            let max = self.allocs_max;
            return Err(Error::protocol(format!(
                "{} ALLOCs unanswered (maximum {max})",
                max + 1
            )));
        }
        let limits = session.limits();
        let (count, lens) = request.read(limits.payload_max).map_err(Error::protocol)?;
        if count > usize::from(limits.buffers_max) {
            let max = limits.buffers_max;
            let text = format!("ALLOC of {count} buffers (maximum {max})");
            return Err(Error::protocol(text));
        }
        if correlation == 0 {
            return Err(Error::protocol("ALLOC with correlation 0"));
        }
        books.wanted.push(Wanted {
            correlation,
            lens,
            count,
            growing: false,
            overdue: false,
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

    /// Takes the buffer that a request names. Returns the extents that a worker must
    /// make, too.
    ///
    /// # Errors
    /// INVALID_HANDLE or OUT_OF_BOUNDS: violations.
    pub(crate) fn hold(
        &self,
        session: &Session,
        named: &BufferRef,
    ) -> Result<(Lease, Vec<Plan>), Error> {
        let mut books = lock(&self.books);
        let lease = books.ledger.hold(named)?;
        // It is one less that the client has, and somebody may wait for that.
        let plans = if books.is_short() {
            self.serve(session, &mut books)
        } else {
            Vec::new()
        };
        Ok((lease, plans))
    }

    /// Frees a buffer that this process held or filled, on a worker.
    pub(crate) fn free(&self, session: &Session, lease: &Lease) {
        let plans = self.release(session, lease);
        self.grow_all(session, &plans);
    }

    /// Frees a buffer; returns the extents that a worker must make. What held a
    /// request is granted again ahead of need, if nobody waits.
    pub(crate) fn release(&self, session: &Session, lease: &Lease) -> Vec<Plan> {
        let mut books = lock(&self.books);
        let held = books.ledger.free(lease) == State::Held;
        if held && !books.is_short() && !session.closing().is_closed() {
            self.restock(session, &mut books, lease.reference.length);
        }
        self.serve(session, &mut books)
    }

    /// Marks a filled buffer as lent, right before the reply that names it.
    pub(crate) fn lend(&self, lease: &Lease) {
        lock(&self.books).ledger.lend(lease, monotonic_ns());
    }

    /// Ends every wait: the session is over.
    pub(crate) fn wake_waiters(&self) {
        // Under the lock, so that a waiter is either before its check of the
        // session's end or already waiting.
        let _books = lock(&self.books);
        self.returned.notify_all();
    }

    /// Grants what can be granted, oldest first, and wakes waiting workers.
    fn serve(&self, session: &Session, books: &mut Books) -> Vec<Plan> {
        note_move(session, books);
        if !books.filling.is_empty() {
            self.returned.notify_all();
        }
        let mut plans = Vec::new();
        // Once one waits for memory, no younger one may take what becomes free: it
        // would never be enough.
        let (mut starved, mut strictly) = (false, false);
        // Only the first has extents dropped, and not while his own are on their way:
        // those that are mapped already would go first.
        let mut first = true;
        let Books {
            ledger,
            granted,
            wanted,
            refusals,
            ..
        } = books;
        // What was made for somebody may have gone to others: then it is made again.
        let was_growing = ledger.is_growing();
        wanted.retain_mut(|one| {
            if strictly {
                return true;
            }
            let coming = one.growing && was_growing;
            match ledger.grant(one.lens(), first && !coming, granted) {
                Allocation::Ready => {
                    for lease in granted.drain(..) {
                        let reference = &lease.reference;
                        self.grants.grant(session, one.correlation, reference);
                    }
                    return false;
                }
                Allocation::Grow(unmade) if starved || coming => {
                    strictly |= one.overdue;
                    unmade.iter().for_each(|plan| ledger.abandon(plan));
                }
                Allocation::Grow(unmade) => {
                    one.growing = true;
                    plans.extend(unmade);
                }
                Allocation::Wait(drops) => {
                    starved = true;
                    strictly |= one.overdue;
                    request_drops(session, &drops);
                }
                Allocation::Never { needed, available } => {
                    *refusals += 1;
                    let refusal = Refusal { needed, available };
                    let correlation = one.correlation;
                    let code = Code::BUFFER_TOO_SMALL;
                    self.grants.refuse(session, correlation, code, &refusal);
                    return false;
                }
            }
            first = false;
            true
        });
        if starved {
            self.recall(session, books);
        }
        plans
    }

    /// Asks the client for its stock, once for each time there is some.
    fn recall(&self, session: &Session, books: &mut Books) {
        if books.ledger.recall() {
            self.grants.recall(session);
        }
    }

    /// Grants a buffer of this size ahead of need, if that is useful.
    fn restock(&self, session: &Session, books: &mut Books, buffer_len: u64) {
        if let Some(lease) = books.ledger.stock(buffer_len)
            && !self.grants.stock(session, &lease.reference)
        {
            books.ledger.free(&lease);
        }
    }

    fn refuse(&self, session: &Session, one: &Wanted, code: Code, available: u64) {
        let refusal = Refusal {
            needed: one.lens().iter().sum(),
            available,
        };
        self.grants.refuse(session, one.correlation, code, &refusal);
    }
}

/// Notes that a buffer moved, and has the control task tick.
fn note_move(session: &Session, books: &mut Books) {
    books.moved = true;
    begin_ticking(session, books);
}

fn begin_ticking(session: &Session, books: &mut Books) {
    if !core::mem::replace(&mut books.ticking, true) {
        session.changed.notify_one();
    }
}

fn request_drops(session: &Session, extents: &[u32]) {
    for id in extents {
        session.send_outcome(control::EXTENT_DROP, u64::from(*id), Ok(Vec::new()));
    }
}
