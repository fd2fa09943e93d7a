//! A live session's socket, until hang-up.

use core::time::Duration;
use std::sync::Arc;

use outrigger_layout::frame::{ControlHeader, control};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::Frame;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::control::socket::{Socket, gone};
use crate::server::{Phase, Shared};
use crate::session::{Outgoing, Session};

/// Time between two ticks of an arena that has something to do.
const TICK: Duration = Duration::from_secs(1);

/// A session's control socket and what belongs to it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) session: Arc<Session>,
    pub(super) outgoing: mpsc::Receiver<Outgoing>,
    /// Index of the poller that has its rings.
    pub(super) poller: usize,
}

impl Connection {
    /// Serves the socket to the end of the session, whatever ends it.
    pub(super) async fn run(mut self, shared: &Shared, mut phases: watch::Receiver<Phase>) {
        let reason = self.serve(shared, &mut phases).await;
        let epoch = self.session.epoch();
        self.session.end(reason.clone());
        self.session.arena().wake_waiters();
        let reason = self.session.reason().unwrap_or(reason);
        match reason.code() {
            Code::PEER_GONE => tracing::info!(session = epoch, %reason, "session ended"),
            Code::OK | Code::SHUTTING_DOWN => {
                tracing::info!(session = epoch, "session ended in order");
            }
            _ => {
                shared.count_failed(reason.code());
                tracing::warn!(session = epoch, %reason, "session failed");
            }
        }
        if reason.code() != Code::PEER_GONE {
            let body = reason.message().as_bytes().to_vec();
            let bye = Outgoing {
                kind: control::BYE,
                code: reason.code(),
                token: 0,
                body,
                fd: None,
            };
            // The client may be gone: then there is nobody to tell.
            let _ = self.socket.send_frame(&bye).await;
        }
        shared.finish(epoch, self.poller);
    }

    /// Returns why the session ends.
    async fn serve(&mut self, shared: &Shared, phases: &mut watch::Receiver<Phase>) -> Error {
        let mut drain_end: Option<Instant> = None;
        let mut tick: Option<Instant> = None;
        loop {
            if tick.is_none() && self.session.arena().is_ticking() {
                tick = Some(Instant::now() + TICK);
            }
            match self.event(phases, drain_end, tick).await {
                Event::Frame(frame) => {
                    let handled = frame.and_then(|frame| {
                        handle(shared, &self.session, drain_end.is_some(), &frame)
                    });
                    if let Err(reason) = handled {
                        return reason;
                    }
                }
                Event::Outgoing(frame) => {
                    if let Err(reason) = self.socket.send_frame(&frame).await {
                        return reason;
                    }
                }
                Event::Phase(Phase::Draining) => {
                    drain_end = Some(Instant::now() + shared.limits.drain);
                    send_goaway(&self.session);
                }
                Event::Phase(_) => return shutting_down("the server was told to end at once"),
                Event::Late => return shutting_down("calls in flight did not end in time"),
                Event::Tick => {
                    let (plans, again) = self.session.arena().tick(&self.session);
                    shared.pool().grow(&self.session, plans);
                    tick = again.then(|| Instant::now() + TICK);
                }
                Event::Changed => {}
            }
            if let Some(reason) = self.session.reason() {
                return reason;
            }
            if drain_end.is_some() && self.session.is_drained() {
                return shutting_down("the server ends");
            }
        }
    }

    async fn event(
        &mut self,
        phases: &mut watch::Receiver<Phase>,
        drain_end: Option<Instant>,
        tick: Option<Instant>,
    ) -> Event {
        let Self {
            socket,
            session,
            outgoing,
            ..
        } = self;
        let late = sleep_until(drain_end.unwrap_or_else(Instant::now));
        let ticked = sleep_until(tick.unwrap_or_else(Instant::now));
        tokio::select! {
            // Answers leave before more questions are read: a client that asks many
            // at once and reads is served at its own pace.
            biased;
            Some(frame) = outgoing.recv() => Event::Outgoing(frame),
            () = session.changed.notified() => Event::Changed,
            // The sender lives in `Shared`, which outlives this: no error to see.
            _ = phases.changed() => Event::Phase(*phases.borrow_and_update()),
            () = late, if drain_end.is_some() => Event::Late,
            () = ticked, if tick.is_some() => Event::Tick,
            frame = socket.next() => Event::Frame(frame),
        }
    }
}

/// What a connection can wait for.
enum Event {
    Frame(Result<Frame, Error>),
    Outgoing(Outgoing),
    Phase(Phase),
    /// The session ended, or a call did.
    Changed,
    /// The time for draining is over.
    Late,
    /// The arena has something to look after.
    Tick,
}

fn send_goaway(session: &Session) {
    session.send_outcome(control::GOAWAY, 0, Err(shutting_down("the server ends")));
}

fn shutting_down(why: &str) -> Error {
    Error::with_details(Code::SHUTTING_DOWN, &[&why])
}

/// Acts on one frame of the client.
fn handle(
    shared: &Shared,
    session: &Arc<Session>,
    draining: bool,
    frame: &Frame,
) -> Result<(), Error> {
    let Frame::Control(header, body) = frame else {
        return Err(Error::protocol("a second handshake frame"));
    };
    let arena = session.arena();
    match header.kind {
        control::BIND => session.bind(header.token, body, shared.registry()),
        control::EXTENT_MAPPED => {
            if header.code != 0 {
                let code = Code(header.code);
                let text = format!("the client cannot map extent {}: {code}", header.token);
                return Err(Error::resource_exhausted(text));
            }
            let plans = arena.mapped(session, extent_id(header)?)?;
            shared.pool().grow(session, plans);
        }
        control::EXTENT_DROPPED => {
            let plans = arena.dropped(session, extent_id(header)?)?;
            shared.pool().grow(session, plans);
        }
        control::GOAWAY_ACK if draining => session.acknowledge_goaway(body)?,
        control::GOAWAY_ACK => return Err(Error::protocol("GOAWAY_ACK without GOAWAY")),
        control::BYE if header.code == 0 => return Err(gone("the client closed")),
        control::BYE => {
            let why = String::from_utf8_lossy(body).into_owned();
            return Err(gone(&format!(
                "the client failed: {}: {why}",
                Code(header.code)
            )));
        }
        other => return Err(Error::protocol(format!("frame {other} from a client"))),
    }
    Ok(())
}

fn extent_id(header: &ControlHeader) -> Result<u32, Error> {
    u32::try_from(header.token)
        .map_err(|_| Error::protocol(format!("extent {} (allowed: 32 bits)", header.token)))
}
