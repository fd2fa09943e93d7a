//! Configuring a server before it listens.

use core::time::Duration;
use std::path::Path;
use std::sync::Arc;

use outrigger_layout::limits::{
    CLIENT_BUFFERS_MAX, CREDITS_MAX, DEPTHS, LANES_MAX, METHODS_MAX, PAYLOAD_MAX,
};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::Policy;

use crate::builtin;
use crate::handler::Handler;
use crate::inherited::take_connection;
use crate::listener::{BindError, Listener};
use crate::registry::Registry;
use crate::server::{Server, Source};
use crate::service::Service;
use crate::sessions::{self, Sessions};

/// Bounds of a server and of each of its sessions. Values outside their range
/// are brought into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload of one message in bytes; at most 1 GiB, 64 MiB unless it is set.
    pub payload_max: u64,
    /// Bytes of buffers in each direction of a session; at least those of the largest
    /// payload, rounded up to a power of two.
    pub arena_bytes: u64,
    /// Buffers that a client may have at a time, granted and lent together, 1 to 4096.
    pub buffers_max: u16,
    /// Bytes of the sessions of one uid, segments and buffers. What a client mapped counts
    /// until its process has ended, also after its session.
    pub uid_bytes: u64,
    /// Bytes of all sessions, likewise.
    pub total_bytes: u64,
    /// Calls in flight on one lane, 1 to 4096.
    pub credits: u16,
    /// Lanes of a session whose client does not ask for a number, 1 to 16.
    pub lanes: u16,
    /// Methods a session may bind, 1 to 4096.
    pub methods_max: u16,
    /// Sessions at once.
    pub sessions_max: usize,
    /// Calls that wait for a worker; one more is RESOURCE_EXHAUSTED.
    pub jobs_max: usize,
    /// How long calls in flight may take to end after a shutdown began.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_max: 64 << 20,
            arena_bytes: 256 << 20,
            buffers_max: 256,
            uid_bytes: 8 << 30,
            total_bytes: 16 << 30,
            credits: 64,
            lanes: 1,
            methods_max: 1024,
            sessions_max: 1024,
            jobs_max: 1024,
            drain: Duration::from_secs(10),
        }
    }
}

impl Limits {
    fn in_range(self) -> Self {
        let payload_max = self.payload_max.clamp(1, PAYLOAD_MAX);
        let largest = payload_max.next_power_of_two();
        Self {
            payload_max,
            arena_bytes: self.arena_bytes.max(largest.max(1 << 20)),
            buffers_max: self.buffers_max.clamp(1, CLIENT_BUFFERS_MAX as u16),
            uid_bytes: self.uid_bytes,
            total_bytes: self.total_bytes,
            credits: self.credits.clamp(1, CREDITS_MAX as u16),
            lanes: self.lanes.clamp(1, LANES_MAX as u16),
            methods_max: self.methods_max.clamp(1, METHODS_MAX as u16),
            sessions_max: self.sessions_max.max(1),
            jobs_max: self.jobs_max.max(1),
            drain: self.drain,
        }
    }

    /// Credits per depth. Only outside calls exist in this version.
    pub(crate) fn call_credits(&self) -> [u16; DEPTHS as usize] {
        let mut credits = [0; DEPTHS as usize];
        credits[0] = self.credits;
        credits
    }
}

