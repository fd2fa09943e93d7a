//! Who waits, and how to wake it.

use std::task::Waker;
use std::thread::{self, Thread};

/// A caller that sleeps.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// A thread in `thread::park`.
    Thread(Thread),
    /// An async task.
    Task(Waker),
}

impl Waiter {
    pub(crate) fn wake(self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Task(waker) => waker.wake(),
        }
    }
}

/// How a caller that looks at its call wants to hear of the next change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait<'a> {
    /// Not at all: it will look again.
    Look,
    /// By unparking this thread.
    Thread,
    /// By waking this task.
    Task(&'a Waker),
}

impl Wait<'_> {
    /// What to leave behind; nothing for a mere look.
    pub(crate) fn waiter(self) -> Option<Waiter> {
        match self {
            Self::Look => None,
            Self::Thread => Some(Waiter::Thread(thread::current())),
            Self::Task(waker) => Some(Waiter::Task(waker.clone())),
        }
    }
}

/// Most waiters collected under a lock before they are woken outside it.
const WAKES_MAX: usize = 8;

/// Waiters to be woken once no lock is held: a waker is foreign code.
///
/// Preconditions: declared before the lock's guard, so that a drop wakes after
/// the guard is gone.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    list: [Option<Waiter>; WAKES_MAX],
    count: usize,
}

impl Wakes {
    /// True while one more message can be dealt with: it wakes its caller and,
    /// by the credit it frees, one more.
    pub(crate) fn has_room(&self) -> bool {
        self.count + 2 <= WAKES_MAX
    }

    /// Takes up a waiter, if there is one.
    ///
    /// Preconditions: [`Wakes::has_room`] before the message.
    pub(crate) fn push(&mut self, waiter: Option<Waiter>) {
        if waiter.is_some() {
            self.list[self.count] = waiter;
            self.count += 1;
        }
    }

    /// Wakes them all.
    pub(crate) fn wake_all(&mut self) {
        for waiter in &mut self.list[..self.count] {
            if let Some(waiter) = waiter.take() {
                waiter.wake();
            }
        }
        self.count = 0;
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.wake_all();
    }
}
