//! The command line of a sidecar: the same flags for everybody's.
//!
//! ```no_run
//! use outrigger_server::{Server, handler};
//!
//! fn main() -> std::process::ExitCode {
//!     Server::builder().handler("echo", handler::bytes(|_, bytes| Ok(bytes.to_vec()))).cli()
//! }
//! ```

use core::time::Duration;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;

use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use outrigger_layout::schema::Document;
use outrigger_layout::schema::diff::{check, differences, report};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::Policy;
use tokio::signal::unix::{SignalKind, signal};

use crate::builder::Builder;
use crate::listener::BindError;
use crate::logging::{LogLevel, init_logging};
use crate::server::{Server, ServerHandle};

/// Exit codes of sysexits.h.
mod sysexits {
    pub(super) const USAGE: u8 = 64;
    pub(super) const DATA: u8 = 65;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const SOFTWARE: u8 = 70;
    pub(super) const OS: u8 = 71;
    pub(super) const CANNOT_CREATE: u8 = 73;
    pub(super) const TRY_AGAIN: u8 = 75;
    pub(super) const PROTOCOL: u8 = 76;
}

/// How to wait, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WaitArg {
    /// Look without pause while sessions are busy: lowest latency, a whole CPU.
    Spin,
    /// Look for a budget that adapts, then sleep.
    Hybrid,
    /// Sleep at once: least CPU.
    Block,
}

impl From<WaitArg> for Policy {
    fn from(wait: WaitArg) -> Self {
        match wait {
            WaitArg::Spin => Self::Spin,
            WaitArg::Hybrid => Self::Hybrid,
            WaitArg::Block => Self::Block,
        }
    }
}

/// Flags of `serve`. One of `socket` and `inherited_socket` is given.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("outrigger-source").required(true))]
pub struct ServeArgs {
    /// Path of the unix socket to listen on, at most 107 bytes.
    #[arg(
        long,
        value_name = "PATH",
        env = "OUTRIGGER_SOCKET",
        group = "outrigger-source"
    )]
    pub socket: Option<PathBuf>,
    /// Serve one client, whose connection is standard input, and end with it.
    /// That is how `Spawn` of the Go client starts a sidecar.
    #[arg(long, group = "outrigger-source")]
    pub inherited_socket: bool,
    /// How to wait for requests.
    #[arg(long, value_enum, help = "How to wait for requests [default: hybrid]")]
    pub wait: Option<WaitArg>,
    /// Threads that read requests, 1 to 64 [default: 1].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub pollers: Option<u16>,
    /// Threads for handlers that block or are large, 1 to 1024 [default: number of CPUs].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Calls in flight per lane, 1 to 4096 [default: 64].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub credits: Option<u16>,
    /// Largest payload of one message in bytes, up to 1G [default: 64M].
    #[arg(long, value_name = "BYTES", value_parser = payload)]
    pub payload_max: Option<u64>,
    /// Bytes of buffers in each direction of a session, at least one payload [default: 256M].
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub arena_bytes: Option<u64>,
    /// Buffers that a client may have at a time, 1 to 4096 [default: 256].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub buffers_max: Option<u16>,
    /// Bytes that the sessions of one user may have [default: 8G].
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub uid_bytes: Option<u64>,
    /// Bytes that all sessions may have [default: 16G].
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub total_bytes: Option<u64>,
    /// Read large requests where the client wrote them, without a copy. A client that
    /// changes one after sending it can then crash this process, or worse.
    #[arg(long, env = "OUTRIGGER_TRUST_CLIENTS_IN_PLACE", value_parser = FalseyValueParser::new())]
    pub trust_clients_in_place: bool,
    /// What to log, on standard error.
    #[arg(long, value_enum, default_value = "warn", env = "OUTRIGGER_LOG")]
    pub log_level: LogLevel,
}

/// Reads a number of bytes: digits, and K, M or G for powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number = digits.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("{text:?} (allowed: 1 and more, K, M or G behind it)"))
}

fn payload(text: &str) -> Result<u64, String> {
    let max = outrigger_layout::limits::PAYLOAD_MAX;
    match bytes(text)? {
        bytes if bytes <= max => Ok(bytes),
        bytes => Err(format!("{bytes} bytes (maximum {max})")),
    }
}

