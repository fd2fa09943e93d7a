//! Callers that wait for a credit, first come, first served.
//!
//! A caller that finds no credit queues and then looks again; whoever gives a
//! credit back looks for a queue afterwards. Both sides store and then load,
//! so one of the two must see the other: the stores (the credit's bit, the
//! count of waiters) and the loads are SeqCst, and in their single total order
//! one of the stores comes first and the opposite load after it. With release
//! and acquire alone both loads could miss and the caller would sleep beside a
//! free credit.

use std::collections::VecDeque;
use std::sync::Mutex;

use outrigger_ringbuf::sync::{AtomicUsize, Ordering};

use crate::lock::lock;
use crate::waiter::Waiter;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct CreditQueue {
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<(u64, Waiter)>,
    next_ticket: u64,
}

impl CreditQueue {
    /// Queues a waiter. One that was woken and came too late gives its ticket and
    /// stands first again.
    ///
    /// The caller looks for a credit once more afterwards.
    pub(crate) fn enter(&self, ticket: Option<u64>, waiter: Waiter) -> u64 {
        let mut queue = lock(&self.queue);
        if let Some(ticket) = ticket {
            match queue.position(ticket) {
                Some(index) => queue.entries[index].1 = waiter,
                None => {
                    queue.entries.push_front((ticket, waiter));
                    self.waiting.fetch_add(1, Ordering::SeqCst);
                }
            }
            return ticket;
        }
        queue.next_ticket += 1;
        let ticket = queue.next_ticket;
        queue.entries.push_back((ticket, waiter));
        self.waiting.fetch_add(1, Ordering::SeqCst);
        ticket
    }

    /// Takes the first waiter. Called after a credit was given back.
    pub(crate) fn next(&self) -> Option<Waiter> {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let (_, waiter) = lock(&self.queue).entries.pop_front()?;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Some(waiter)
    }

    /// Leaves the queue with a credit.
    pub(crate) fn served(&self, ticket: u64) {
        self.remove(ticket);
    }

    /// Leaves the queue without a credit. Gives the next waiter if this one had
    /// been woken: for a credit that it did not take.
    pub(crate) fn give_up(&self, ticket: u64) -> Option<Waiter> {
        if self.remove(ticket) {
            return None;
        }
        self.next()
    }

    /// Returns false if the ticket is not queued: its waiter was woken.
    fn remove(&self, ticket: u64) -> bool {
        let mut queue = lock(&self.queue);
        let Some(index) = queue.position(ticket) else {
            return false;
        };
        queue.entries.remove(index);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        true
    }

    /// Takes all waiters: the session ends.
    pub(crate) fn take_all(&self) -> Vec<Waiter> {
        let mut queue = lock(&self.queue);
        self.waiting
            .fetch_sub(queue.entries.len(), Ordering::SeqCst);
        queue.entries.drain(..).map(|(_, waiter)| waiter).collect()
    }
}

impl Queue {
    fn position(&self, ticket: u64) -> Option<usize> {
        self.entries
            .iter()
            .position(|(queued, _)| *queued == ticket)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use outrigger_ringbuf::sync::AtomicU64;

    use super::*;

    struct Named(u64, Arc<AtomicU64>);

    impl Wake for Named {
        fn wake(self: Arc<Self>) {
            self.1.store(self.0, Ordering::SeqCst);
        }
    }

    #[test]
    fn waiters_are_served_in_order_and_a_late_one_stands_first_again() {
        let queue = CreditQueue::default();
        let woken = Arc::new(AtomicU64::new(0));
        let waiter = |name| Waiter::Task(Arc::new(Named(name, Arc::clone(&woken))).into());
        let wake = |waiter: Option<Waiter>| {
            waiter.unwrap().wake();
            woken.swap(0, Ordering::SeqCst)
        };
        let first = queue.enter(None, waiter(1));
        let second = queue.enter(None, waiter(2));
        assert_eq!(wake(queue.next()), 1);
        assert_eq!(queue.enter(Some(first), waiter(1)), first);
        assert_eq!(wake(queue.next()), 1);
        // The first one was woken and gives up: the second takes its turn.
        assert_eq!(wake(queue.give_up(first)), 2);
        assert!(queue.give_up(second).is_none());
        assert!(queue.next().is_none());
    }
}
