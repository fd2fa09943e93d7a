//! What plain shared-memory code does: a `shared_memory` segment, and a
//! `raw_sync` event each way to sleep on.
//!
//! ```text
//!   0      event "request"   (a pthread mutex and condition variable)
//!   256    event "reply"
//!   512    request, 32 bytes     written by the caller
//!   640    reply, 32 bytes       written by the peer
//! ```
//!
//! Both processes trust each other and one call is in flight, so this is less
//! than the product does. An event is waited for with a timeout, as code must
//! that wants to outlive its peer; raw_sync reports an expired wait, a wait that
//! the system refused, and a wait cut short by the same error: all mean "look
//! again" here.

#![allow(
    unsafe_code,
    reason = "raw_sync and shared_memory hand out raw memory; the product's own bench needs none"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use raw_sync::Timeout;
use raw_sync::events::{Event, EventImpl, EventInit, EventState};
use shared_memory::{Shmem, ShmemConf};

use crate::slice::{Caller, PAYLOAD_LEN, Payload};

const REQUEST_EVENT: usize = 0;
const REPLY_EVENT: usize = 256;
const REQUEST: usize = 512;
const REPLY: usize = 640;
const SEGMENT_LEN: usize = 4096;
/// One timed wait. Whole seconds: raw_sync adds the nanoseconds to those of the
/// time of day without carrying, and the wait then fails at once.
const WAIT: Timeout = Timeout::Val(Duration::from_secs(1));
/// When a caller gives its peer up.
const GIVE_UP: Duration = Duration::from_secs(5);

/// One end of the pair.
pub struct Pair {
    segment: Shmem,
    request: Box<dyn EventImpl>,
    reply: Box<dyn EventImpl>,
    answer: Payload,
}

impl Pair {
    /// Makes the segment, both events, and the file at `link` that names them.
    ///
    /// # Errors
    /// Those of the two crates, as text.
    pub fn create(link: &Path) -> Result<Self, String> {
        let segment = ShmemConf::new().size(SEGMENT_LEN).flink(link).create();
        let segment = segment.map_err(|error| error.to_string())?;
        // SAFETY: the event lies in the first 256 bytes of a segment of 4096, which no
        // other process knows by now.
        let request = unsafe { Event::new(segment.as_ptr().wrapping_add(REQUEST_EVENT), true) };
        // SAFETY: as above, in the second 256 bytes.
        let reply = unsafe { Event::new(segment.as_ptr().wrapping_add(REPLY_EVENT), true) };
        Self::of(segment, request, reply)
    }

    /// Opens what `create` made, and takes its name away: nothing stays in
    /// /dev/shm however the two processes end.
    ///
    /// # Errors
    /// Those of the two crates, as text.
    pub fn open(link: &Path) -> Result<Self, String> {
        let segment = ShmemConf::new().flink(link).open();
        let segment = segment.map_err(|error| error.to_string())?;
        let name = segment.get_os_id().trim_start_matches('/');
        // Not there: the creator's own end was quicker.
        let _ = std::fs::remove_file(Path::new("/dev/shm").join(name));
        let base = segment.as_ptr();
        // SAFETY: `create` put an event there before it told the name to anybody.
        let request = unsafe { Event::from_existing(base.wrapping_add(REQUEST_EVENT)) };
        // SAFETY: as above.
        let reply = unsafe { Event::from_existing(base.wrapping_add(REPLY_EVENT)) };
        Self::of(segment, request, reply)
    }

    fn of(segment: Shmem, request: Made, reply: Made) -> Result<Self, String> {
        let (request, request_len) = request.map_err(|error| error.to_string())?;
        let (reply, reply_len) = reply.map_err(|error| error.to_string())?;
        let fits = request_len <= REPLY_EVENT && REPLY_EVENT + reply_len <= REQUEST;
        if !fits || segment.len() < SEGMENT_LEN {
            return Err(format!("events of {request_len} and {reply_len} bytes"));
        }
        Ok(Self {
            segment,
            request,
            reply,
            answer: [0; PAYLOAD_LEN],
        })
    }

    /// Answers every request, until this process ends.
    ///
    /// # Errors
    /// Those of raw_sync, as text.
    pub fn serve(&self) -> Result<(), String> {
        loop {
            while self.request.wait(WAIT).is_err() {}
            let payload = self.read(REQUEST);
            self.write(REPLY, &payload);
            set(&*self.reply)?;
        }
    }

    fn read(&self, offset: usize) -> Payload {
        let mut payload = [0; PAYLOAD_LEN];
        let from = self.segment.as_ptr().wrapping_add(offset);
        // SAFETY: both offsets lie 32 bytes before the segment's end at least. The
        // event's mutex orders the peer's writes before this, and the peer writes
        // again only after this end's event: one call is in flight.
        unsafe { core::ptr::copy_nonoverlapping(from, payload.as_mut_ptr(), PAYLOAD_LEN) };
        payload
    }

    fn write(&self, offset: usize, payload: &Payload) {
        let into = self.segment.as_ptr().wrapping_add(offset);
        // SAFETY: as in `read`.
        unsafe { core::ptr::copy_nonoverlapping(payload.as_ptr(), into, PAYLOAD_LEN) };
    }
}

impl Caller for Pair {
    fn call(&mut self, request: &Payload) -> Result<&[u8], String> {
        self.write(REQUEST, request);
        set(&*self.request)?;
        if self.reply.wait(WAIT).is_err() {
            let begin = Instant::now();
            while self.reply.wait(WAIT).is_err() {
                if begin.elapsed() > GIVE_UP {
                    return Err("the peer does not answer".to_owned());
                }
            }
        }
        self.answer = self.read(REPLY);
        Ok(&self.answer)
    }
}

/// What raw_sync's constructors return: the event and its length.
type Made = Result<(Box<dyn EventImpl>, usize), Box<dyn core::error::Error>>;

fn set(event: &dyn EventImpl) -> Result<(), String> {
    event
        .set(EventState::Signaled)
        .map_err(|error| error.to_string())
}

impl core::fmt::Debug for Pair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Pair")
            .field(&self.segment.get_os_id())
            .finish()
    }
}
