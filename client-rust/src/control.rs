//! The writing half of the control socket.
//!
//! No caller ever waits for the server to read: what the socket does not take
//! is kept, up to a bound, and the reader thread writes it later.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;

use bytemuck::bytes_of;
use outrigger_layout::frame::ControlHeader;
use outrigger_layout::limits::FRAME_MAX;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::send;
use rustix::net::{Shutdown, shutdown};

use crate::lock::lock;

/// Most bytes that wait for a server that does not read.
const OUTBOX_MAX: usize = 64 * FRAME_MAX as usize;

/// The socket, and what it has not taken yet.
#[derive(Debug)]
pub(crate) struct Control {
    socket: OwnedFd,
    outbox: Mutex<Vec<u8>>,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the reader thread must hear of a kept frame"]
pub(crate) enum Posted {
    /// The kernel has it, or the server is gone, which the reader notices.
    Sent,
    /// It is kept: the reader thread must write it.
    Kept,
}

impl Control {
    /// Preconditions: the socket does not block.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            outbox: Mutex::default(),
        }
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// PEER_GONE if the server has not read for so long that no more is kept.
    pub(crate) fn post(
        &self,
        kind: u16,
        code: Code,
        token: u64,
        body: &[&[u8]],
    ) -> Result<Posted, Error> {
        let length: usize = body.iter().map(|part| part.len()).sum();
        let header = ControlHeader {
            kind,
            code: code.0,
            length: length as u32,
            token,
        };
        let mut outbox = lock(&self.outbox);
        if outbox.len() + size_of::<ControlHeader>() + length > OUTBOX_MAX {
            let text = format!("the server left {} bytes of frames unread", outbox.len());
            return Err(Error::with_details(Code::PEER_GONE, &[&text]));
        }
        outbox.extend_from_slice(bytes_of(&header));
        for part in body {
            outbox.extend_from_slice(part);
        }
        Ok(self.write(&mut outbox))
    }

    /// Writes what is kept, as far as the socket takes it.
    pub(crate) fn flush(&self) -> Posted {
        self.write(&mut lock(&self.outbox))
    }

    /// True if something is kept.
    pub(crate) fn is_pending(&self) -> bool {
        !lock(&self.outbox).is_empty()
    }

    /// Ends the conversation; the server reads what was sent, then the end.
    pub(crate) fn hang_up(&self) {
        // It fails only if the server hung up first.
        let _ = shutdown(&self.socket, Shutdown::Both);
    }

    fn write(&self, outbox: &mut Vec<u8>) -> Posted {
        while !outbox.is_empty() {
            match send(&self.socket, outbox, &[]) {
                Ok(count) => drop(outbox.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Posted::Kept,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // EPIPE and the like: nobody will read it.
                Err(_) => outbox.clear(),
            }
        }
        Posted::Sent
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
