//! What a session counts.

use outrigger_ringbuf::sync::{AtomicU64, Ordering};

/// A snapshot of a session's counters, as [`Client::stats`](crate::Client::stats)
/// gives it. All count from the connect on.
///
/// ```
/// let stats = outrigger_client::Stats::default();
/// assert_eq!(stats.belt_defects, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages published in request rings: calls and cancels.
    pub requests: u64,
    /// Replies read, late ones included.
    pub replies: u64,
    /// Replies that nobody waited for any more: dropped, their buffers returned.
    pub late_replies: u64,
    /// CANCEL messages sent.
    pub cancels: u64,
    /// Calls that ended by their deadline on this side.
    pub timeouts: u64,
    /// Times that a caller slept.
    pub sleeps: u64,
    /// Times that the reader thread was woken by the server's doorbell.
    pub wakes: u64,
    /// Times that this side rang the server's doorbell.
    pub rings: u64,
    /// Buffers asked for: for large requests, attachments, and by [`Client::alloc`].
    ///
    /// [`Client::alloc`]: crate::Client::alloc
    pub grants: u64,
    /// Buffers given back: large replies, and grants that were not used or recalled.
    pub returns: u64,
    /// Buffers that were in stock when they were needed, so that none was asked for.
    pub stock_used: u64,
    /// Bytes of values that were copied into buffers. What a user writes to a
    /// [`Buffer`](crate::Buffer) is not among them.
    pub copied_in: u64,
    /// Bytes of values that were copied out of buffers. What a user reads of a
    /// [`Buffer`](crate::Buffer) is not among them.
    pub copied_out: u64,
    /// Times that the server recalled what is in stock.
    pub recalls: u64,
    /// Extents mapped at the moment.
    pub extents: u64,
    /// PROGRESS messages read and ignored.
    pub progress: u64,
    /// Messages that lay unread for a second although somebody waited: each is a
    /// defect of this crate or of the server. Always 0.
    pub belt_defects: u64,
    /// Times that the server was rung because it had not read for a second. It
    /// may have been busy; with `belt_defects` it tells where to look.
    pub belt_rings: u64,
}

/// The counters that many threads count. What one lock guards is counted under
/// it instead, and a call that is quick touches none of these.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) cancels: Counter,
    pub(crate) timeouts: Counter,
    pub(crate) sleeps: Counter,
    pub(crate) wakes: Counter,
    pub(crate) rings: Counter,
    pub(crate) grants: Counter,
    pub(crate) returns: Counter,
    pub(crate) stock_used: Counter,
    pub(crate) copied_in: Counter,
    pub(crate) copied_out: Counter,
    pub(crate) belt_defects: Counter,
    pub(crate) belt_rings: Counter,
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        // Relaxed: a statistic; nothing is concluded from it.
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
