//! The floor: what this machine allows any ring in shared memory.
//!
//! ```text
//!   requests  | tag payload | tag payload | …   256 lines, written by the caller only
//!   replies   | tag payload | tag payload | …   256 lines, written by the responder only
//! ```
//!
//! Two threads of one process, each pinned to a CPU of its own, pass 32 bytes to
//! and fro. One line moves each way per round trip, always the next one, as in
//! any ring; the tag that publishes stands beside the payload. There is no
//! header, no method, no error, no credit, no deadline, no doorbell. Waiting is
//! as the product's pollers and callers do it: 64 looks with a PAUSE after each,
//! then a reading of the clock.

use std::thread;
use std::time::{Duration, Instant};

use outrigger_ringbuf::sync::{AtomicBool, AtomicU64, Ordering};

use crate::machine::{pin, two_cpus};
use crate::slice::{Caller, PAYLOAD_LEN, Payload, Slice, measure};

/// Lines of one direction.
pub const LINES: usize = 256;
/// Bytes from one line to the next.
pub const LINE_STRIDE: usize = size_of::<Line>();
/// Looks between two readings of the clock: the product's number.
const LOOKS_PER_CLOCK: u32 = 64;
/// When the caller gives the responder up, which others may keep from its CPU.
const GIVE_UP: Duration = Duration::from_secs(5);
/// Words of a payload.
const WORDS: usize = PAYLOAD_LEN / 8;

/// A cache line, and the one beside it that the prefetcher may take along.
#[derive(Default)]
#[repr(align(128))]
struct Line {
    /// Position of the message plus one; 0 before the first.
    tag: AtomicU64,
    payload: [AtomicU64; WORDS],
}

/// The lines of one direction. One thread writes, the other reads.
struct Direction {
    lines: Box<[Line]>,
}

impl Direction {
    fn new() -> Self {
        Self {
            lines: (0..LINES).map(|_| Line::default()).collect(),
        }
    }

    fn send(&self, position: u64, payload: &Payload) {
        let line = &self.lines[position as usize % LINES];
        for (word, bytes) in line.payload.iter().zip(payload.chunks_exact(8)) {
            let value = u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
            // Relaxed: the release store below publishes it.
            word.store(value, Ordering::Relaxed);
        }
        // Release: pairs with the acquire in `receive`.
        line.tag.store(position + 1, Ordering::Release);
    }

    /// The message at `position`, if it is there.
    fn receive(&self, position: u64) -> Option<Payload> {
        let line = &self.lines[position as usize % LINES];
        // Acquire: pairs with the release in `send`.
        if line.tag.load(Ordering::Acquire) != position + 1 {
            return None;
        }
        let mut payload = [0; PAYLOAD_LEN];
        for (word, bytes) in line.payload.iter().zip(payload.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        Some(payload)
    }

    /// Waits for the message at `position`; `None` if `stop` is set, or if nothing
    /// comes.
    fn wait(&self, position: u64, stop: &AtomicBool) -> Option<Payload> {
        let mut began = None;
        loop {
            for _ in 0..LOOKS_PER_CLOCK {
                if let Some(payload) = self.receive(position) {
                    return Some(payload);
                }
                core::hint::spin_loop();
            }
            let now = Instant::now();
            let spun = now - *began.get_or_insert(now);
            // Relaxed: a hint that carries no data.
            if stop.load(Ordering::Relaxed) || spun >= GIVE_UP {
                return None;
            }
        }
    }
}

struct Floor<'a> {
    requests: &'a Direction,
    replies: &'a Direction,
    stop: &'a AtomicBool,
    position: u64,
    reply: Payload,
}

impl Caller for Floor<'_> {
    fn call(&mut self, request: &Payload) -> Result<&[u8], String> {
        self.requests.send(self.position, request);
        let reply = self.replies.wait(self.position, self.stop);
        self.reply = reply.ok_or("the responder does not answer")?;
        self.position += 1;
        Ok(&self.reply)
    }
}

/// One slice on the first two CPUs of this process.
///
/// # Errors
/// Fewer than two CPUs; those of [`measure`].
pub fn slice(length: Duration) -> Result<Slice, String> {
    let [caller_cpu, responder_cpu] = two_cpus()?;
    let (requests, replies) = (Direction::new(), Direction::new());
    let stop = AtomicBool::new(false);
    let (requests, replies, stop) = (&requests, &replies, &stop);
    thread::scope(|scope| {
        scope.spawn(move || {
            // Not pinned, it answers all the same; the caller reports its own failure.
            let _ = pin(responder_cpu);
            respond(requests, replies, stop);
        });
        let caller = scope.spawn(move || {
            pin(caller_cpu)?;
            let mut caller = Floor {
                requests,
                replies,
                stop,
                position: 0,
                reply: [0; PAYLOAD_LEN],
            };
            let slice = measure(&mut caller, length);
            // Relaxed: see `Direction::wait`.
            stop.store(true, Ordering::Relaxed);
            slice
        });
        caller
            .join()
            .map_err(|_| "the caller panicked".to_owned())?
    })
}

/// Returns every payload, until `stop`.
fn respond(requests: &Direction, replies: &Direction, stop: &AtomicBool) {
    let mut position = 0;
    // Relaxed: see `Direction::wait`.
    while !stop.load(Ordering::Relaxed) {
        if let Some(payload) = requests.wait(position, stop) {
            replies.send(position, &payload);
            position += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_carry_what_was_sent_and_nothing_before() {
        let direction = Direction::new();
        assert_eq!(direction.receive(0), None);
        for position in 0..3 * LINES as u64 {
            let payload = crate::slice::payload(position);
            direction.send(position, &payload);
            assert_eq!(direction.receive(position), Some(payload));
            assert_eq!(direction.receive(position + LINES as u64), None);
        }
    }
}