#[derive(Parser)]
#[command(
    version = crate::VERSION,
    about = "A sidecar that serves Go and Rust programs through shared memory"
)]
struct Sidecar {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; a second one ends at once.
    Serve(ServeArgs),
    /// Print the schema of the typed services as JSON, or what differs from a former one.
    Schema {
        #[command(subcommand)]
        action: Option<SchemaAction>,
    },
}

#[derive(Subcommand)]
enum SchemaAction {
    /// Say in words what differs from a schema that was printed before, and whether it
    /// is safe: exit code 0 if it is, 76 if not.
    Diff {
        /// A JSON file, as `schema` printed it.
        old: PathBuf,
    },
}

impl Builder {
    /// Runs this process as a sidecar: reads `serve` and its flags from the
    /// command line, serves, and returns the exit code (sysexits). `schema` prints
    /// the schema of the typed services instead, `schema diff OLD` what differs from a
    /// former one. A method that could not be registered is reported by each of them.
    ///
    /// SIGTERM or SIGINT begins an orderly end with exit code 0, a second one
    /// ends at once.
    pub fn cli(self) -> ExitCode {
        let command = Sidecar::try_parse();
        if let (Ok(_), Some(error)) = (&command, &self.failed) {
            eprintln!("{error}");
            return ExitCode::from(exit_code(error));
        }
        match command {
            Ok(Sidecar {
                command: Command::Serve(args),
            }) => self.serve(&args),
            Ok(Sidecar {
                command: Command::Schema { action: None },
            }) => self.print_schema(),
            Ok(Sidecar {
                command:
                    Command::Schema {
                        action: Some(SchemaAction::Diff { old }),
                    },
            }) => self.print_diff(&old),
            Err(error) => usage(&error),
        }
    }

    /// Prints the schema on standard output.
    fn print_schema(&self) -> ExitCode {
        let mut out = std::io::stdout().lock();
        let printed = serde_json::to_writer_pretty(&mut out, &self.registry().schema())
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out));
        match printed {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("standard output: {error}");
                ExitCode::from(sysexits::OS)
            }
        }
    }

    /// Prints what differs from a schema in a file.
    fn print_diff(&self, old: &Path) -> ExitCode {
        let text = match std::fs::read(old) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{}: {error}", old.display());
                return ExitCode::from(sysexits::USAGE);
            }
        };
        let differ = |old| differences(&old, &self.registry().schema());
        let checked = Document::read(&text).map(differ).and_then(|changes| {
            let mut out = std::io::stdout().lock();
            let written = out.write_all(report(&changes).as_bytes());
            written
                .map_err(|error| Error::new(Code::UNKNOWN, format!("standard output: {error}")))?;
            check(&changes)
        });
        match checked {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(exit_code(&error))
            }
        }
    }

    /// Serves with flags that are parsed already. A flag that is given replaces
    /// what the builder was told.
    pub fn serve(self, args: &ServeArgs) -> ExitCode {
        init_logging(args.log_level);
        let signals = match Signals::catch() {
            Ok(signals) => signals,
            Err(error) => {
                eprintln!("cannot catch signals: {error}");
                return ExitCode::from(sysexits::OS);
            }
        };
        let builder = self.with_flags(args);
        let drain = builder.limits.drain;
        match builder.open(args) {
            Ok(server) => {
                signals.end(server.handle());
                run(server, args.inherited_socket.then_some(drain))
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(bind_exit(&error))
            }
        }
    }
}

impl Builder {
    /// What the flags say, and for the others what the program has set.
    fn with_flags(mut self, args: &ServeArgs) -> Self {
        let mut limits = self.limits;
        limits.credits = args.credits.unwrap_or(limits.credits);
        limits.payload_max = args.payload_max.unwrap_or(limits.payload_max);
        limits.arena_bytes = args.arena_bytes.unwrap_or(limits.arena_bytes);
        limits.buffers_max = args.buffers_max.unwrap_or(limits.buffers_max);
        limits.uid_bytes = args.uid_bytes.unwrap_or(limits.uid_bytes);
        limits.total_bytes = args.total_bytes.unwrap_or(limits.total_bytes);
        self.wait = args.wait.map_or(self.wait, Policy::from);
        let pollers = args.pollers.map_or(self.pollers, usize::from);
        let workers = args.workers.map_or(self.workers, usize::from);
        self.in_place(args.trust_clients_in_place)
            .limits(limits)
            .pollers(pollers)
            .workers(workers)
    }

