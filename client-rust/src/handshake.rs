//! The conversation before the session exists.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use bytemuck::bytes_of;
use outrigger_layout::frame::{FRAME_MAGIC, HandshakePrefix, Hello, Refused, Welcome, handshake};
use outrigger_layout::limits::ABI_VERSION;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{Frame, FrameReader, receive, send};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::clock::{Clock, monotonic_ns};

/// HELLO, then WELCOME or REFUSED, before a deadline.
pub(crate) struct Handshake<'a> {
    path: &'a Path,
    socket: &'a OwnedFd,
    deadline: Instant,
    /// Holds the fds of WELCOME, and bytes that came behind it.
    pub(crate) frames: FrameReader,
}

impl<'a> Handshake<'a> {
    /// Preconditions: the socket does not block.
    pub(crate) fn new(path: &'a Path, socket: &'a OwnedFd, deadline: Instant) -> Self {
        Self {
            path,
            socket,
            deadline,
            frames: FrameReader::new(),
        }
    }

    /// Says HELLO and awaits WELCOME, as it was sent; the clock is sampled as it
    /// arrives.
    ///
    /// # Errors
    /// PEER_GONE, TIMEOUT, PROTOCOL, or the server's own code if it refused.
    pub(crate) fn shake(&mut self, lanes: u16) -> Result<(Welcome, Clock), Error> {
        self.say_hello(lanes);
        let (prefix, frame) = self.await_frame()?;
        let (base, own_ns) = (Instant::now(), monotonic_ns());
        let welcome = self.read_welcome(&prefix, &frame)?;
        Ok((welcome, Clock::new(base, own_ns, welcome.clock_ns)))
    }

    fn say_hello(&self, lanes: u16) {
        let hello = Hello {
            prefix: HandshakePrefix {
                magic: FRAME_MAGIC,
                length: size_of::<Hello>() as u32,
                kind: handshake::HELLO,
                abi_min: ABI_VERSION as u32,
                abi_max: ABI_VERSION as u32,
                features: 0,
            },
            clock_ns: monotonic_ns(),
            lanes,
            reserved: [0; 3],
            reserved_tail: [0; 2],
        };
        // A fresh socket takes 64 bytes at once. If the server has hung up it may have
        // said why before, so the answer is read in any case.
        let _ = send(self.socket, bytes_of(&hello), &[]);
    }

    /// The server's first frame.
    fn await_frame(&mut self) -> Result<(HandshakePrefix, Vec<u8>), Error> {
        let mut bytes = [0; 4096];
        loop {
            match self.frames.next_frame().map_err(Error::protocol)? {
                Some(Frame::Handshake(prefix, frame)) => return Ok((prefix, frame)),
                Some(Frame::Control(header, _)) => {
                    let kind = header.kind;
                    return Err(Error::protocol(format!("frame {kind} before WELCOME")));
                }
                None => {}
            }
            self.await_bytes()?;
            match receive(self.socket, &mut bytes, &mut self.frames.fds) {
                Ok(0) => return Err(self.gone("hung up before WELCOME")),
                Ok(count) => self.frames.feed(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.gone(&format!("hung up before WELCOME: {error}"))),
            }
        }
    }

    fn await_bytes(&self) -> Result<(), Error> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let path = self.path.display();
            let text = format!("operation timed out: no WELCOME from {path}");
            return Err(Error::new(Code::TIMEOUT, text));
        }
        let timeout = Timespec::try_from(left).ok();
        let mut polled = [PollFd::new(self.socket, PollFlags::IN)];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(self.gone(&format!("poll: {error}"))),
        }
    }

    fn gone(&self, what: &str) -> Error {
        let text = format!("server at {} {what}", self.path.display());
        Error::with_details(Code::PEER_GONE, &[&text])
    }

    /// The WELCOME in the first frame, or the reason in REFUSED.
    fn read_welcome(&self, prefix: &HandshakePrefix, frame: &[u8]) -> Result<Welcome, Error> {
        match prefix.kind {
            handshake::WELCOME if frame.len() == size_of::<Welcome>() => {
                Ok(bytemuck::pod_read_unaligned(frame))
            }
            handshake::REFUSED if frame.len() >= size_of::<Refused>() => {
                Err(self.refused(prefix, frame))
            }
            handshake::WELCOME | handshake::REFUSED => {
                let (len, kind) = (frame.len(), prefix.kind);
                Err(Error::protocol(format!(
                    "handshake frame {kind} of {len} bytes \
                     (allowed: WELCOME of 160, REFUSED of 40 and more)"
                )))
            }
            kind => Err(Error::protocol(format!(
                "handshake frame {kind} from the server (allowed: 2, 3)"
            ))),
        }
    }

    fn refused(&self, prefix: &HandshakePrefix, frame: &[u8]) -> Error {
        let (head, message) = frame.split_at(size_of::<Refused>());
        let refused: Refused = bytemuck::pod_read_unaligned(head);
        let code = match Code(refused.code) {
            Code::OK => Code::UNKNOWN,
            code => code,
        };
        let (path, message) = (self.path.display(), String::from_utf8_lossy(message));
        let mut text = format!("server at {path} refused the session: {message}");
        if code == Code::VERSION_MISMATCH {
            let (min, max) = (prefix.abi_min, prefix.abi_max);
            text += &format!(" (it speaks ABI {min} to {max}, this client {ABI_VERSION})");
        }
        Error::new(code, text)
    }
}
