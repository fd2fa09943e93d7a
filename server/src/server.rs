//! A server that listens, and the handle to it.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use outrigger_layout::{Code, Error};
use outrigger_ringbuf::is_private_uid;
use outrigger_ringbuf::sync::{AtomicU64, Ordering};
use tokio::sync::watch;

use crate::builder::{Builder, Limits};
use crate::control;
use crate::errno::system;
use crate::estate::Estates;
use crate::listener::Listener;
use crate::lock::lock;
use crate::poller::{Poller, budget};
use crate::pool::Pool;
use crate::quota::Quota;
use crate::registry::Registry;
use crate::session::{Intake, Session};
use crate::sessions::{SessionStats, Sessions};

/// How far a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// No new calls; those in flight end first.
    Draining,
    /// At once.
    Aborting,
}

/// What the threads of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    /// Large requests are read where the client wrote them.
    pub(crate) in_place: bool,
    registry: Arc<Registry>,
    pool: Arc<Pool>,
    pollers: Mutex<Vec<Poller>>,
    sessions: Arc<Sessions>,
    quota: Arc<Quota>,
    estates: Arc<Estates>,
    epochs: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    wrong_buffers: AtomicU64,
    phase: watch::Sender<Phase>,
}

/// Where clients come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// They connect to a path, until the server is told to end.
    Path(Listener),
    /// One is connected already; the server ends with it.
    Connection(UnixStream),
}

/// A server that is bound and not yet running.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    /// Taken by `serve`.
    source: Option<Source>,
    path: PathBuf,
}

/// Controls a running server from any thread.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

/// What a server has and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions now.
    pub sessions: u64,
    /// Sessions ever begun.
    pub sessions_begun: u64,
    /// Connections refused at the handshake.
    pub refused: u64,
    /// Sessions that ended by a violation.
    pub failed: u64,
    /// Messages read from rings.
    pub messages: u64,
    /// Times a poller slept.
    pub sleeps: u64,
    /// Calls handed to the pool and not yet answered.
    pub calls_in_flight: u64,
    /// Buffers that are granted, held, filled or lent.
    pub buffers_in_use: u64,
    /// Bytes of all extents.
    pub arena_bytes: u64,
    /// Bytes of all clients' memory, segments included; and of sessions that have ended,
    /// as long as their process may still map it.
    pub memory_bytes: u64,
    /// Most of them so far.
    pub memory_bytes_peak: u64,
    /// Of these, those of sessions that have ended.
    pub memory_bytes_ended: u64,
    /// Sessions that ended because the client named a buffer that was not its own, or
    /// bytes outside it.
    pub wrong_buffers: u64,
}

