//! The sweep: the same payloads on each way, size after size, and its table.

use std::fmt::Write;

use crate::case::{Case, Driver, Placement};
use crate::pair::Turn;
use crate::report::{paired, quartiles};
use crate::rounds::{Outcome, Results};

/// Sizes in bytes.
pub const SIZES: [u64; 9] = [
    64,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    16 << 20,
    64 << 20,
];
/// Sizes between which handing over a buffer must cost alike.
pub const HAND_OVERS: [u64; 2] = [4 << 10, 64 << 20];
/// How much more the large one may cost.
const HAND_OVER_MAX: f64 = 1.3;
/// How much faster than the socket the bytes in place have to be at 1 MiB.
const SOCKET_MIN: f64 = 2.0;

/// Ways of a payload, each a column: its name, what answers, and what it is called.
const WAYS: [(&str, &[&str], &str); 5] = [
    ("unix", &["payload-unix"], "unix socket"),
    ("copied", SIDECAR, "`CallInto`"),
    ("inplace", SIDECAR, "`CallBuffer`"),
    ("trusted", TRUSTING, "the same, trusted"),
    ("attached", SIDECAR, "attached"),
];
const SIDECAR: &[&str] = &["payload", "--wait", "hybrid"];
const TRUSTING: &[&str] = &["payload", "--wait", "hybrid", "--in-place"];

/// The cases of a size, one for each way.
pub fn cases(size: u64) -> Vec<Case> {
    WAYS.iter()
        .map(|(way, peer, _)| case(way, peer, size))
        .collect()
}

/// The cases of hand-over, one for each size.
pub fn hand_overs() -> Vec<Case> {
    HAND_OVERS
        .iter()
        .map(|size| case("handover", SIDECAR, *size))
        .collect()
}

fn case(way: &str, peer: &'static [&'static str], size: u64) -> Case {
    Case {
        // A few dozen names, once in the life of the program.
        name: Box::leak(format!("payload-{way}-{size}").into_boxed_str()),
        driver: Driver::Go,
        peer: Some(peer),
        placement: Placement::Free,
    }
}

/// What a size gave.
#[derive(Debug)]
pub struct Row {
    size: u64,
    /// For each way.
    p50_ns: [f64; WAYS.len()],
    p99_ns: [f64; WAYS.len()],
    copied: [f64; WAYS.len()],
    /// The socket's p50 by that of each way, in the same round.
    gain: [f64; WAYS.len()],
}

impl Row {
    /// From the results of the cases of that size.
    ///
    /// # Errors
    /// What went wrong with one of them.
    pub fn new(size: u64, results: &Results) -> Result<Self, String> {
        let turns = turns(&results.outcomes)?;
        let [socket, ..] = turns[..] else {
            return Err("no case".to_owned());
        };
        let each = |of: fn(&Turn) -> f64| {
            let mut values = [f64::NAN; WAYS.len()];
            for (value, turns) in values.iter_mut().zip(&turns) {
                *value = quartiles(turns.iter().map(of).collect())[1];
            }
            values
        };
        let mut gain = [f64::NAN; WAYS.len()];
        for (gain, turns) in gain.iter_mut().zip(&turns) {
            *gain = quartiles(paired(socket, turns))[1];
        }
        Ok(Self {
            size,
            p50_ns: each(|turn| turn.slice.p50_ns),
            p99_ns: each(|turn| turn.slice.p99_ns),
            copied: each(|turn| turn.slice.copied),
            gain,
        })
    }
}

/// p50 of both hand-overs, and their ratio in the same round.
///
/// # Errors
/// What went wrong with one of them.
pub fn hand_over(results: &Results) -> Result<[f64; 3], String> {
    let turns = turns(&results.outcomes)?;
    let [small, large] = turns[..] else {
        return Err("no case".to_owned());
    };
    let p50 = |turns: &[Turn]| quartiles(turns.iter().map(|t| t.slice.p50_ns).collect())[1];
    Ok([p50(small), p50(large), quartiles(paired(large, small))[1]])
}

fn turns(outcomes: &[Outcome]) -> Result<Vec<&[Turn]>, String> {
    let each = outcomes.iter().map(|outcome| match &outcome.failure {
        Some(failure) => Err(format!("{}: {failure}", outcome.case.name)),
        None => Ok(&*outcome.turns),
    });
    each.collect()
}

/// The head of the table.
pub fn head() -> String {
    let mut text = String::from("| payload |");
    for (_, _, title) in WAYS {
        let _ = write!(text, " {title} p50 | p99 |");
    }
    text += " × | × | trusted × | attached × | bytes copied by Go |\n| ---: |";
    text += &" ---: |".repeat(2 * WAYS.len() + WAYS.len());
    text
}

/// A line of the table.
pub fn line(row: &Row) -> String {
    let mut text = format!("| {} |", size_text(row.size));
    for way in 0..WAYS.len() {
        let _ = write!(
            text,
            " {} | {} |",
            time(row.p50_ns[way]),
            time(row.p99_ns[way])
        );
    }
    for gain in &row.gain[1..] {
        let _ = write!(text, " {gain:.2} |");
    }
    let [_, copied, in_place, _, attached] = row.copied;
    let _ = write!(text, " {copied:.0}, {in_place:.0}, {attached:.0} |");
    text
}

/// What is promised, what is measured, and `met` or `missed`.
pub fn verdict(rows: &[Row], hand_over: [f64; 3]) -> String {
    let mut text = String::new();
    let mut say = |promise: &str, met: bool, seen: f64| {
        let verdict = if met { "met   " } else { "missed" };
        let _ = writeln!(text, "{promise:<66} {verdict}  {seen:.2}");
    };
    let [_, _, ratio] = hand_over;
    let promise = "hand-over: p50 of 64 MiB <= 1.3 x that of 4 KiB";
    say(promise, ratio <= HAND_OVER_MAX, ratio);
    if let Some(row) = rows.iter().find(|row| row.size == 1 << 20) {
        let promise = "1 MiB in place: throughput >= 2 x the socket's";
        say(promise, row.gain[2] >= SOCKET_MIN, row.gain[2]);
    }
    let least = rows.iter().map(|row| row.gain[2]).fold(f64::NAN, f64::min);
    say(
        "in place: ahead of the socket at every size",
        least > 1.0,
        least,
    );
    text
}

/// A number of bytes in the unit that suits it.
pub fn size_text(bytes: u64) -> String {
    match bytes {
        ..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Nanoseconds in the unit that suits them.
pub fn time(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e6 => format!("{:.1} µs", ns / 1e3),
        _ => format!("{:.2} ms", ns / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(SIZES.map(size_text)[..2], ["64 B", "1 KiB"]);
        assert_eq!(size_text(64 << 20), "64 MiB");
        assert_eq!(
            [250.0, 2500.0, 2.5e6].map(time),
            ["250 ns", "2.5 µs", "2.50 ms"]
        );
    }

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let mut names: Vec<_> = SIZES
            .into_iter()
            .flat_map(cases)
            .chain(hand_overs())
            .collect();
        names.sort_unstable_by_key(|case| case.name);
        assert!(names.windows(2).all(|pair| pair[0].name != pair[1].name));
    }
}
