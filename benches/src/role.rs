//! The child processes in Rust, and the lines they speak.
//!
//! A child says `ready` and then answers each line of standard input by one line
//! of standard output; it ends with its input.
//!
//! | line | answered by | with |
//! | --- | --- | --- |
//! | `run MILLISECONDS` | drivers | a [`Slice`] in JSON |
//! | `allocations` | peers | how many this process has made so far |
//!
//! A line that begins with `error: ` says what went wrong instead.

use std::io::{BufRead, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::Duration;

use clap::Subcommand;
use outrigger_server::WaitArg;

use crate::counting::allocations;
use crate::machine::pin;
use crate::raw_sync_event::Pair;
use crate::slice::{Slice, measure};
use crate::{echo, floor, payload, typed, unix};

/// What a child process does.
#[derive(Clone, Debug, Subcommand)]
pub enum Role {
    /// Driver: two threads and nothing between them.
    Floor,
    /// Driver: calls of `outrigger.echo` through client-rust.
    Echo {
        /// How the caller waits.
        #[arg(long)]
        wait: WaitArg,
        /// The sidecar's socket.
        #[arg(long)]
        at: PathBuf,
        /// Where the calling thread stays [default: anywhere].
        #[arg(long)]
        cpu: Option<usize>,
    },
    /// Driver: calls of `ticks.reflect` through its generated client.
    Typed {
        /// How the caller waits.
        #[arg(long)]
        wait: WaitArg,
        /// The sidecar's socket.
        #[arg(long)]
        at: PathBuf,
        /// Where the calling thread stays [default: anywhere].
        #[arg(long)]
        cpu: Option<usize>,
    },
    /// Driver: an archive validated and read, without any call.
    Access,
    /// Driver: a shared_memory segment and raw_sync events.
    RawSync {
        /// The file that names the segment.
        #[arg(long)]
        at: PathBuf,
    },
    /// Peer: a sidecar with the built-in methods and `ticks`.
    Sidecar {
        /// How the poller waits.
        #[arg(long)]
        wait: WaitArg,
        /// The socket to listen on.
        #[arg(long)]
        at: PathBuf,
    },
    /// Peer: a sidecar that reads and writes payloads of any size.
    Payload {
        /// How the poller waits.
        #[arg(long)]
        wait: WaitArg,
        /// Read requests where the client wrote them.
        #[arg(long)]
        in_place: bool,
        /// The socket to listen on.
        #[arg(long)]
        at: PathBuf,
    },
    /// Peer: the same over a unix socket.
    PayloadUnix {
        /// The socket to listen on.
        #[arg(long)]
        at: PathBuf,
    },
    /// Peer: echoes 32 bytes at a time on a unix socket.
    UnixEcho {
        /// The socket to listen on.
        #[arg(long)]
        at: PathBuf,
    },
    /// Peer: the other end of `raw-sync`.
    RawSyncEcho {
        /// The file to make that names the segment.
        #[arg(long)]
        at: PathBuf,
    },
}

impl Role {
    /// Plays the role to its end.
    ///
    /// # Errors
    /// Why it could not begin, or had to stop.
    pub fn play(&self) -> Result<(), String> {
        match self {
            Self::Floor => drive(floor::slice),
            Self::Echo { wait, at, cpu } => {
                let mut session = echo::Session::connect(at, (*wait).into())?;
                // After connecting: a client on one CPU never spins, and its reader thread
                // stays free.
                cpu.map_or(Ok(()), pin)?;
                drive(|length| measure(&mut session, length))
            }
            Self::Typed { wait, at, cpu } => {
                let mut session = typed::Session::connect(at, (*wait).into())?;
                // As for echo.
                cpu.map_or(Ok(()), pin)?;
                drive(|length| measure(&mut session, length))
            }
            Self::Access => {
                let mut access = typed::Access::default();
                drive(|length| measure(&mut access, length))
            }
            Self::RawSync { at } => {
                let mut pair = Pair::open(at)?;
                drive(|length| measure(&mut pair, length))
            }
            Self::Sidecar { wait, at } => echo::serve(at, (*wait).into(), answer_questions),
            Self::Payload { wait, in_place, at } => {
                payload::serve(at, (*wait).into(), *in_place, answer_questions)
            }
            Self::PayloadUnix { at } => payload::serve_unix(at, answer_questions),
            Self::UnixEcho { at } => unix::serve(at, answer_questions),
            Self::RawSyncEcho { at } => raw_sync_peer(at),
        }
    }
}

fn raw_sync_peer(at: &Path) -> Result<(), String> {
    let pair = Pair::create(at)?;
    answer_questions();
    pair.serve()
}

/// A driver's life: slices on demand.
fn drive(mut run: impl FnMut(Duration) -> Result<Slice, String>) -> Result<(), String> {
    converse(|line| {
        let millis = line.strip_prefix("run ").and_then(|text| text.parse().ok());
        let millis = millis.ok_or_else(|| format!("line {line:?} (allowed: run MILLISECONDS)"))?;
        let slice = run(Duration::from_millis(millis))?;
        serde_json::to_string(&slice).map_err(|error| error.to_string())
    })
}

/// A peer's second life, beside its own: a thread that says how much it allocated.
fn answer_questions() {
    thread::spawn(|| {
        let ended = converse(|line| match line {
            "allocations" => Ok(allocations().to_string()),
            _ => Err(format!("line {line:?} (allowed: allocations)")),
        });
        process::exit(i32::from(ended.is_err()));
    });
}

/// Says `ready`, then answers lines until the input ends.
fn converse(mut answer: impl FnMut(&str) -> Result<String, String>) -> Result<(), String> {
    say("ready")?;
    let mut line = String::new();
    loop {
        line.clear();
        match stdin().lock().read_line(&mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
        match answer(line.trim_end()) {
            Ok(text) => say(&text)?,
            Err(text) => say(&format!("error: {text}"))?,
        }
    }
}

fn say(line: &str) -> Result<(), String> {
    let mut stdout = stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|error| error.to_string())
}
