//! Deadlines of async calls: the reader thread keeps them, as no runtime is
//! assumed. (A blocking caller wakes itself.)

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::task::Waker;
use std::time::Instant;

use crate::lock::lock;

/// Names one timer; ordered by its deadline.
pub(crate) type TimerKey = (Instant, u64);

/// All timers of one session.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_time: BTreeMap<TimerKey, Waker>,
    next: u64,
    /// When the reader thread will look here by itself; `None` is never.
    horizon: Option<Instant>,
}

impl Timers {
    /// Sets a timer. Returns its key, and true if the reader thread would come too
    /// late and must be woken.
    pub(crate) fn set(&self, deadline: Instant, waker: &Waker) -> (TimerKey, bool) {
        let mut table = lock(&self.table);
        table.next += 1;
        let key = (deadline, table.next);
        table.by_time.insert(key, waker.clone());
        let late = table.horizon.is_none_or(|horizon| deadline < horizon);
        (key, late)
    }

    /// Replaces the waker of a timer that has not fired.
    pub(crate) fn update(&self, key: TimerKey, waker: &Waker) {
        if let Some(kept) = lock(&self.table).by_time.get_mut(&key) {
            kept.clone_from(waker);
        }
    }

    /// Removes a timer.
    pub(crate) fn clear(&self, key: TimerKey) {
        lock(&self.table).by_time.remove(&key);
    }

    /// When the reader thread must look again, which it promises by asking.
    /// `latest` is when it does so in any case.
    pub(crate) fn promise(&self, latest: Option<Instant>) -> Option<Instant> {
        let mut table = lock(&self.table);
        let first = table.by_time.keys().next().map(|(deadline, _)| *deadline);
        table.horizon = match (first, latest) {
            (Some(first), Some(latest)) => Some(first.min(latest)),
            (first, latest) => first.or(latest),
        };
        table.horizon
    }

    /// Wakes all whose deadline has come.
    pub(crate) fn fire(&self, now: Instant) {
        loop {
            let mut table = lock(&self.table);
            let Some(entry) = table.by_time.first_entry() else {
                return;
            };
            if entry.key().0 > now {
                return;
            }
            let waker = entry.remove();
            drop(table);
            waker.wake();
        }
    }
}
