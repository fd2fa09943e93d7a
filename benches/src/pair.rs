//! The two processes of a case.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use outrigger_ringbuf::SPIN_MAX;

use crate::case::{Case, Placement};
use crate::child::Child;
use crate::machine::two_cpus;
use crate::programs::Programs;
use crate::slice::Slice;

/// How the names of a server's poller threads begin.
const POLLER: &str = "outrigger-p";
/// How long a poller that spins is given to go to sleep.
const SETTLE: Duration = SPIN_MAX.saturating_add(Duration::from_millis(5));
/// Length of the slice that nobody counts.
const FIRST: Duration = Duration::from_millis(1);

/// A driver and the peer that answers it, unless the driver needs none. The
/// driver ends first.
#[derive(Debug)]
pub struct Pair {
    driver: Child,
    peer: Option<Child>,
    spins: bool,
}

/// One slice, with what the peer did meanwhile.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The driver's answer.
    pub slice: Slice,
    /// Allocations of the peer's process, from before the warm-up on.
    pub peer_allocs: u64,
}

impl Pair {
    /// Starts both, in their places, and makes the first calls.
    ///
    /// # Errors
    /// Why one of them is not there.
    pub fn start(case: &Case, programs: &Programs, meeting: &Meeting) -> Result<Self, String> {
        let cpus = two_cpus()?;
        let of = |placement| (case.placement == placement).then_some(cpus);
        let (processes, threads) = (of(Placement::TwoCpus), of(Placement::TwoThreads));
        let at = meeting.at(case.name);
        let mut driver = case.driver_command(programs, &at, threads.map(|cpus| cpus[0]))?;
        let peer = match case.peer_command(programs, &at) {
            Some(mut peer) => Some(Child::start(&mut peer, processes.map(|cpus| cpus[1]))?),
            None => None,
        };
        if let (Some(peer), Some(cpus)) = (&peer, threads) {
            peer.pin_threads(POLLER, cpus[1])?;
        }
        let mut pair = Self {
            driver: Child::start(&mut driver, processes.map(|cpus| cpus[0]))?,
            peer,
            spins: case.spins(),
        };
        // What the first call does once for all, such as binding its method.
        pair.turn(FIRST)?;
        pair.settle();
        Ok(pair)
    }

    /// Runs one slice.
    ///
    /// # Errors
    /// What either process says, or that it says nothing.
    pub fn turn(&mut self, length: Duration) -> Result<Turn, String> {
        let before = self.peer_allocations()?;
        let asking = self.peer_allocations()? - before;
        let text = self.driver.ask(&format!("run {}", length.as_millis()))?;
        let slice = serde_json::from_str(&text).map_err(|error| format!("{text:?}: {error}"))?;
        let after = self.peer_allocations()?;
        Ok(Turn {
            slice,
            peer_allocs: after - before - 2 * asking,
        })
    }

    /// Returns when neither process uses a CPU any more.
    pub fn settle(&self) {
        if self.spins {
            thread::sleep(SETTLE);
        }
    }

    /// CPU time that both have used so far, in ticks.
    pub fn ticks(&self) -> u64 {
        self.driver.ticks() + self.peer.as_ref().map_or(0, Child::ticks)
    }

    fn peer_allocations(&mut self) -> Result<u64, String> {
        let Some(peer) = &mut self.peer else {
            return Ok(0);
        };
        let text = peer.ask("allocations")?;
        text.parse().map_err(|error| format!("{text:?}: {error}"))
    }
}

/// A folder for the sockets, removed at the end.
#[derive(Debug)]
pub struct Meeting {
    folder: PathBuf,
}

impl Meeting {
    /// A fresh folder of this process.
    ///
    /// # Errors
    /// The system's, as text.
    pub fn new() -> Result<Self, String> {
        let name = format!("outrigger-bench-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Where the two of a case meet.
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.join(Path::new(name))
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        // What cannot be removed is a few dead sockets.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
