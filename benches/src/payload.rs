//! Payloads of any size, read and written on both sides: the peers of the sweep.
//!
//! ```text
//!   caller writes n bytes ─▶ peer adds all words up, writes n bytes ─▶ caller adds them up
//!   reply: word i = sum of the request + i
//! ```

#![allow(unsafe_code, reason = "the promise of trust_clients_in_place")]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use outrigger_server::{Context, Error, Handler, Placement, Policy, Reply, Request, Server};

/// The method that reads its request and writes as many bytes.
pub const MIRROR: &str = "bench.mirror";
/// The same with attachments: reads that of its request in pieces, and attaches as many
/// bytes.
pub const MIRROR_ATTACHED: &str = "bench.mirror_attached";
/// The method whose reply is a buffer of as many bytes as its request says, of which it
/// writes eight.
pub const HAND_OVER: &str = "bench.hand_over";

/// Adds up the words of a payload, whose length is a multiple of 8.
pub fn sum(payload: &[u8]) -> u64 {
    let words = payload.chunks_exact(8);
    words.fold(0, |sum, word| sum.wrapping_add(word_of(word)))
}

/// Writes words that count from `first`.
pub fn fill(payload: &mut [u8], first: u64) {
    for (index, word) in payload.chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&first.wrapping_add(index as u64).to_le_bytes());
    }
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

struct Mirror;

impl Handler for Mirror {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let bytes = request.bytes();
        fill(reply.buffer(bytes.len())?, sum(bytes));
        Ok(())
    }

    fn placement(&self) -> Placement {
        Placement::Pool
    }
}

struct MirrorAttached;

impl Handler for MirrorAttached {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let [attachment] = request.attachments() else {
            return Err(Error::invalid_argument("not one attachment"));
        };
        let (mut chunks, mut first) = (attachment.chunks(), 0_u64);
        while let Some(piece) = chunks.next_chunk() {
            first = first.wrapping_add(sum(piece));
        }
        let [bytes] = reply.attach([attachment.len() as usize])?;
        fill(bytes, first);
        Ok(())
    }

    fn takes_attachments(&self) -> bool {
        true
    }
}

struct HandOver;

impl Handler for HandOver {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let first = request.bytes().get(..8);
        let len = word_of(first.ok_or_else(|| Error::serialization("no length"))?);
        let len = usize::try_from(len).map_err(Error::serialization)?;
        let buffer = reply.buffer(len)?;
        buffer[..8].copy_from_slice(&(len as u64).to_le_bytes());
        Ok(())
    }

    fn placement(&self) -> Placement {
        Placement::Pool
    }
}

/// Serves these methods at `path` until this process ends. `ready` runs when clients may
/// connect.
///
/// # Errors
/// The server's.
pub fn serve(
    path: &Path,
    policy: Policy,
    in_place: bool,
    ready: impl FnOnce(),
) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    let mut builder = Server::builder()
        .wait(policy)
        .handler(MIRROR, Mirror)
        .handler(MIRROR_ATTACHED, MirrorAttached)
        .handler(HAND_OVER, HandOver);
    if in_place {
        // SAFETY: the driver, which alone connects here, writes no buffer that it has sent.
        builder = unsafe { builder.trust_clients_in_place() };
    }
    let server = builder.bind(path).map_err(text)?;
    ready();
    server.run().map_err(text)
}

/// Does what `bench.mirror` does over a unix socket: a length in 8 bytes, then that many.
///
/// # Errors
/// The system's, as text.
pub fn serve_unix(path: &Path, ready: impl FnOnce()) -> Result<(), String> {
    let listener = UnixListener::bind(path).map_err(|error| error.to_string())?;
    ready();
    let mut payload = Vec::new();
    for stream in listener.incoming() {
        let mut stream = stream.map_err(|error| error.to_string())?;
        // The client ends the connection whenever it likes.
        while mirror_unix(&mut stream, &mut payload).is_ok() {}
    }
    Ok(())
}

fn mirror_unix(stream: &mut UnixStream, payload: &mut Vec<u8>) -> std::io::Result<()> {
    let mut len = [0; 8];
    stream.read_exact(&mut len)?;
    payload.resize(u64::from_le_bytes(len) as usize, 0);
    stream.read_exact(payload)?;
    let first = sum(payload);
    fill(payload, first);
    stream.write_all(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_counts() {
        let mut payload = [0; 64];
        fill(&mut payload, 5);
        assert_eq!(sum(&payload), (5..13).sum::<u64>());
        payload[63] += 1;
        assert_ne!(sum(&payload), (5..13).sum::<u64>());
    }
}
