//! What the figures depend on, printed beside them.

use outrigger_layout::limits::SLOT_STRIDE;
use outrigger_ringbuf::{HYBRID_MAX, SPIN_MAX};

use crate::case::{Driver, FLOOR_DRIVER};
use crate::floor::{LINE_STRIDE, LINES};
use crate::machine;
use crate::rounds::{Plan, Results};
use crate::slice::{PAYLOAD_LEN, Slice, WARM_UP};

/// Above this part of the CPUs' time, what others used makes the figures noisy.
const FOREIGN_MAX: f64 = 0.02;
/// Above this load average before the run likewise.
const LOAD_MAX: f64 = 0.5;

/// All settings, one line each. `load` is that of before the run.
pub fn lines(plan: &Plan, results: &Results, load: f64) -> Vec<String> {
    let [first, second] = machine::two_cpus().unwrap_or_default();
    let mut lines = machine::describe();
    lines.extend([
        format!(
            "waiting  both sides alike: spin looks for {} ms, hybrid for up to {} us, then sleep",
            SPIN_MAX.as_millis(),
            HYBRID_MAX.as_micros()
        ),
        format!(
            "pinning  floor: two threads, on CPUs {first} and {second}; \
             echo: the calling thread on \
             CPU {first}, the poller on CPU {second}"
        ),
        format!(
            "         unix-two-cpus: all of Go on CPU {first}, of Rust on CPU {second}; *-free, \
             cgo, raw-sync, inflight: nothing is pinned"
        ),
        format!(
            "memory   slots {SLOT_STRIDE} bytes apart; floor: {LINES} lines per direction, \
             {LINE_STRIDE} bytes apart"
        ),
        format!("payload  {PAYLOAD_LEN} bytes each way, different in each call, all compared"),
        format!(
            "method   {} rounds of slices of {} ms, each after {} ms of warm-up; one call at a \
             time, timed one by one",
            results.rounds,
            plan.slice.as_millis(),
            WARM_UP.as_millis()
        ),
        format!(
            "clock    one reading subtracted from each sample: Rust {:.1} ns, Go {:.1} ns",
            clock_of(results, |driver| matches!(driver, Driver::Rust(_))),
            clock_of(results, |driver| matches!(driver, Driver::Go)),
        ),
        "figures  p50, p99, calls/s: median over slices; x floor: median over rounds of p50 by the \
         floor's p50 of the same round"
            .to_owned(),
        floor_range(results),
    ]);
    lines.extend(noise(results, load));
    lines
}

/// How far the floor itself moved: what this machine is like changes while one
/// looks, above all on a virtual one.
fn floor_range(results: &Results) -> String {
    let p50 = values(
        results,
        |driver| *driver == FLOOR_DRIVER,
        |slice| slice.p50_ns,
    );
    let at = |index: usize| p50.get(index).copied().unwrap_or_default();
    let (least, most) = (at(0), at(p50.len().saturating_sub(1)));
    format!("floor    its p50 went from {least:.0} to {most:.0} ns during the run")
}

/// What else ran.
fn noise(results: &Results, load: f64) -> Vec<String> {
    let foreign = results.foreign.busy as f64 / results.foreign.total.max(1) as f64;
    let mut lines = vec![format!(
        "load     {load:.2} before; {:.1} % of the CPUs' time in the slices went to others; {} \
         ticks to children out of turn",
        foreign * 100.0,
        results.out_of_turn
    )];
    if load > LOAD_MAX || foreign > FOREIGN_MAX {
        lines.push("NOISY    other programs ran: these figures say little".to_owned());
    }
    lines
}

/// The median of what the drivers of a kind subtracted from each sample.
fn clock_of(results: &Results, kind: impl Fn(&Driver) -> bool) -> f64 {
    let costs = values(results, kind, |slice| slice.clock_ns);
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// What the slices of some drivers say, sorted, without zeros.
fn values(results: &Results, drivers: impl Fn(&Driver) -> bool, of: fn(&Slice) -> f64) -> Vec<f64> {
    let outcomes = results.outcomes.iter();
    let mut values: Vec<f64> = outcomes
        .filter(|outcome| drivers(&outcome.case.driver))
        .flat_map(|outcome| outcome.turns.iter().map(|turn| of(&turn.slice)))
        .filter(|value| *value > 0.0)
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}
