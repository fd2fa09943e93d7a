//! The cases take turns.

use std::time::{Duration, Instant};

use crate::case::Case;
use crate::machine::{Ticks, machine_ticks};
use crate::pair::{Meeting, Pair, Turn};
use crate::programs::Programs;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Length of a slice.
    pub slice: Duration,
    /// Rounds at most.
    pub rounds_max: usize,
    /// When no further round begins.
    pub time_max: Duration,
}

/// What became of a case.
#[derive(Debug)]
pub struct Outcome {
    /// Which.
    pub case: Case,
    /// One turn per round; fewer if it failed.
    pub turns: Vec<Turn>,
    /// Why it did not run, or not to the end.
    pub failure: Option<String>,
}

/// What all rounds gave.
#[derive(Debug, Default)]
pub struct Results {
    /// In the order of the cases.
    pub outcomes: Vec<Outcome>,
    /// Rounds completed.
    pub rounds: usize,
    /// CPU time during the slices. `busy` leaves out the case's own processes: it
    /// is other programs, the host, and what is in `out_of_turn`.
    pub foreign: Ticks,
    /// Ticks that children used in other children's slices.
    pub out_of_turn: u64,
}

/// Runs the cases in turns. What goes wrong with a case stands in its outcome.
///
/// # Errors
/// There is no folder for the sockets.
pub fn run(cases: &[Case], programs: &Programs, plan: &Plan) -> Result<Results, String> {
    let meeting = Meeting::new()?;
    let mut results = Results::default();
    let mut pairs = Vec::new();
    for case in cases {
        let pair = Pair::start(case, programs, &meeting);
        results.outcomes.push(Outcome {
            case: *case,
            turns: Vec::new(),
            failure: pair.as_ref().err().cloned(),
        });
        pairs.push(pair.ok());
    }
    let begin = Instant::now();
    while results.rounds < plan.rounds_max && begin.elapsed() < plan.time_max {
        for index in 0..cases.len() {
            take_turn(&mut pairs, index, plan.slice, &mut results);
        }
        results.rounds += 1;
    }
    Ok(results)
}

/// One slice of one case, and what the rest of the machine did meanwhile.
fn take_turn(pairs: &mut [Option<Pair>], index: usize, length: Duration, results: &mut Results) {
    let before = Usage::now(pairs, index);
    let Some(pair) = &mut pairs[index] else {
        return;
    };
    let turn = pair.turn(length);
    let after = Usage::now(pairs, index);
    results.foreign.total += after.machine.total - before.machine.total;
    let busy = after.machine.busy - before.machine.busy;
    results.foreign.busy += busy.saturating_sub(after.own - before.own);
    results.out_of_turn += after.others - before.others;
    match turn {
        Ok(turn) => results.outcomes[index].turns.push(turn),
        Err(failure) => {
            results.outcomes[index].failure = Some(failure);
            pairs[index] = None;
        }
    }
    if let Some(pair) = &pairs[index] {
        pair.settle();
    }
}

/// Who has used how much CPU time so far.
struct Usage {
    machine: Ticks,
    own: u64,
    others: u64,
}

impl Usage {
    fn now(pairs: &[Option<Pair>], turn: usize) -> Self {
        let mut usage = Self {
            machine: machine_ticks(),
            own: 0,
            others: 0,
        };
        for (index, pair) in pairs.iter().enumerate() {
            let ticks = pair.as_ref().map_or(0, Pair::ticks);
            if index == turn {
                usage.own += ticks;
            } else {
                usage.others += ticks;
            }
        }
        usage
    }
}
