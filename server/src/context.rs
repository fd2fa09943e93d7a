//! What a handler may know about its call.

use core::time::Duration;

use outrigger_ringbuf::sync::{AtomicBool, Ordering};

use crate::clock::monotonic_ns;

/// The process at the other end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user id, as the kernel reports it.
    pub uid: u32,
    /// Its process id when it connected; 0 if it is in a sibling PID namespace.
    pub pid: i32,
    /// Its large requests are read where it wrote them; see `trust.rs`.
    pub(crate) in_place: bool,
}

/// One call, seen from its handler. It offers nothing that blocks, so it may be
/// used on a poller.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub(crate) method: &'a str,
    pub(crate) peer: Peer,
    pub(crate) epoch: u64,
    pub(crate) deadline_ns: u64,
    /// Bytes of the largest answer.
    pub(crate) payload_max: u64,
    pub(crate) cancelled: &'a AtomicBool,
    pub(crate) ended: &'a outrigger_ringbuf::Closing,
}

impl Context<'_> {
    /// Name of the method that was called.
    pub fn method(&self) -> &str {
        self.method
    }

    /// The calling process.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Epoch of the session; unique in this server.
    pub fn session(&self) -> u64 {
        self.epoch
    }

    /// Time left until the caller stops waiting: `None` without a deadline, zero
    /// once it has passed. Reads the clock.
    pub fn remaining(&self) -> Option<Duration> {
        if self.deadline_ns == 0 {
            return None;
        }
        Some(Duration::from_nanos(
            self.deadline_ns.saturating_sub(monotonic_ns()),
        ))
    }

    /// True once nobody waits for the answer any more: the caller cancelled, its
    /// deadline passed, or its session ended. Handlers that run long look here
    /// now and then and return early; whatever they return is dropped.
    pub fn is_cancelled(&self) -> bool {
        // Relaxed: a hint that carries no data.
        self.cancelled.load(Ordering::Relaxed)
            || self.ended.is_closed()
            || self.remaining().is_some_and(|left| left.is_zero())
    }
}
