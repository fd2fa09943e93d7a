//! One client: its segments, lanes, buffers and bindings.
//!
//! A [`Session`] is shared by the poller that reads its rings ([`Intake`]), the
//! workers that answer its calls and the control task that owns its socket. It
//! ends once, with a reason; whoever still holds it then works into memory that
//! nobody reads, and lets go.
//!
//! ```text
//!   control task ── owns ──▶ socket        poller ── owns ──▶ Intake (consumers)
//!        │                                    │
//!        └────────────▶ Session ◀─────────────┘
//!   workers ─────────▶  lanes (reply producers), grants, arena, client's bell
//! ```

mod arena;
mod bindings;
mod calls;
mod geometry;
mod intake;
mod lane;
mod method;
mod value;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock};

use outrigger_layout::frame::control;
use outrigger_layout::ring::kind as ring;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::sync::AtomicUsize;
use outrigger_ringbuf::{ClientBell, Closing, Mapping, ServerBell};
use tokio::sync::{Notify, mpsc};

pub(crate) use arena::Arena;
pub(crate) use bindings::Bindings;
pub(crate) use calls::Call;
pub(crate) use geometry::{Geometry, SessionMemory};
pub(crate) use intake::{Intake, Services};
pub(crate) use lane::{Answer, Lane};

use crate::builder::Limits;
use crate::context::Peer;
use crate::estate::Holding;
use crate::ledger::Ledger;
use crate::lock::lock;
use crate::quota::Account;
use crate::registry::Registry;

/// Frames that may wait for the control task.
pub(crate) const OUTGOING_MAX: usize = 256;

/// A frame for the control task to send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Kind of the frame, a value of `Control`.
    pub(crate) kind: u16,
    /// Its code.
    pub(crate) code: Code,
    /// Its token.
    pub(crate) token: u64,
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// The fd that travels with it.
    pub(crate) fd: Option<OwnedFd>,
}

/// One client's session, shared by all who work for it.
#[derive(Debug)]
pub(crate) struct Session {
    epoch: u64,
    peer: Peer,
    limits: Limits,
    /// Bytes of both segments.
    segment_bytes: u64,
    holding: Holding,
    lanes: Box<[Lane]>,
    arena: Arena,
    bindings: Bindings,
    client_bell: ClientBell,
    server_bell: ServerBell,
    outgoing: mpsc::Sender<Outgoing>,
    /// Closed when the session ends, for whatever reason.
    closing: Closing,
    reason: Mutex<Option<Error>>,
    /// Wakes the control task: the session ended, or made progress in draining.
    pub(crate) changed: Notify,
    /// Asynchronous calls that run now.
    pub(crate) async_calls: AtomicUsize,
    /// Final request positions, once the client acknowledged GOAWAY.
    finals: OnceLock<Vec<u64>>,
}

impl Session {
    /// A session over fresh memory, and the intake for its poller.
    ///
    /// # Errors
    /// A geometry that does not fit its memory: a defect of this crate.
    pub(crate) fn new(
        epoch: u64,
        peer: Peer,
        limits: Limits,
        memory: SessionMemory,
        bells: (ClientBell, ServerBell),
        outgoing: mpsc::Sender<Outgoing>,
        holding: Holding,
    ) -> Result<(Arc<Self>, Intake), Error> {
        let SessionMemory {
            geometry,
            server,
            client,
        } = memory;
        let view = |kind: u16, lane: u16, producer: &Arc<Mapping>, consumer: &Arc<Mapping>| {
            geometry.view(kind, lane, producer, consumer)
        };
        let credits = limits.call_credits();
        let lanes = (0..geometry.lanes())
            .map(|lane| {
                Ok(Lane::new(
                    view(ring::REPLY, lane, &server, &client)?,
                    credits,
                ))
            })
            .collect::<Result<Box<[Lane]>, Error>>()?;
        let requests = (0..geometry.lanes())
            .map(|lane| view(ring::REQUEST, lane, &client, &server))
            .collect::<Result<Vec<_>, Error>>()?;
        let returns = view(ring::RETURN, 0, &client, &server)?;
        let grants = view(ring::GRANT, 0, &server, &client)?;
        let allocs_max = geometry.calls_max(&credits);
        let (server_len, client_len) = geometry.lens();
        let (bytes_max, buffers_max) = (limits.arena_bytes, limits.buffers_max);
        let ledger = Ledger::new(bytes_max, buffers_max, Arc::clone(holding.account()));
        let session = Arc::new(Self {
            epoch,
            peer,
            limits,
            lanes,
            segment_bytes: server_len + client_len,
            holding,
            arena: Arena::new(grants, ledger, allocs_max),
            bindings: Bindings::new(limits.methods_max),
            client_bell: bells.0,
            server_bell: bells.1,
            outgoing,
            closing: Closing::default(),
            reason: Mutex::new(None),
            changed: Notify::new(),
            async_calls: AtomicUsize::new(0),
            finals: OnceLock::new(),
        });
        let intake = Intake::new(Arc::clone(&session), requests, returns);
        Ok((session, intake))
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn lane(&self, lane: u16) -> &Lane {
        &self.lanes[lane as usize]
    }

    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    pub(crate) fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Bytes of both segments.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// What its memory is charged to.
    pub(crate) fn account(&self) -> &Arc<Account> {
        self.holding.account()
    }

    pub(crate) fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    pub(crate) fn closing(&self) -> &Closing {
        &self.closing
    }

    /// The eventfd by which the client wakes its poller.
    pub(crate) fn server_bell(&self) -> BorrowedFd<'_> {
        self.server_bell.as_fd()
    }

