//! What is measured.

use std::path::Path;
use std::process::Command;

use crate::programs::Programs;

/// Which program drives a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// A [`Role`](crate::role::Role), by its words on the command line.
    Rust(&'static [&'static str]),
    /// `go/`, which knows the case by its name.
    Go,
    /// `go-cgo/`.
    Cgo,
}

/// Where the scheduler may put what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Anywhere.
    Free,
    /// All of the driver on the first CPU, all of the peer on the second.
    TwoCpus,
    /// The thread that calls on the first CPU, the poller that answers on the
    /// second, other threads anywhere.
    TwoThreads,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name in table and JSON.
    pub name: &'static str,
    /// What calls.
    pub driver: Driver,
    /// The role that answers, if that is another process.
    pub peer: Option<&'static [&'static str]>,
    /// Where.
    pub placement: Placement,
}

/// The case that all others are compared with.
pub const FLOOR: &str = "floor";
/// What drives it.
pub const FLOOR_DRIVER: Driver = Driver::Rust(&["floor"]);

/// All cases, in the order of a round.
pub fn cases() -> Vec<Case> {
    use Driver::{Cgo, Go, Rust};
    use Placement::{Free, TwoCpus, TwoThreads};
    const SPIN: Option<&[&str]> = Some(&["sidecar", "--wait", "spin"]);
    const HYBRID: Option<&[&str]> = Some(&["sidecar", "--wait", "hybrid"]);
    const RUST_SPIN: Driver = Rust(&["echo", "--wait", "spin"]);
    const RUST_HYBRID: Driver = Rust(&["echo", "--wait", "hybrid"]);
    const RUST_TYPED: Driver = Rust(&["typed", "--wait", "spin"]);
    const UNIX: Option<&[&str]> = Some(&["unix-echo"]);
    const RAW_SYNC: Option<&[&str]> = Some(&["raw-sync-echo"]);
    #[rustfmt::skip]
    let rows = [
        (FLOOR,              FLOOR_DRIVER,        None,     Free),
        ("go-echo-spin",     Go,                  SPIN,     TwoThreads),
        ("go-echo-context",  Go,                  SPIN,     TwoThreads),
        ("go-echo-free",     Go,                  SPIN,     Free),
        ("go-echo-hybrid",   Go,                  HYBRID,   TwoThreads),
        ("rust-echo-spin",   RUST_SPIN,           SPIN,     TwoThreads),
        ("rust-echo-hybrid", RUST_HYBRID,         HYBRID,   TwoThreads),
        ("go-typed-spin",    Go,                  SPIN,     TwoThreads),
        ("go-typed-hybrid",  Go,                  HYBRID,   TwoThreads),
        ("rust-typed-spin",  RUST_TYPED,          SPIN,     TwoThreads),
        ("rkyv-encode-go",   Go,                  None,     Free),
        ("rkyv-access-rust", Rust(&["access"]),   None,     Free),
        ("unix-free",        Go,                  UNIX,     Free),
        ("unix-two-cpus",    Go,                  UNIX,     TwoCpus),
        ("cgo-noop",         Cgo,                 None,     Free),
        ("raw-sync-event",   Rust(&["raw-sync"]), RAW_SYNC, Free),
        ("go-inflight-64",   Go,                  SPIN,     Free),
    ];
    let case = |(name, driver, peer, placement)| Case {
        name,
        driver,
        peer,
        placement,
    };
    rows.into_iter().map(case).collect()
}

impl Case {
    /// True if a poller of this case looks on for a while after the last call.
    pub fn spins(&self) -> bool {
        self.peer.is_some_and(|words| words.contains(&"spin"))
    }

    /// How to start the driver, which meets its peer at `at`. A `caller_cpu` keeps
    /// the calling thread there.
    ///
    /// # Errors
    /// Why its program was not built.
    pub fn driver_command(
        &self,
        programs: &Programs,
        at: &Path,
        caller_cpu: Option<usize>,
    ) -> Result<Command, String> {
        let (mut command, dashes) = match self.driver {
            Driver::Rust(words) => (role_command(programs, words), "--"),
            Driver::Go => {
                let mut command = Command::new(programs.go.as_ref().map_err(String::clone)?);
                command.args(["-case", self.name]);
                (command, "-")
            }
            Driver::Cgo => (
                Command::new(programs.cgo.as_ref().map_err(String::clone)?),
                "-",
            ),
        };
        if self.peer.is_some() {
            command.arg(format!("{dashes}at")).arg(at);
        }
        if let Some(cpu) = caller_cpu {
            command.args([format!("{dashes}cpu"), cpu.to_string()]);
        }
        Ok(command)
    }

    /// How to start the peer.
    pub fn peer_command(&self, programs: &Programs, at: &Path) -> Option<Command> {
        let mut command = role_command(programs, self.peer?);
        command.arg("--at").arg(at);
        Some(command)
    }
}

fn role_command(programs: &Programs, words: &[&str]) -> Command {
    let mut command = Command::new(&programs.rust);
    command.arg("role").args(words);
    command
}
