//! The live sessions, and what each does with memory: for a program that has the
//! server's handle, and by the method `outrigger.sessions` for tools.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use outrigger_layout::{Codec, Error};
use serde::{Deserialize, Serialize};

use crate::clock::monotonic_ns;
use crate::context::Context;
use crate::handler::{Handler, Placement};
use crate::ledger::{State, Tally};
use crate::lock::lock;
use crate::reply::Reply;
use crate::request::Request;
use crate::session::Session;

/// Name of the method that tells the sessions.
pub(crate) const METHOD: &str = "outrigger.sessions";

/// Buffers in one state.
///
/// ```
/// let none = outrigger_server::BufferCount::default();
/// assert_eq!((none.buffers, none.bytes), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BufferCount {
    /// How many.
    pub buffers: u64,
    /// Bytes of them all, whatever they are used for.
    pub bytes: u64,
}

/// One session, as of now: who it is, and what its memory is doing. What is in all
/// five states together is what its extents hold; what is counted counts from the
/// session's begin.
///
/// ```
/// use outrigger_server::{Error, Server};
///
/// # let path = std::env::temp_dir().join(format!("doc-sessions-{}.sock", std::process::id()));
/// # let path = path.to_str().unwrap();
/// let server = Server::builder().bind(path)?;
/// for session in server.handle().sessions() {
///     println!("{}: {} bytes are lent", session.session, session.lent.bytes);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionStats {
    /// Its epoch.
    pub session: u64,
    /// The client's process id when it connected; 0 in a sibling PID namespace.
    pub pid: i32,
    /// The client's user id.
    pub uid: u32,
    /// Calls handed to workers and not yet answered.
    pub calls_in_flight: u64,
    /// Bytes of its two segments.
    pub segment_bytes: u64,
    /// Extents now.
    pub extents: u64,
    /// Bytes of its extents, those that are being made included.
    pub extent_bytes: u64,
    /// Most of them so far.
    pub extent_bytes_peak: u64,
    /// Nobody uses them.
    pub free: BufferCount,
    /// The client may write them.
    pub granted: BufferCount,
    /// A handler has the request that is in them.
    pub held: BufferCount,
    /// A handler writes its reply into them.
    pub filled: BufferCount,
    /// The client may read them, and has still to return them.
    pub lent: BufferCount,
    /// Of the granted ones, how many are in stock: granted ahead of need.
    pub in_stock: u64,
    /// Most buffers that were granted, filled and lent at once.
    pub client_buffers_peak: u64,
    /// How many they may be.
    pub buffers_max: u64,
    /// For how long the oldest lent buffer has been with the client, in milliseconds.
    pub oldest_lent_ms: Option<u64>,
    /// Who waits for a buffer: ALLOCs of the client, and workers with a reply.
    pub waiting: u64,
    /// Buffers granted because the client asked.
    pub grants: u64,
    /// Buffers granted ahead of need.
    pub stocked: u64,
    /// Buffers lent with replies.
    pub lends: u64,
    /// Buffers that the client gave back.
    pub returns: u64,
    /// Times that its stock was recalled.
    pub recalls: u64,
    /// ALLOCs that were refused.
    pub refusals: u64,
    /// Extents made.
    pub extents_made: u64,
    /// Extents dropped.
    pub extents_dropped: u64,
}

impl From<Tally> for BufferCount {
    fn from(tally: Tally) -> Self {
        let Tally { buffers, bytes } = tally;
        Self { buffers, bytes }
    }
}

impl SessionStats {
    pub(crate) fn of(session: &Session) -> Self {
        let arena = session.arena().usage();
        let ledger = &arena.ledger;
        let in_flight = session.lanes().iter().map(|lane| lane.in_flight());
        let age = |lent_ns| monotonic_ns().saturating_sub(lent_ns) / 1_000_000;
        let count = |state| ledger.of(state).into();
        Self {
            session: session.epoch(),
            pid: session.peer().pid,
            uid: session.peer().uid,
            calls_in_flight: in_flight.map(u64::from).sum(),
            segment_bytes: session.segment_bytes(),
            extents: ledger.extents,
            extent_bytes: ledger.bytes,
            extent_bytes_peak: ledger.bytes_peak,
            free: count(State::Free),
            granted: count(State::Granted),
            held: count(State::Held),
            filled: count(State::Filled),
            lent: count(State::Lent),
            in_stock: ledger.in_stock,
            client_buffers_peak: ledger.client_buffers_peak,
            buffers_max: session.limits().buffers_max.into(),
            oldest_lent_ms: ledger.oldest_lent_ns.map(age),
            waiting: arena.waiting,
            grants: ledger.grants,
            stocked: ledger.stocked,
            lends: ledger.lends,
            returns: ledger.returns,
            recalls: ledger.recalls,
            refusals: arena.refusals,
            extents_made: ledger.extents_made,
            extents_dropped: ledger.extents_dropped,
        }
    }

    /// Buffers that are not free.
    pub fn buffers_in_use(&self) -> u64 {
        let used = [self.granted, self.held, self.filled, self.lent];
        used.iter().map(|count| count.buffers).sum()
    }
}

/// The live sessions of a server, by epoch.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_epoch: Mutex<BTreeMap<u64, Weak<Session>>>,
}

impl Sessions {
    pub(crate) fn insert(&self, session: &Arc<Session>) {
        lock(&self.by_epoch).insert(session.epoch(), Arc::downgrade(session));
    }

    pub(crate) fn remove(&self, epoch: u64) {
        lock(&self.by_epoch).remove(&epoch);
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.by_epoch).len()
    }

    /// Those that live, without a lock held.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let by_epoch = lock(&self.by_epoch);
        by_epoch.values().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn stats(&self) -> Vec<SessionStats> {
        let all = self.all();
        all.iter()
            .map(|session| SessionStats::of(session))
            .collect()
    }
}

/// Answers `outrigger.sessions` with a JSON array of [`SessionStats`], for clients of the
/// server's own uid.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) sessions: Arc<Sessions>,
}

impl Handler for Method {
    fn call(
        &self,
        context: &Context<'_>,
        _: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let (seen, own) = (context.peer().uid, rustix::process::geteuid().as_raw());
        if seen != own {
            return Err(Error::invalid_argument(format!(
                "{METHOD} asked by uid {seen} (allowed: {own})"
            )));
        }
        let stats = self.sessions.stats();
        serde_json::to_writer(&mut *reply, &stats).map_err(|error| reply.explain(&error))
    }

    fn placement(&self) -> Placement {
        Placement::Pool
    }

    fn codecs(&self) -> &[Codec] {
        &[Codec::RAW, Codec::JSON]
    }
}