/// A server under construction; see [`Server::builder`].
#[derive(Debug)]
pub struct Builder {
    pub(crate) registry: Arc<Registry>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) limits: Limits,
    pub(crate) wait: Policy,
    /// Large requests are read where the client wrote them; see `trust.rs`.
    pub(crate) in_place: bool,
    pub(crate) pollers: usize,
    pub(crate) workers: usize,
    /// The first error of a method that could not return one.
    pub(crate) failed: Option<Error>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let registry = Arc::new(Registry::default());
        let sessions = Arc::new(Sessions::default());
        let method = sessions::Method {
            sessions: Arc::clone(&sessions),
        };
        let failed = builtin::register(&registry)
            .and_then(|()| {
                registry
                    .insert(sessions::METHOD, Arc::new(method))
                    .map(drop)
            })
            .err();
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            registry,
            sessions,
            limits: Limits::default(),
            wait: Policy::default(),
            in_place: false,
            pollers: 1,
            workers: cpus.max(2),
            failed,
        }
    }

    /// Registers a handler under a name of 1 to 255 bytes that no other has. An error in
    /// the name is reported by [`Builder::bind`] and [`Builder::cli`].
    ///
    /// ```
    /// use outrigger_server::{Server, handler};
    ///
    /// let echo = || handler::bytes(|_, bytes| Ok(bytes.to_vec()));
    /// let builder = Server::builder().handler("echo", echo()).handler("echo", echo());
    /// let error = builder.bind("/tmp/never.sock").unwrap_err();
    /// assert_eq!(error.message(), "invalid argument: method echo is registered twice");
    /// ```
    pub fn handler(mut self, name: &str, handler: impl Handler) -> Self {
        if let Err(error) = self.registry.add(name, Arc::new(handler)) {
            self.failed.get_or_insert(error);
        }
        self
    }

    /// Registers every method of a service, under names that no other has: another
    /// version of a service goes to [`Builder::service_beside`]. An error is reported by
    /// [`Builder::bind`] and [`Builder::cli`].
    ///
    /// ```
    /// use outrigger_server::Server;
    /// # #[outrigger::service]
    /// # pub trait Greeter {
    /// #     fn greet(&self) -> Result<(), outrigger_server::Error>;
    /// # }
    /// # struct Polite;
    /// # impl Greeter for Polite {
    /// #     fn greet(&self) -> Result<(), outrigger_server::Error> { Ok(()) }
    /// # }
    /// let builder = Server::builder().service(GreeterServer::new(Polite));
    /// assert!(builder.registry().list().contains(&"greeter.greet".to_owned()));
    /// ```
    pub fn service(mut self, service: impl Service) -> Self {
        for handler in service.handlers() {
            let name = handler.method().map_or("", |method| method.name);
            if let Err(error) = self.registry.add(name, handler) {
                self.failed.get_or_insert(error);
            }
        }
        self
    }

    /// Serves another version of a service beside the one registered by
    /// [`Builder::service`]: see
    /// [`Registry::register_service_beside`](crate::Registry::register_service_beside).
    /// An error is reported by [`Builder::bind`] and [`Builder::cli`].
    ///
    /// ```
    /// use outrigger_server::{Error, Server};
    /// # #[outrigger::message] pub struct Greeting { pub text: String }
    /// # mod old {
    /// #     #[outrigger::service]
    /// #     pub trait Greeter {
    /// #         fn greet(&self) -> Result<(), outrigger_server::Error>;
    /// #     }
    /// # }
    /// # #[outrigger::service]
    /// # pub trait Greeter {
    /// #     fn greet(&self) -> Result<Greeting, Error>;
    /// # }
    /// # struct Polite;
    /// # impl old::Greeter for Polite {
    /// #     fn greet(&self) -> Result<(), Error> { Ok(()) }
    /// # }
    /// # impl Greeter for Polite {
    /// #     fn greet(&self) -> Result<Greeting, Error> { Ok(Greeting { text: String::new() }) }
    /// # }
    /// let builder = Server::builder()
    ///     .service(GreeterServer::new(Polite))
    ///     .service_beside(old::GreeterServer::new(Polite));
    /// assert!(builder.registry().list().contains(&"greeter.greet".to_owned()));
    /// ```
    pub fn service_beside(mut self, service: impl Service) -> Self {
        if let Err(error) = self.registry.register_service_beside(service) {
            self.failed.get_or_insert(error);
        }
        self
    }

    /// How pollers wait for requests; the default is [`Policy::Hybrid`].
    pub fn wait(mut self, policy: Policy) -> Self {
        self.wait = policy;
        self
    }

    /// Number of poller threads, 1 to 64; the default is 1. A session belongs to
    /// one poller.
    pub fn pollers(mut self, count: usize) -> Self {
        self.pollers = count.clamp(1, 64);
        self
    }

    /// Number of worker threads, 1 to 1024; the default is the number of CPUs, at
    /// least 2.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count.clamp(1, 1024);
        self
    }

    /// Replaces the bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits.in_range();
        self
    }

    /// The registry, to change handlers while the server runs.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Listens on a unix socket. A stale socket at `path` is taken over.
    ///
    /// # Errors
    /// A wrong method name, one that is registered twice, or why the path cannot be
    /// listened on: see [`BindError`].
    pub fn bind(self, path: impl AsRef<Path>) -> Result<Server, Error> {
        Ok(self.bind_at(path.as_ref())?)
    }

    pub(crate) fn bind_at(mut self, path: &Path) -> Result<Server, BindError> {
        if let Some(error) = self.failed.take() {
            return Err(BindError::Configuration(error));
        }
        let listener = Listener::bind(path)?;
        Server::new(self, Source::Path(listener)).map_err(BindError::Configuration)
    }

    /// Serves one client, whose connection is standard input.
    pub(crate) fn inherit(mut self) -> Result<Server, BindError> {
        if let Some(error) = self.failed.take() {
            return Err(BindError::Configuration(error));
        }
        let connection = take_connection()?;
        Server::new(self, Source::Connection(connection)).map_err(BindError::Configuration)
    }
}

impl From<BindError> for Error {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Configuration(error) => error,
            BindError::System { .. } => Self::with_details(Code::UNKNOWN, &[&error]),
            BindError::Live { .. } => Self::resource_exhausted(error),
            other => Self::invalid_argument(other),
        }
    }
}
