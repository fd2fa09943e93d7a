//! From slices to a table, `quick.json` and a verdict.

use std::fmt::Write;

use serde::Serialize;

use crate::case::FLOOR;
use crate::pair::Turn;
use crate::rounds::{Outcome, Results};

/// Allocations per call below which there are none: a runtime of its own makes a
/// few in a slice of some hundred thousand calls.
const NO_ALLOCS: f64 = 0.001;

/// One object of `quick.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name of the case.
    pub case: &'static str,
    /// Median over the slices of the slice's median round trip.
    pub p50_ns: f64,
    /// Median over the slices of the slice's 99th percentile.
    pub p99_ns: f64,
    /// Median over the slices.
    pub ops_per_s: f64,
    /// Both processes' allocations by calls, over all slices, to four digits.
    pub allocs_per_op: f64,
    /// The driver's part of it.
    #[serde(skip)]
    pub driver_allocs: f64,
    /// The peer's part of it.
    #[serde(skip)]
    pub peer_allocs: f64,
    /// p50 by the floor's of the same round: first quartile, median, third.
    #[serde(skip)]
    pub to_floor: [f64; 3],
}

/// The report of one run.
#[derive(Debug)]
pub struct Report<'a> {
    results: &'a Results,
    rows: Vec<Row>,
}

impl<'a> Report<'a> {
    /// Summarises.
    pub fn new(results: &'a Results) -> Self {
        let floor = turns(results, FLOOR);
        let rows = results.outcomes.iter();
        let rows = rows.filter(|outcome| !outcome.turns.is_empty());
        Self {
            results,
            rows: rows.map(|outcome| row(outcome, floor)).collect(),
        }
    }

    /// The rows of the cases that ran.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The table, with a line `not run: why` for what did not run.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<17} {:>9} {:>9} {:>8}  {:<13} {:>11} {:>7} {:>7}\n",
            "case", "p50 ns", "p99 ns", "x floor", "(quartiles)", "calls/s", "allocs", "of peer"
        );
        for outcome in &self.results.outcomes {
            if let Some(row) = self.row(outcome.case.name) {
                let [low, middle, high] = row.to_floor;
                let _ = writeln!(
                    text,
                    "{:<17} {:>9.0} {:>9.0} {:>8.2}  {:<13} {:>11.0} {:>7.4} {:>7.4}",
                    row.case,
                    row.p50_ns,
                    row.p99_ns,
                    middle,
                    format!("({low:.2}-{high:.2})"),
                    row.ops_per_s,
                    row.driver_allocs,
                    row.peer_allocs,
                );
            }
            if let Some(failure) = &outcome.failure {
                let _ = writeln!(text, "{:<17} not run: {failure}", outcome.case.name);
            }
        }
        text
    }

    /// What is promised, what is measured, and `met`, `missed` or `not run`.
    pub fn verdict(&self) -> String {
        let ratio = |slow, fast| self.ratio(slow, fast);
        let echo = "go-echo-spin";
        let mut text = String::new();
        let mut line = |promise: &str, seen: Option<f64>, met: fn(f64) -> bool| {
            let verdict = match seen {
                None => "not run".to_owned(),
                Some(seen) if met(seen) => format!("met     {seen:.2}"),
                Some(seen) => format!("missed  {seen:.2}"),
            };
            let _ = writeln!(text, "{promise:<58} {verdict}");
        };
        line("go-echo-spin p50 <= 1.8 x floor", ratio(echo, FLOOR), |x| {
            x <= 1.8
        });
        line(
            "unix-free p50 >= 8 x go-echo-spin",
            ratio("unix-free", echo),
            |x| x >= 8.0,
        );
        line(
            "unix-two-cpus p50 >= 50 x go-echo-spin",
            ratio("unix-two-cpus", echo),
            |x| x >= 50.0,
        );
        line(
            "go-typed-spin p50 <= 2 x floor",
            ratio("go-typed-spin", FLOOR),
            |x| x <= 2.0,
        );
        let none: fn(f64) -> bool = |allocs| allocs < NO_ALLOCS;
        for (promise, case) in [
            ("0 allocations per CallInto, both sides", echo),
            ("the same under a cancellable context", "go-echo-context"),
            ("the same from Rust", "rust-echo-spin"),
            ("0 allocations per typed call, both sides", "go-typed-spin"),
            ("the same from Rust, typed", "rust-typed-spin"),
        ] {
            line(promise, self.row(case).map(|row| row.allocs_per_op), none);
        }
        text
    }

    /// The list of rows in JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(&self.rows).unwrap_or_default() + "\n"
    }

    fn row(&self, case: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.case == case)
    }

    /// Median over the rounds of one case's p50 by another's.
    fn ratio(&self, above: &str, below: &str) -> Option<f64> {
        let quotients = paired(turns(self.results, above), turns(self.results, below));
        (!quotients.is_empty()).then(|| quartiles(quotients)[1])
    }
}

