//! What is under way, and can be waited for: by a caller that blocks (`wait.rs`) or by a
//! task (`polled.rs`). It gives everything back when it is dropped.

use std::time::Instant;

use outrigger_layout::Error;

use crate::record::Record;
use crate::waiter::Wait;

/// A small state machine that is polled.
pub(crate) trait Journey {
    /// Goes as far as it can. `None`: not there yet, and `wait` was left behind. On an
    /// error it has given up; when it is ready, its own methods give what it brought.
    fn poll(&mut self, wait: Wait<'_>) -> Option<Result<(), Error>>;

    /// The record whose next event it waits for, if it has one.
    fn record(&self) -> Option<&Record>;

    /// When it ends with TIMEOUT.
    fn deadline(&self) -> Option<Instant>;

    /// True if what it waits for is the work of a worker of the server.
    fn awaits_worker(&self) -> bool;

    /// Gives up at the deadline.
    fn time_out(&mut self) -> Error;
}
