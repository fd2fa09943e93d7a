//! Deadlines in the server's clock.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Clocks that differ by less are one clock: the difference is the transit.
const SAME_CLOCK_NS: u64 = 1_000_000_000;

/// Translates this process's instants into the server's CLOCK_MONOTONIC
/// nanoseconds without reading a clock: one pair of samples, taken at WELCOME.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    base: Instant,
    /// The server's clock at `base`.
    base_ns: u64,
}

/// This process's CLOCK_MONOTONIC in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

impl Clock {
    /// The clock of a server that showed `server_ns` when this process showed
    /// `own_ns`, at `base`.
    pub(crate) fn new(base: Instant, own_ns: u64, server_ns: u64) -> Self {
        let shared = own_ns.abs_diff(server_ns) < SAME_CLOCK_NS;
        let base_ns = if shared { own_ns } else { server_ns };
        Self { base, base_ns }
    }

    /// A deadline as slots carry it; 0 for none, and never 0 otherwise.
    pub(crate) fn to_server(self, deadline: Option<Instant>) -> u64 {
        let Some(deadline) = deadline else {
            return 0;
        };
        let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let ahead = ns(deadline.saturating_duration_since(self.base));
        let behind = ns(self.base.saturating_duration_since(deadline));
        let at = self.base_ns.saturating_add(ahead).saturating_sub(behind);
        at.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_clock_is_not_shifted_by_the_transit() {
        let base = Instant::now();
        let clock = Clock::new(base, 5_000_000_000, 5_400_000_000);
        let deadline = base + Duration::from_millis(7);
        assert_eq!(clock.to_server(Some(deadline)), 5_007_000_000);
    }

    #[test]
    fn another_time_namespace_shifts_deadlines() {
        let base = Instant::now();
        let clock = Clock::new(base, 5_000_000_000, 90_000_000_000);
        assert_eq!(clock.to_server(Some(base)), 90_000_000_000);
        let clock = Clock::new(base, 90_000_000_000, 5_000_000_000);
        let deadline = base + Duration::from_secs(1);
        assert_eq!(clock.to_server(Some(deadline)), 6_000_000_000);
    }

    #[test]
    fn no_deadline_is_zero_and_a_deadline_never_is() {
        let base = Instant::now();
        for server_ns in [0, u64::MAX] {
            let clock = Clock::new(base, 7_000_000_000, server_ns);
            assert_eq!(clock.to_server(None), 0);
            assert_ne!(clock.to_server(Some(base)), 0);
            assert_ne!(clock.to_server(base.checked_sub(Duration::from_secs(2))), 0);
        }
    }
}
