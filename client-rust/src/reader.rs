//! The reader thread: one per session, asleep unless somebody rings.
//!
//! ```text
//!   poll ──┬── pipe     the server rang: read the rings for those who sleep
//!          ├── socket   frames; its end is the server's death
//!          ├── own bell a caller wants it to look: close, a deadline, the belt
//!          └── timeout  deadlines of async calls, the belt
//! ```

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{ClientBell, receive};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::belt::Belt;
use crate::connect::Incoming;
use crate::control::Posted;
use crate::frames;
use crate::session::Session;

/// Least time that poll sleeps for a timeout: rounding must not make it spin.
const LEAST_SLEEP: Duration = Duration::from_micros(1);

/// The thread's state.
#[derive(Debug)]
pub(crate) struct Reader {
    session: Arc<Session>,
    incoming: Incoming,
    belt: Belt,
}

/// What poll reported.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    pipe: bool,
    readable: bool,
    writable: bool,
    own_bell: bool,
}

impl Reader {
    pub(crate) fn new(session: Arc<Session>, incoming: Incoming) -> Self {
        let belt = Belt::new(&session);
        Self {
            session,
            incoming,
            belt,
        }
    }

    /// Runs until the session ends.
    pub(crate) fn run(mut self) {
        while self.session.end_reason().is_none() {
            if let Err(error) = self.turn() {
                self.session.violated(error);
            }
        }
    }

    fn turn(&mut self) -> Result<(), Error> {
        let ready = self.sleep()?;
        if ready.own_bell {
            self.clear_own_bell();
        }
        if ready.pipe {
            self.session.counters.wakes.add(1);
            if !self.clear_pipe() {
                // It may have said why.
                while self.read_frames()? {}
                self.hung_up("closed its doorbell");
                return Ok(());
            }
        }
        if ready.pipe || ready.own_bell {
            self.session.serve_wake();
        }
        if ready.writable && self.session.control.flush() == Posted::Kept {
            tracing::trace!("the server reads its frames slowly");
        }
        if ready.readable {
            self.read_frames()?;
        }
        let now = Instant::now();
        self.session.timers.fire(now);
        self.belt.tick(&self.session, now)
    }

    fn sleep(&mut self) -> Result<Ready, Error> {
        let session = &self.session;
        let now = Instant::now();
        let until = session.timers.promise(self.belt.due(session, now));
        let span = until.map(|until| until.saturating_duration_since(now).max(LEAST_SLEEP));
        let timeout = span.and_then(|span| Timespec::try_from(span).ok());
        let mut socket_events = PollFlags::IN;
        if session.control.is_pending() {
            socket_events |= PollFlags::OUT;
        }
        let mut polled = [
            PollFd::new(&self.incoming.bell, PollFlags::IN),
            PollFd::new(&session.control, socket_events),
            PollFd::new(&session.reader_bell, PollFlags::IN),
        ];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(Error::resource_exhausted(format!("poll: {error}"))),
        }
        let [pipe, socket, own_bell] = polled.map(|fd| fd.revents());
        Ok(Ready {
            pipe: !pipe.is_empty(),
            readable: !socket.difference(PollFlags::OUT).is_empty(),
            writable: socket.contains(PollFlags::OUT),
            own_bell: !own_bell.is_empty(),
        })
    }

    fn clear_own_bell(&self) {
        let mut count = [0; 8];
        // It does not block, and what it counted does not matter.
        let _ = rustix::io::read(&self.session.reader_bell, &mut count);
    }

    /// Returns false if the server closed its end.
    fn clear_pipe(&self) -> bool {
        ClientBell::clear(&self.incoming.bell).unwrap_or(false)
    }

    /// Receives once, and deals with all whole frames. Returns false if nothing
    /// came or the session has ended.
    fn read_frames(&mut self) -> Result<bool, Error> {
        let mut bytes = [0; 4096];
        let received = receive(
            &self.session.control,
            &mut bytes,
            &mut self.incoming.frames.fds,
        );
        match received {
            Ok(0) => self.hung_up("hung up"),
            Ok(count) => self.incoming.frames.feed(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => self.hung_up(&format!("hung up ({error})")),
        }
        while self.session.end_reason().is_none() {
            let next = self.incoming.frames.next_frame().map_err(Error::protocol)?;
            let Some(frame) = next else {
                return Ok(true);
            };
            frames::handle(&self.session, frame, &mut self.incoming.frames.fds)?;
        }
        Ok(false)
    }

    /// The server is gone: what it answered before still counts, all else fails.
    fn hung_up(&self, how: &str) {
        self.session.settle();
        let text = match self.session.check_open() {
            Err(error) => format!("the server {how} after GOAWAY ({})", error.message()),
            Ok(()) => format!("the server {how}"),
        };
        let error = Error::with_details(Code::PEER_GONE, &[&text]);
        self.session.end(error, Code::OK);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It has ended, unless this thread panicked (a defect, or a foreign waker) or
        // never began: then nobody would ever wake a caller again.
        let error = Error::new(Code::UNKNOWN, "unknown error: the reader thread is gone");
        self.session.end(error, Code::OK);
    }
}