impl Server {
    /// Begins to configure a server.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(builder: Builder, source: Source) -> Result<Self, Error> {
        let Builder {
            registry,
            sessions,
            limits,
            wait,
            in_place,
            pollers,
            workers,
            ..
        } = builder;
        let text = |error: std::io::Error| system("starting threads", &error);
        let pool = Arc::new(Pool::start(workers, limits.jobs_max).map_err(text)?);
        let start = |index| {
            Poller::start(
                index,
                budget(wait),
                Arc::clone(&registry),
                Arc::clone(&pool),
            )
        };
        let pollers = (0..pollers)
            .map(start)
            .collect::<Result<Vec<_>, _>>()
            .map_err(text)?;
        let shared = Arc::new(Shared {
            limits,
            in_place: in_place && is_private_uid(rustix::process::geteuid().as_raw()),
            registry,
            pool,
            pollers: Mutex::new(pollers),
            sessions,
            quota: Quota::new(limits.uid_bytes, limits.total_bytes),
            estates: Arc::default(),
            epochs: AtomicU64::new(1),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            wrong_buffers: AtomicU64::new(0),
            phase: watch::Sender::new(Phase::Serving),
        });
        let path = match &source {
            Source::Path(listener) => listener.path().to_owned(),
            Source::Connection(_) => PathBuf::new(), // only `serve` makes such a server
        };
        Ok(Self {
            shared,
            source: Some(source),
            path,
        })
    }

    /// A handle that outlives `run`.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// The socket's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves until [`ServerHandle::shutdown`] and the end of the calls in
    /// flight, or until [`ServerHandle::abort`]. Blocks the calling thread, which
    /// does the work of the control sockets.
    ///
    /// # Errors
    /// The system's, if the control runtime cannot be made. What goes wrong with
    /// one client ends that client's session and is logged.
    pub fn run(mut self) -> Result<(), Error> {
        self.serve()
    }

    /// The part of `run` after which handlers may still be at work: the server's
    /// drop waits for them.
    pub(crate) fn serve(&mut self) -> Result<(), Error> {
        let Some(source) = self.source.take() else {
            return Ok(());
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| system("starting the control runtime", &error))?;
        runtime.block_on(async {
            match source {
                Source::Path(listener) => control::serve(&self.shared, listener).await,
                Source::Connection(stream) => control::serve_one(&self.shared, stream).await,
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At the end of `run`, or instead of it.
        self.shared.stop_threads();
    }
}

impl ServerHandle {
    /// Begins an orderly end: the socket is unlinked, clients are told, calls in
    /// flight are answered, then [`Server::run`] returns.
    pub fn shutdown(&self) {
        self.shared.advance(Phase::Draining);
    }

    /// Ends at once; calls in flight fail with PEER_GONE at their clients.
    pub fn abort(&self) {
        self.shared.advance(Phase::Aborting);
    }

    /// The handlers.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.shared.registry)
    }

    /// The live sessions and what their memory does, in the order of their begin.
    pub fn sessions(&self) -> Vec<SessionStats> {
        self.shared.sessions.stats()
    }

    /// Counters, as of now.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Shared {
    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = *phase != Phase::Aborting && *phase != to;
            if forward {
                *phase = to;
            }
            forward
        });
    }

    pub(crate) fn next_epoch(&self) -> u64 {
        // Relaxed: only uniqueness matters.
        self.epochs.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a session that ended by a violation of this code.
    pub(crate) fn count_failed(&self, code: Code) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if matches!(code, Code::INVALID_HANDLE | Code::OUT_OF_BOUNDS) {
            self.wrong_buffers.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn session_count(&self) -> usize {
        self.sessions.count()
    }

    pub(crate) fn quota(&self) -> &Arc<Quota> {
        &self.quota
    }

    pub(crate) fn estates(&self) -> &Arc<Estates> {
        &self.estates
    }

    /// Hands a live session to the poller that has the fewest.
    pub(crate) fn begin(&self, session: &Arc<Session>, intake: Intake) -> usize {
        self.sessions.insert(session);
        let pollers = lock(&self.pollers);
        let load = |poller: &Poller| poller.stats().sessions.load(Ordering::Relaxed);
        let least = (0..pollers.len())
            .min_by_key(|index| load(&pollers[*index]))
            .unwrap_or(0);
        if let Some(poller) = pollers.get(least) {
            poller.add(intake);
        }
        least
    }

    /// Takes an ended session away from everybody.
    pub(crate) fn finish(&self, epoch: u64, poller: usize) {
        self.sessions.remove(epoch);
        if let Some(poller) = lock(&self.pollers).get(poller) {
            poller.remove(epoch);
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    fn stop_threads(&self) {
        for mut poller in lock(&self.pollers).drain(..) {
            poller.stop();
        }
        self.pool.stop();
    }

    fn stats(&self) -> Stats {
        let mut stats = Stats {
            sessions_begun: self.epochs.load(Ordering::Relaxed) - 1,
            refused: self.refused.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            wrong_buffers: self.wrong_buffers.load(Ordering::Relaxed),
            ..Stats::default()
        };
        for poller in lock(&self.pollers).iter() {
            stats.messages += poller.stats().messages.load(Ordering::Relaxed);
            stats.sleeps += poller.stats().sleeps.load(Ordering::Relaxed);
        }
        (stats.memory_bytes, stats.memory_bytes_peak) = self.quota.used();
        stats.memory_bytes_ended = stats.memory_bytes;
        for session in self.sessions.all() {
            let usage = session.arena().usage().ledger;
            stats.sessions += 1;
            stats.buffers_in_use += usage.in_use();
            stats.arena_bytes += usage.bytes;
            let charged = session.account().charged();
            stats.memory_bytes_ended = stats.memory_bytes_ended.saturating_sub(charged);
            let lanes = session.lanes().iter();
            stats.calls_in_flight += lanes.map(|lane| u64::from(lane.in_flight())).sum::<u64>();
        }
        stats
    }
}
