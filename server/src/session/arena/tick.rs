//! What no message brings about: the control task ticks for it, about once a second
//! while there is something to do.

use outrigger_layout::Code;
use outrigger_layout::segment::side;

use crate::ledger::Plan;
use crate::lock::lock;
use crate::session::Session;
use crate::session::arena::{Arena, Books, request_drops};

/// Ticks without any buffer's move after which the stock is recalled.
const QUIET_TICKS: u32 = 2;
/// Ticks without any buffer's move after which ALLOCs that wait for nothing but what
/// the client itself has are refused.
const PATIENCE_TICKS: u32 = 5;

impl Arena {
    /// True if the control task is to call `tick` about once a second.
    pub(crate) fn is_ticking(&self) -> bool {
        lock(&self.books).ticking
    }

    /// Looks after what no message brings about: gives empty extents up, recalls what
    /// is in stock for nothing, refuses those who wait in vain. Returns the extents
    /// that a worker must make, and whether there will be something to do again.
    pub(crate) fn tick(&self, session: &Session) -> (Vec<Plan>, bool) {
        let mut books = lock(&self.books);
        books.quiet = if core::mem::take(&mut books.moved) {
            0
        } else {
            books.quiet + 1
        };
        if books.quiet >= QUIET_TICKS {
            self.recall(session, &mut books);
        }
        let drops = books.ledger.tick();
        request_drops(session, &drops);
        for wanted in &mut books.wanted {
            wanted.overdue = true;
        }
        // What other sessions gave back may be had now.
        let plans = self.serve(session, &mut books);
        books.moved = false;
        if books.quiet >= PATIENCE_TICKS {
            self.refuse_patient(session, &mut books);
        }
        books.ticking = books.is_short() || books.ledger.needs_tick() || books.quiet < QUIET_TICKS;
        (plans, books.ticking)
    }

    /// Nothing has moved for long. If it is the client alone who has buffers, and none
    /// is on its way, those who wait would do so for ever.
    fn refuse_patient(&self, session: &Session, books: &mut Books) {
        if books.ledger.counts().server_buffers() > 0 || books.ledger.is_growing() {
            return;
        }
        let available = books.ledger.available(side::CLIENT);
        books.refusals += books.wanted.len() as u64;
        for one in books.wanted.drain(..) {
            self.refuse(session, &one, Code::RESOURCE_EXHAUSTED, available);
        }
    }
}
