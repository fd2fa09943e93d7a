//! A caller's way to a credit: taken if there is one, else queued for.

use outrigger_layout::Error;

use crate::session::Session;
use crate::waiter::Wait;

/// The place of one caller among those who want a credit.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    ticket: Option<u64>,
}

impl Turn {
    /// Takes a credit; gives the index of its record. `None`: there is none yet, and
    /// `wait` was left behind.
    ///
    /// # Errors
    /// Why the session takes no calls any more.
    pub(crate) fn poll(
        &mut self,
        session: &Session,
        wait: Wait<'_>,
    ) -> Result<Option<usize>, Error> {
        session.check_open()?;
        let mut record = find_credit(session);
        if record.is_none() {
            let Some(waiter) = wait.waiter() else {
                return Ok(None);
            };
            self.ticket = Some(session.credits.enter(self.ticket, waiter));
            // Once more, now that whoever gives one back sees the queue.
            record = find_credit(session);
        }
        if record.is_none() {
            // Who closes the session wakes those who are queued then.
            session.check_open()?;
        } else if let Some(ticket) = self.ticket.take() {
            session.credits.served(ticket);
        }
        Ok(record)
    }

    /// True if the caller stands in the queue.
    pub(crate) fn is_queued(&self) -> bool {
        self.ticket.is_some()
    }

    /// Leaves the queue without a credit.
    pub(crate) fn give_up(&mut self, session: &Session) {
        if let Some(ticket) = self.ticket.take()
            && let Some(next) = session.credits.give_up(ticket)
        {
            next.wake();
        }
    }
}

/// A free credit of this thread's own lane, or of any other.
fn find_credit(session: &Session) -> Option<usize> {
    let lanes = session.lanes();
    let home = home() % lanes.len();
    let (before, from) = lanes.split_at(home);
    from.iter()
        .chain(before)
        .find_map(|lane| lane.take_credit())
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