    /// Wakes the client.
    pub(crate) fn ring_client(&self) {
        self.client_bell.ring();
    }

    /// Ends the session with a reason; the first one counts. The control task does
    /// the rest.
    ///
    /// Takes no lock but its own: it is called by whoever finds a violation, the
    /// arena under its lock among them.
    pub(crate) fn end(&self, reason: Error) {
        lock(&self.reason).get_or_insert(reason);
        self.closing.close();
        self.changed.notify_one();
    }

    /// Why the session ended, if it has.
    pub(crate) fn reason(&self) -> Option<Error> {
        lock(&self.reason).clone()
    }

    /// Sends a frame, or ends the session if the client does not read them.
    pub(crate) fn send(&self, frame: Outgoing) {
        if self.outgoing.try_send(frame).is_err() && !self.closing.is_closed() {
            let text = format!("{OUTGOING_MAX} frames wait for a client that does not read");
            self.end(Error::resource_exhausted(text));
        }
    }

    /// Sends a frame that consists of an outcome.
    pub(crate) fn send_outcome(&self, kind: u16, token: u64, outcome: Result<Vec<u8>, Error>) {
        let (code, body) = match outcome {
            Ok(body) => (Code::OK, body),
            Err(error) => (error.code(), error.message().as_bytes().to_vec()),
        };
        self.send(Outgoing {
            kind,
            code,
            token,
            body,
            fd: None,
        });
    }

    /// Answers BIND.
    pub(crate) fn bind(&self, token: u64, body: &[u8], registry: &Registry) {
        let outcome = self.bindings.bind(body, registry);
        self.send_outcome(control::BOUND, token, outcome);
    }

    /// Takes the final request positions of GOAWAY_ACK.
    ///
    /// # Errors
    /// PROTOCOL if it is not one position per lane, or was sent before.
    pub(crate) fn acknowledge_goaway(&self, body: &[u8]) -> Result<(), Error> {
        let wanted = self.lanes.len() * size_of::<u64>();
        if body.len() != wanted {
            let seen = body.len();
            return Err(Error::protocol(format!(
                "GOAWAY_ACK of {seen} bytes (allowed: {wanted})"
            )));
        }
        let finals = body
            .chunks_exact(8)
            .map(bytemuck::pod_read_unaligned::<u64>)
            .collect();
        self.finals
            .set(finals)
            .map_err(|_| Error::protocol("GOAWAY_ACK sent twice"))?;
        self.changed.notify_one();
        Ok(())
    }

    /// True once every request that the client published before its
    /// acknowledgement of GOAWAY has been read and answered.
    pub(crate) fn is_drained(&self) -> bool {
        self.finals.get().is_some_and(|finals| {
            self.lanes
                .iter()
                .zip(finals)
                .all(|(lane, last)| lane.is_drained(*last))
        })
    }

    /// Tells a draining control task that a call ended.
    pub(crate) fn note_progress(&self) {
        if self.finals.get().is_some() {
            self.changed.notify_one();
        }
    }
}
