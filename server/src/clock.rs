//! The clock of deadlines: CLOCK_MONOTONIC in nanoseconds, read only when asked.

use rustix::time::{ClockId, clock_gettime};

/// Now, in nanoseconds of CLOCK_MONOTONIC.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A clock that is read at most once, and not at all if nobody asks: most calls
/// have no deadline. Tests give it a fixed time.
#[derive(Debug)]
pub(crate) struct Now {
    read: fn() -> u64,
    value: Option<u64>,
}

impl Now {
    /// Reads the real clock on first use.
    pub(crate) fn lazy() -> Self {
        Self {
            read: monotonic_ns,
            value: None,
        }
    }

    /// A time given from outside.
    pub(crate) fn fixed(now_ns: u64) -> Self {
        Self {
            read: monotonic_ns,
            value: Some(now_ns),
        }
    }

    /// The time.
    pub(crate) fn get(&mut self) -> u64 {
        *self.value.get_or_insert_with(self.read)
    }
}
