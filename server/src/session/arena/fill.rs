//! Buffers for replies: workers wait for them, within their calls' deadlines.
//!
//! Those who wait stand in a queue. Only the first has empty extents dropped, so that
//! two sizes do not take each other's memory in turns.

use core::time::Duration;
use std::sync::PoisonError;
use std::time::Instant;

use outrigger_layout::segment::side;
use outrigger_layout::{Code, Error};

use crate::clock::monotonic_ns;
use crate::lease::Lease;
use crate::ledger::{Allocation, Plan};
use crate::lock::lock;
use crate::session::Session;
use crate::session::arena::{Arena, Books, begin_ticking, note_move, request_drops};

/// Longest wait of a worker for a reply buffer, whatever the call's deadline: for
/// an extent that the client shall map, or a buffer that it shall return.
const FILL_WAIT_MAX: Duration = Duration::from_secs(5);

/// A worker that wants a buffer.
struct Filler<'a> {
    lens: &'a [u64],
    /// Its number in the queue, where it is once it has to wait.
    number: u64,
    /// It had extents made, which the client has still to map.
    growing: bool,
    give_up: Instant,
    deadline_ns: u64,
}

/// What came of looking for a buffer.
enum Attempt {
    Over(Result<(), Error>),
    Grow(Vec<Plan>),
    Wait(Vec<u32>),
}

impl Arena {
    /// Adds buffers of at least these lengths for a reply, all or none. Waits, on a worker.
    ///
    /// Preconditions: the caller has no reply buffer, or those who have one and wait could
    /// wait for each other.
    ///
    /// # Errors
    /// TIMEOUT at the deadline, PEER_GONE if the session ends, RESOURCE_EXHAUSTED
    /// if nothing was returned for long or memory ran out, BUFFER_TOO_SMALL if it
    /// can never fit.
    pub(crate) fn fill(
        &self,
        session: &Session,
        lens: &[u64],
        deadline_ns: u64,
        leases: &mut Vec<Lease>,
    ) -> Result<(), Error> {
        let mut books = lock(&self.books);
        let mut filler = Filler::new(&mut books, lens, deadline_ns);
        let outcome = loop {
            match filler.attempt(session, &mut books, leases) {
                Attempt::Over(outcome) => break outcome,
                Attempt::Grow(plans) => {
                    drop(books);
                    let grown = self.grow_each(session, &plans);
                    books = lock(&self.books);
                    filler.growing = true;
                    if let Err(error) = grown {
                        break Err(error);
                    }
                }
                Attempt::Wait(drops) => {
                    request_drops(session, &drops);
                    if !books.ledger.is_growing() {
                        self.recall(session, &mut books);
                    }
                    let left = match filler.left(&books) {
                        Ok(left) => left,
                        Err(error) => break Err(error),
                    };
                    filler.enter(&mut books);
                    begin_ticking(session, &mut books);
                    let waited = self.returned.wait_timeout(books, left);
                    books = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        };
        if filler.leave(&mut books) {
            self.returned.notify_all();
        }
        note_move(session, &mut books);
        outcome
    }

    /// Adds buffers as `fill` does, if they can be had at once.
    pub(crate) fn try_fill(&self, lens: &[u64], leases: &mut Vec<Lease>) -> bool {
        let ledger = &mut lock(&self.books).ledger;
        match ledger.fill(lens, false, leases) {
            Allocation::Ready => return true,
            Allocation::Grow(plans) => plans.iter().for_each(|plan| ledger.abandon(plan)),
            Allocation::Wait(_) | Allocation::Never { .. } => {}
        }
        false
    }

    /// Makes several extents.
    ///
    /// # Errors
    /// That of the first one that could not be made; those behind it are not made either.
    fn grow_each(&self, session: &Session, plans: &[Plan]) -> Result<(), Error> {
        for (at, plan) in plans.iter().enumerate() {
            if let Err(error) = self.grow(session, plan) {
                for rest in &plans[at + 1..] {
                    self.refuse_growing(session, rest, &error);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

impl<'a> Filler<'a> {
    fn new(books: &mut Books, lens: &'a [u64], deadline_ns: u64) -> Self {
        let number = books.next_filler;
        books.next_filler += 1;
        Self {
            lens,
            number,
            growing: false,
            give_up: Instant::now() + FILL_WAIT_MAX,
            deadline_ns,
        }
    }

    fn attempt(
        &mut self,
        session: &Session,
        books: &mut Books,
        leases: &mut Vec<Lease>,
    ) -> Attempt {
        if session.closing().is_closed() {
            let text = "the session ended";
            return Attempt::Over(Err(Error::with_details(Code::PEER_GONE, &[&text])));
        }
        let queue = &books.filling;
        let first = queue.front().is_none_or(|first| *first == self.number);
        let ledger = &mut books.ledger;
        // Its own extents that are mapped already would go first.
        let coming = self.growing && ledger.awaits_mapping(side::SERVER, self.lens);
        match ledger.fill(self.lens, first && !coming, leases) {
            Allocation::Ready => Attempt::Over(Ok(())),
            Allocation::Never { needed, available } => {
                Attempt::Over(Err(Error::buffer_too_small(needed, available)))
            }
            Allocation::Grow(plans) if coming => {
                plans.iter().for_each(|plan| ledger.abandon(plan));
                Attempt::Wait(Vec::new())
            }
            Allocation::Grow(plans) => Attempt::Grow(plans),
            Allocation::Wait(drops) => {
                self.growing &= drops.is_empty();
                Attempt::Wait(drops)
            }
        }
    }

    fn needed(&self) -> u64 {
        self.lens.iter().sum()
    }

    /// Stands in the queue, if it does not yet.
    fn enter(&self, books: &mut Books) {
        if !books.filling.contains(&self.number) {
            books.filling.push_back(self.number);
        }
    }

    /// Leaves the queue; true if somebody else is first now.
    fn leave(&self, books: &mut Books) -> bool {
        let first = books.filling.front() == Some(&self.number);
        books.filling.retain(|number| *number != self.number);
        first && !books.filling.is_empty()
    }

    /// Time left to wait.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED after the longest wait, TIMEOUT at the deadline.
    fn left(&self, books: &Books) -> Result<Duration, Error> {
        let left = self.give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let (len, available) = (self.needed(), books.ledger.available(side::SERVER));
            let buffers = books.ledger.counts().client_buffers();
            return Err(Error::resource_exhausted(format!(
                "no buffer for a reply of {len} bytes came back: {buffers} are with the client, \
                 {available} bytes are left"
            )));
        }
        if self.deadline_ns == 0 {
            return Ok(left);
        }
        let until = Duration::from_nanos(self.deadline_ns.saturating_sub(monotonic_ns()));
        if until.is_zero() {
            return Err(Error::timeout());
        }
        Ok(left.min(until))
    }
}