fn turns<'a>(results: &'a Results, case: &str) -> &'a [Turn] {
    let outcome = results
        .outcomes
        .iter()
        .find(|outcome| outcome.case.name == case);
    outcome.map_or(&[], |outcome| &outcome.turns)
}

fn row(outcome: &Outcome, floor: &[Turn]) -> Row {
    let turns = &outcome.turns;
    let median = |of: fn(&Turn) -> f64| quartiles(turns.iter().map(of).collect())[1];
    let calls = turns
        .iter()
        .map(|turn| turn.slice.calls)
        .sum::<u64>()
        .max(1) as f64;
    let driver: u64 = turns.iter().map(|turn| turn.slice.allocs).sum();
    let peer: u64 = turns.iter().map(|turn| turn.peer_allocs).sum();
    Row {
        case: outcome.case.name,
        p50_ns: rounded(median(|turn| turn.slice.p50_ns), 1),
        p99_ns: rounded(median(|turn| turn.slice.p99_ns), 1),
        ops_per_s: median(|turn| turn.slice.ops_per_s).round(),
        allocs_per_op: rounded((driver + peer) as f64 / calls, 4),
        driver_allocs: driver as f64 / calls,
        peer_allocs: peer as f64 / calls,
        to_floor: quartiles(paired(turns, floor)),
    }
}

/// The quotients of the p50 of the slices of each round. A case that failed has
/// fewer slices, from the first round on.
pub(crate) fn paired(above: &[Turn], below: &[Turn]) -> Vec<f64> {
    let pairs = above.iter().zip(below);
    pairs
        .map(|(above, below)| above.slice.p50_ns / below.slice.p50_ns.max(1.0))
        .collect()
}

/// First quartile, median and third quartile; NaN of nothing.
pub(crate) fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| {
        // Between two values in the middle: the mean of both, as usual for a median.
        let place = values.len().saturating_sub(1) * quarter;
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let part = (place % 4) as f64 / 4.0;
        at(place / 4) * (1.0 - part) + at(place.div_ceil(4)) * part
    })
}

fn rounded(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slice::Slice;

    fn turn(p50_ns: f64) -> Turn {
        Turn {
            slice: Slice {
                count: 1,
                p50_ns,
                p99_ns: 2.0 * p50_ns,
                ops_per_s: 1e9 / p50_ns,
                allocs: 0,
                calls: 1,
                copied: 0.0,
                clock_ns: 0.0,
            },
            peer_allocs: 0,
        }
    }

    #[test]
    fn quartiles_of_odd_and_even_counts() {
        assert_eq!(quartiles(vec![5.0, 1.0, 4.0, 2.0, 3.0]), [2.0, 3.0, 4.0]);
        assert_eq!(quartiles(vec![1.0, 2.0])[1], 1.5);
        assert_eq!(quartiles(vec![7.0]), [7.0; 3]);
        assert!(quartiles(Vec::new())[1].is_nan());
    }

    #[test]
    fn a_ratio_is_that_of_paired_slices() {
        // The machine was twice as slow in the second round; the ratio was not.
        let above = [turn(300.0), turn(600.0), turn(330.0)];
        let below = [turn(200.0), turn(400.0), turn(220.0)];
        for quotient in paired(&above, &below) {
            assert!((quotient - 1.5).abs() < 1e-9);
        }
    }
}
