//! Typed replies that are read where the server wrote them, for those who trust it.
//!
//! ```text
//!   default   lent buffer ── copied ──▶ ArchiveMemory ─ validated ─▶ Archive
//!                 └── RETURN
//!   in place  lent buffer ───────────────────────────── validated ─▶ Archive ─ drop ─▶ RETURN
//! ```
//!
//! What fits in a slot is copied in either case: the slot is free at once.

#![allow(
    unsafe_code,
    reason = "a promise about another process, for the caller to make"
)]

use outrigger_layout::Error;
use outrigger_layout::message::{Archive, Kept, Message};

use crate::buffer::Buffer;
use crate::landing::ArchiveBytes;
use crate::options::Options;

/// A lent buffer in which an archive is read.
#[derive(Debug)]
struct InPlace(Buffer);

impl Options {
    /// Has typed replies that are in buffers read in place, by
    /// [`TypedCall::wait`](crate::TypedCall::wait) and by awaiting: no copy, and no
    /// protection by one. The [`Archive`] keeps the buffer, and gives it back when it is
    /// dropped. `wait_into` copies, as ever.
    ///
    /// It is not done if the server is a process without privileges of its own (the
    /// overflow uid), whose uid others share.
    ///
    /// ```no_run
    /// use outrigger_client::Client;
    ///
    /// # fn main() -> Result<(), outrigger_client::Error> {
    /// // SAFETY: the sidecar of this program's own build listens there, in whose memory
    /// // only its own safe code writes.
    /// let options = unsafe { Client::builder().trust_server_in_place() };
    /// let client = options.connect("unix:///run/app/bridge.sock")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Safety
    /// The server never writes a buffer that it has lent with a reply, until this side
    /// has returned it: neither by mistake nor on purpose. An archive is validated once;
    /// a server that writes it afterwards makes what an `Archive` derefs to change under
    /// its reader, which is undefined behaviour.
    #[must_use]
    pub unsafe fn trust_server_in_place(mut self) -> Self {
        self.in_place = true;
        self
    }
}

/// The archive of a reply, validated where it is.
///
/// # Errors
/// As [`Archive::new`].
pub(crate) fn archive<R: Message>(bytes: ArchiveBytes) -> Result<Archive<R>, Error> {
    match bytes {
        ArchiveBytes::Own(memory) => Archive::new(memory),
        ArchiveBytes::InPlace(buffer) => Archive::in_place(Box::new(InPlace(buffer))),
    }
}

// SAFETY: a lent buffer stays where it is while there is its `Buffer`, which this process
// cannot write; by the promise of `Options::trust_server_in_place`, without which there is
// no `InPlace`, the server does not write it either.
unsafe impl Kept for InPlace {
    fn bytes(&self) -> &[u8] {
        // SAFETY: by the same promise the bytes do not change.
        unsafe { self.0.bytes() }
    }
}
