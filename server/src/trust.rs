//! Requests that are read where the client wrote them, for those who trust their own
//! node.
//!
//! ```text
//!   default   client's buffer ── copied ──▶ private memory ─ validated ─▶ handler
//!   in place  client's buffer ───────────────────────────── validated ─▶ handler
//! ```
//!
//! What fits in a slot is copied in either case: the slot is free at once.

#![allow(
    unsafe_code,
    reason = "a promise about other processes, for the caller to make"
)]

use crate::builder::Builder;

impl Builder {
    /// Has large requests of clients of this process's own uid read in place, archives
    /// included: no copy, and no protection by one. `--trust-clients-in-place` of a
    /// sidecar's command line does the same. What both cost stands in SECURITY.md.
    ///
    /// It is not done for a process without privileges of its own (the overflow uid),
    /// whose uid others share.
    ///
    /// ```
    /// use outrigger_server::Server;
    ///
    /// // SAFETY: the only program that may connect writes no buffer that it has sent.
    /// let builder = unsafe { Server::builder().trust_clients_in_place() };
    /// # let _ = builder;
    /// ```
    ///
    /// # Safety
    /// No client of this process's uid ever writes a buffer after it has sent it, until
    /// the call has ended: not by mistake, such as a slice kept after sending, and not
    /// on purpose. One that does makes a handler's `&[u8]` or archive change under it,
    /// after validation, which is undefined behaviour.
    pub unsafe fn trust_clients_in_place(self) -> Self {
        self.in_place(true)
    }

    /// What the command line asks for: whoever wrote it has made the promise.
    pub(crate) fn in_place(mut self, in_place: bool) -> Self {
        self.in_place |= in_place;
        self
    }
}
