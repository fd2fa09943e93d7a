//! What an idle sidecar and an idle client cost: nothing.

use std::thread;
use std::time::Duration;

use crate::case::cases;
use crate::pair::{Meeting, Pair};
use crate::programs::Programs;

/// How long both are watched.
const WATCH: Duration = Duration::from_secs(10);
/// Ticks (10 ms of CPU time) of both together that are too many.
const TICKS_MAX: u64 = 2;
/// Calls are made for so long before, so that all that starts late has started.
const CALLS: Duration = Duration::from_millis(100);
/// After the last call: budgets run out, runtimes tidy up.
const CALM_DOWN: Duration = Duration::from_secs(1);

/// Connects a Go client to a sidecar, both `hybrid`, lets both rest, and says how
/// many ticks of CPU time they used.
///
/// # Errors
/// Too many, or that the two could not be started.
pub fn check(programs: &Programs) -> Result<String, String> {
    let case = cases()
        .into_iter()
        .find(|case| case.name == "go-echo-hybrid");
    let case = case.ok_or("no case go-echo-hybrid")?;
    let meeting = Meeting::new()?;
    let mut pair = Pair::start(&case, programs, &meeting)?;
    pair.turn(CALLS)?;
    thread::sleep(CALM_DOWN);
    let before = pair.ticks();
    thread::sleep(WATCH);
    let ticks = pair.ticks() - before;
    let text = format!(
        "idle: {ticks} ticks (utime + stime) of both processes in {} s \
         (allowed: below {TICKS_MAX})",
        WATCH.as_secs()
    );
    if ticks < TICKS_MAX {
        Ok(text)
    } else {
        Err(text)
    }
}
