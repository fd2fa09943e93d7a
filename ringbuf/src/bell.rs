//! Doorbells: what wakes a sleeping peer. One per direction and session.
//!
//! A file description is shared by all who hold its fd, flags included. So the
//! server never reads or writes a description whose flags a client can change:
//! it owns the pipe's write end alone, and it never reads the eventfd (epoll
//! reports each write by its edge).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, pipe_with};

/// Server to client: a pipe whose write end never leaves the server.
#[derive(Debug)]
pub struct ClientBell {
    write_end: OwnedFd,
}

impl ClientBell {
    /// A new bell and the read end for the client.
    ///
    /// # Errors
    /// Those of pipe2, EMFILE above all.
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let (read_end, write_end) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok((Self { write_end }, read_end))
    }

    /// Rings. A full pipe means that the bell is ringing already; a closed one
    /// that the client is gone, which the control socket reports. (Then SIGPIPE comes
    /// first, which must not end the process: Rust's runtime ignores it, but only where
    /// `main` is Rust's.)
    pub fn ring(&self) {
        // The three outcomes are written, EAGAIN and EPIPE; none asks for an action.
        let _ = write(&self.write_end, &[1]);
    }

    /// Empties the read end, in the client. Returns false on end of file.
    ///
    /// # Errors
    /// Those of read but EAGAIN and EINTR.
    pub fn clear(read_end: impl AsFd) -> io::Result<bool> {
        let mut bytes = [0; 256];
        loop {
            match read(read_end.as_fd(), &mut bytes) {
                Ok(0) => return Ok(false),
                Ok(count) if count < bytes.len() => return Ok(true),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Client to server: an eventfd that is registered edge-triggered in the
/// server's epoll and never read by anybody.
#[derive(Debug)]
pub struct ServerBell {
    eventfd: OwnedFd,
}

impl ServerBell {
    /// A new bell.
    ///
    /// # Errors
    /// Those of eventfd, EMFILE above all.
    pub fn new() -> io::Result<Self> {
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { eventfd })
    }

    /// The bell that arrived with WELCOME, in the client.
    pub fn from_received(eventfd: OwnedFd) -> Self {
        Self { eventfd }
    }

    /// Rings, in the client. EAGAIN (2^64 - 2 rings unread) means rung.
    pub fn ring(&self) {
        let _ = write(&self.eventfd, &1_u64.to_le_bytes());
    }
}

impl AsFd for ServerBell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}
