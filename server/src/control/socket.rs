//! A control socket: frames in, frames out, fds beside them.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use outrigger_layout::frame::ControlHeader;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{Frame, FrameReader, receive, send};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::errno::system;
use crate::session::Outgoing;

/// How long a client may leave its socket full.
const SEND_MAX: Duration = Duration::from_secs(5);

/// A stream and the bytes of it that are not yet a frame.
#[derive(Debug)]
pub(super) struct Socket {
    stream: UnixStream,
    reader: FrameReader,
}

impl Socket {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            reader: FrameReader::new(),
        }
    }

    /// The peer's credentials: uid and pid.
    pub(super) fn credentials(&self) -> io::Result<(u32, i32)> {
        let credentials = self.stream.peer_cred()?;
        Ok((credentials.uid(), credentials.pid().unwrap_or(0)))
    }

    /// The next frame. Cancel-safe: bytes read so far are kept.
    ///
    /// # Errors
    /// PEER_GONE at the end of the stream, PROTOCOL for bytes that are no frame.
    pub(super) async fn next(&mut self) -> Result<Frame, Error> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(frame) = self.reader.next_frame().map_err(Error::protocol)? {
                return Ok(frame);
            }
            let reader = &mut self.reader;
            let received = self.stream.async_io(Interest::READABLE, || {
                receive(self.stream.as_fd(), &mut buffer, &mut reader.fds)
            });
            match received.await {
                Ok(0) => return Err(gone("the client hung up")),
                Ok(len) => reader.feed(&buffer[..len]),
                Err(error) => return Err(gone(&error.to_string())),
            }
            // No frame of a client carries descriptors: they are closed here.
            self.reader.fds.clear();
        }
    }

    /// Sends bytes whole, fds with the first of them.
    ///
    /// # Errors
    /// PEER_GONE if the client is gone or does not read for 5 seconds;
    /// RESOURCE_EXHAUSTED if too many fds are in flight.
    pub(super) async fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let sending = async {
            let (mut bytes, mut fds) = (bytes, fds);
            while !bytes.is_empty() {
                let sent = self
                    .stream
                    .async_io(Interest::WRITABLE, || send(self.stream.as_fd(), bytes, fds));
                bytes = &bytes[sent.await?..];
                fds = &[];
            }
            Ok::<(), io::Error>(())
        };
        match tokio::time::timeout(SEND_MAX, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Err(gone("broken pipe")),
            Ok(Err(error)) => Err(system("sending a frame", &error)),
            Err(_) => Err(gone("the client does not read its control socket")),
        }
    }

    /// Sends one frame of a live session.
    pub(super) async fn send_frame(&self, frame: &Outgoing) -> Result<(), Error> {
        let header = ControlHeader {
            kind: frame.kind,
            code: frame.code.0,
            length: frame.body.len() as u32,
            token: frame.token,
        };
        let bytes = [bytemuck::bytes_of(&header), &frame.body].concat();
        let fds: Vec<BorrowedFd<'_>> = frame.fd.iter().map(AsFd::as_fd).collect();
        self.send(&bytes, &fds).await
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// PEER_GONE with what was seen.
pub(super) fn gone(seen: &str) -> Error {
    Error::with_details(Code::PEER_GONE, &[&seen])
}
