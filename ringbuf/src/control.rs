//! The control socket: bytes with fds, and frames out of bytes.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use outrigger_layout::frame::{ControlHeader, FRAME_MAGIC, HandshakePrefix};
use outrigger_layout::limits::FRAME_MAX;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use thiserror::Error;

/// Most fds that arrive with one receive and may wait for their frame.
const FDS_MAX: usize = 8;

/// Sends bytes; `fds` travel with the first of them. Returns how many bytes
/// were taken; the caller sends the rest without the fds.
///
/// # Errors
/// Those of sendmsg; `WouldBlock` on a full non-blocking socket.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "too many fds for one message",
        ));
    }
    let parts = [IoSlice::new(bytes)];
    Ok(sendmsg(
        socket,
        &parts,
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?)
}

/// Receives bytes into `buffer` and fds, close-on-exec, into `fds`. Returns 0
/// at the end of the stream.
///
/// # Errors
/// Those of recvmsg; `WouldBlock` on an empty non-blocking socket.
pub fn receive(
    socket: impl AsFd,
    buffer: &mut [u8],
    fds: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for entry in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = entry {
            fds.extend(received);
        }
    }
    Ok(message.bytes)
}

/// One frame: its header and body as they arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// HELLO, WELCOME or REFUSED: the whole frame.
    Handshake(HandshakePrefix, Vec<u8>),
    /// Any later frame.
    Control(ControlHeader, Vec<u8>),
}

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The first bytes are not the handshake's.
    #[error("handshake magic {seen:#018x} (allowed: {FRAME_MAGIC:#018x})")]
    Magic {
        /// What was read.
        seen: u64,
    },
    /// A frame longer or shorter than frames can be.
    #[error("frame length {seen} (allowed: {least} to {FRAME_MAX})")]
    Length {
        /// What was read.
        seen: u64,
        /// The header alone.
        least: u64,
    },
    /// More fds than frames announce.
    #[error("{seen} descriptors without a frame (maximum {FDS_MAX})")]
    Descriptors {
        /// How many wait.
        seen: usize,
    },
}

/// Cuts frames out of a stream of bytes. Does no I/O.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
    shaken: bool,
    /// Fds that arrived and wait for their frame, oldest first.
    pub fds: VecDeque<OwnedFd>,
}

impl FrameReader {
    /// A reader that awaits a handshake frame first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends what was received.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError`]: the stream is broken for good.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.fds.len() > FDS_MAX {
            return Err(FrameError::Descriptors {
                seen: self.fds.len(),
            });
        }
        if self.shaken {
            self.next_control()
        } else {
            self.next_handshake()
        }
    }

    fn next_handshake(&mut self) -> Result<Option<Frame>, FrameError> {
        const LEAST: usize = size_of::<HandshakePrefix>();
        if let Some(magic) = self.bytes.first_chunk::<8>() {
            let seen = u64::from_le_bytes(*magic);
            if seen != FRAME_MAGIC {
                return Err(FrameError::Magic { seen });
            }
        }
        let Some(bytes) = self.bytes.get(..LEAST) else {
            return Ok(None);
        };
        let prefix: HandshakePrefix = bytemuck::pod_read_unaligned(bytes);
        let Some(frame) = self.cut(u64::from(prefix.length), LEAST)? else {
            return Ok(None);
        };
        self.shaken = true;
        Ok(Some(Frame::Handshake(prefix, frame)))
    }

    fn next_control(&mut self) -> Result<Option<Frame>, FrameError> {
        const LEAST: usize = size_of::<ControlHeader>();
        let Some(bytes) = self.bytes.get(..LEAST) else {
            return Ok(None);
        };
        let header: ControlHeader = bytemuck::pod_read_unaligned(bytes);
        let len = u64::from(header.length) + LEAST as u64;
        let Some(mut frame) = self.cut(len, LEAST)? else {
            return Ok(None);
        };
        frame.drain(..LEAST);
        Ok(Some(Frame::Control(header, frame)))
    }

    fn cut(&mut self, len: u64, least: usize) -> Result<Option<Vec<u8>>, FrameError> {
        if len > FRAME_MAX || len < least as u64 {
            return Err(FrameError::Length {
                seen: len,
                least: least as u64,
            });
        }
        if (self.bytes.len() as u64) < len {
            return Ok(None);
        }
        Ok(Some(self.bytes.drain(..len as usize).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(magic: u64, length: u32) -> Vec<u8> {
        let prefix = HandshakePrefix {
            magic,
            length,
            kind: 1,
            abi_min: 1,
            abi_max: 1,
            features: 0,
        };
        let mut bytes = bytemuck::bytes_of(&prefix).to_vec();
        bytes.resize(length.max(32) as usize, 0);
        bytes
    }

    #[test]
    fn frames_are_cut_from_any_split_of_the_stream() {
        let mut stream = hello(FRAME_MAGIC, 64);
        let header = ControlHeader {
            kind: 2,
            code: 0,
            length: 3,
            token: 9,
        };
        stream.extend_from_slice(bytemuck::bytes_of(&header));
        stream.extend_from_slice(b"abc");
        let mut reader = FrameReader::new();
        let mut frames = Vec::new();
        for byte in stream {
            reader.feed(&[byte]);
            frames.extend(reader.next_frame().unwrap());
        }
        assert!(matches!(&frames[0], Frame::Handshake(prefix, _) if prefix.length == 64));
        assert_eq!(frames[1], Frame::Control(header, b"abc".to_vec()));
    }

    #[test]
    fn wrong_magic_and_length_are_named() {
        let mut reader = FrameReader::new();
        reader.feed(&hello(7, 64)[..8]);
        assert_eq!(reader.next_frame(), Err(FrameError::Magic { seen: 7 }));
        let mut reader = FrameReader::new();
        reader.feed(&hello(FRAME_MAGIC, 9000));
        assert_eq!(
            reader.next_frame(),
            Err(FrameError::Length {
                seen: 9000,
                least: 32
            })
        );
        let mut reader = FrameReader::new();
        reader.feed(&hello(FRAME_MAGIC, 5));
        assert_eq!(
            reader.next_frame(),
            Err(FrameError::Length { seen: 5, least: 32 })
        );
    }
}