    /// Listens on the path, or takes the connection over.
    fn open(self, args: &ServeArgs) -> Result<Server, BindError> {
        match (&args.socket, args.inherited_socket) {
            (Some(path), false) => self.bind_at(path),
            (None, true) => self.inherit(),
            (path, _) => {
                let seen = if path.is_some() { "both" } else { "none" };
                Err(BindError::Configuration(Error::invalid_argument(format!(
                    "{seen} of --socket and --inherited-socket (allowed: one of them)"
                ))))
            }
        }
    }
}

/// Runs a server. With `last`, handlers have that long after the end of its last
/// session: a sidecar whose client is gone would otherwise outlive it for as long
/// as a handler cares to, and nobody knows of it any more.
fn run(mut server: Server, last: Option<Duration>) -> ExitCode {
    let outcome = server.serve();
    if let Some(last) = last {
        let limit = move || {
            std::thread::sleep(last);
            eprintln!("handlers did not end within {last:?} of the end of the session");
            std::process::exit(i32::from(sysexits::SOFTWARE));
        };
        // Without a thread for it there is no limit.
        let _ = std::thread::Builder::new().spawn(limit);
    }
    drop(server);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Prints what clap has to say and gives the exit code: help and version are no
/// errors, wrong usage is 64.
pub fn usage(error: &clap::Error) -> ExitCode {
    // A closed standard error changes nothing about the outcome.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(sysexits::USAGE),
    }
}

/// Ends the server by signals: the first one in order, the second at once, as if
/// it had not been caught.
struct Signals {
    server: mpsc::Sender<ServerHandle>,
}

impl Signals {
    /// Catches SIGTERM and SIGINT from now on. One that arrives before there is a
    /// server to end is kept for it.
    fn catch() -> std::io::Result<Self> {
        let (server, handle) = mpsc::channel();
        let (caught, ready) = mpsc::channel();
        std::thread::Builder::new()
            .name("outrigger-sig".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let watched = runtime.and_then(|runtime| runtime.block_on(watch(&caught, &handle)));
                if let Err(error) = watched {
                    // Whoever waits for the first message learns it this way.
                    let _ = caught.send(Err(error));
                }
            })?;
        ready
            .recv()
            .unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))?;
        Ok(Self { server })
    }

    /// The server to end.
    fn end(&self, handle: ServerHandle) {
        // The watcher lives as long as the process.
        let _ = self.server.send(handle);
    }
}

async fn watch(
    caught: &mpsc::Sender<std::io::Result<()>>,
    server: &mpsc::Receiver<ServerHandle>,
) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let _ = caught.send(Ok(()));
    let mut handle = None;
    loop {
        let number = tokio::select! {
            _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        };
        if handle.is_some() {
            tracing::warn!("second signal: ending at once");
            std::process::exit(128 + number);
        }
        handle = server.recv().inspect(ServerHandle::shutdown).ok();
    }
}

fn bind_exit(error: &BindError) -> u8 {
    match error {
        BindError::Configuration(error) => exit_code(error),
        BindError::TooLong { .. }
        | BindError::NotASocket { .. }
        | BindError::NotInherited { .. } => sysexits::USAGE,
        BindError::Live { .. } => sysexits::UNAVAILABLE,
        BindError::System { .. } => sysexits::CANNOT_CREATE,
    }
}

/// The exit code (sysexits) of a failed command.
pub fn exit_code(error: &Error) -> u8 {
    match error.code() {
        Code::INVALID_ARGUMENT | Code::NULL_POINTER | Code::BUFFER_TOO_SMALL => sysexits::USAGE,
        Code::SERIALIZATION | Code::INVALID_UTF8 => sysexits::DATA,
        Code::NOT_FOUND | Code::PEER_GONE | Code::SHUTTING_DOWN => sysexits::UNAVAILABLE,
        Code::TIMEOUT | Code::RESOURCE_EXHAUSTED => sysexits::TRY_AGAIN,
        Code::PROTOCOL | Code::VERSION_MISMATCH => sysexits::PROTOCOL,
        Code::UNKNOWN => sysexits::OS,
        _ => sysexits::SOFTWARE,
    }
}
