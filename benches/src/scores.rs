//! From slices to the table of `bench-rkyv`, in Markdown, and its verdict.

use std::fmt::Write;

use crate::contest::{Format, Outcome, Row};
use crate::report::quartiles;
use crate::work::{Cost, Step};

/// What the columns of the three orders say above.
const HEADS: [&str; 3] = ["0.2 KB", "0.7 KB", "27 KB"];
/// Allocations per operation below which there are none: a runtime of its own makes a
/// few in a slice of thousands of operations.
const NO_ALLOCS: f64 = 0.01;
/// How much slower Go may be than rkyv itself.
const GO_MAX: f64 = 2.0;
/// How much faster it has to be than Protocol Buffers.
const PROTOBUF_MIN: f64 = 3.0;

/// The report of one run.
#[derive(Debug)]
pub struct Scores<'a> {
    outcome: &'a Outcome,
}

impl<'a> Scores<'a> {
    /// Of this outcome.
    pub const fn new(outcome: &'a Outcome) -> Self {
        Self { outcome }
    }

    /// The table: for each order time and ratio to Rust's rkyv in the same step, and
    /// what is allocated per operation.
    pub fn table(&self) -> String {
        let mut text = String::from("|");
        for head in HEADS {
            let _ = write!(text, " | {head} | ×");
        }
        text += " | allocations (bytes) |\n| ---";
        text += &" | ---:".repeat(2 * HEADS.len() + 1);
        text += " |\n";
        for row in &self.outcome.rows {
            let _ = write!(text, "| {}", row.title);
            for order in 0..HEADS.len() {
                let ratio = self.ratio(order, (row.step, row.format), (row.step, Format::Rust));
                let ns = median(&row.slices[order], |cost| cost.ns);
                let _ = write!(text, " | {} | {}", time(ns), short(ratio));
            }
            let _ = writeln!(text, " | {} |", allocated(row));
        }
        text
    }

    /// What is promised, what is measured, and `met` or `NOT met`.
    pub fn verdict(&self) -> String {
        let mut text = String::new();
        let mut line = |promise: &str, order: usize, seen: f64, met: bool| {
            let verdict = if met { "met    " } else { "NOT met" };
            let head = HEADS[order];
            let _ = writeln!(text, "{promise:<54} {head:<7} {verdict} {seen:.2}");
        };
        for (step, promise) in [
            (Step::Encode, "Go encode <= 2 x rkyv's to_bytes"),
            (Step::Check, "Go validate <= 2 x rkyv's access"),
        ] {
            for order in [1, 2] {
                let seen = self.ratio(order, (step, Format::Go), (step, Format::Rust));
                line(promise, order, seen, seen <= GO_MAX);
            }
        }
        for (step, promise) in [
            (Step::Encode, "Go encode: 0 allocations"),
            (Step::Check, "Go validate: 0 allocations"),
            (Step::Read, "Go read all: 0 allocations"),
        ] {
            for order in 0..HEADS.len() {
                let slices = &self.row(step, Format::Go).slices[order];
                let seen = median(slices, |cost| cost.allocs);
                line(promise, order, seen, seen < NO_ALLOCS);
            }
        }
        let whole = (Step::Whole, Format::Go);
        let seen = self.ratio(1, (Step::Whole, Format::Protobuf), whole);
        let promise = "protobuf >= 3 x Go's encode, validate and read all";
        line(promise, 1, seen, seen >= PROTOBUF_MIN);
        let missed = text.matches("NOT met").count();
        match missed {
            0 => text + "bench-rkyv: all met",
            _ => text + &format!("bench-rkyv: {missed} NOT met"),
        }
    }

    fn row(&self, step: Step, format: Format) -> &Row {
        let mut rows = self.outcome.rows.iter();
        rows.find(|row| row.step == step && row.format == format)
            .unwrap_or(&self.outcome.rows[0])
    }

    /// Median over the rounds of one row's time by another's.
    fn ratio(&self, order: usize, above: (Step, Format), below: (Step, Format)) -> f64 {
        let above = &self.row(above.0, above.1).slices[order];
        let below = &self.row(below.0, below.1).slices[order];
        let pairs = above.iter().zip(below);
        quartiles(pairs.map(|(above, below)| above.ns / below.ns).collect())[1]
    }
}

fn median(slices: &[Cost], of: fn(&Cost) -> f64) -> f64 {
    quartiles(slices.iter().map(of).collect())[1]
}

/// Nanoseconds as people read them.
fn time(ns: f64) -> String {
    match ns {
        ..10.0 => format!("{ns:.1} ns"),
        ..1e3 => format!("{ns:.0} ns"),
        ..1e5 => format!("{:.2} µs", ns / 1e3),
        _ => format!("{:.0} µs", ns / 1e3),
    }
}

fn short(ratio: f64) -> String {
    match ratio {
        ..10.0 => format!("{ratio:.1}"),
        _ => format!("{ratio:.0}"),
    }
}

/// Allocations and bytes of the three orders, or 0 if there are none.
fn allocated(row: &Row) -> String {
    let of = |slices: &Vec<Cost>| {
        let allocs = median(slices, |cost| cost.allocs);
        let bytes = median(slices, |cost| cost.bytes);
        match allocs {
            ..0.5 => "0".to_owned(),
            _ => format!("{allocs:.0} ({bytes:.0})"),
        }
    };
    let all = row.slices.each_ref().map(of);
    if all.iter().all(|text| text == "0") {
        return "0".to_owned();
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::rows;

    /// All rows take as long as `ns` says, and allocate as often as `allocs` says.
    fn outcome(ns: fn(Step, Format) -> f64, allocs: fn(Format) -> f64) -> Outcome {
        let mut rows = rows();
        for row in &mut rows {
            let cost = Cost {
                ns: ns(row.step, row.format),
                bytes: 8.0 * allocs(row.format),
                allocs: allocs(row.format),
                sum: 0,
            };
            // The machine was twice as slow in the second round.
            let slow = Cost {
                ns: 2.0 * cost.ns,
                ..cost
            };
            row.slices = [vec![cost, slow], vec![cost, slow], vec![cost, slow]];
        }
        Outcome {
            rows,
            lens: [1; 3],
            rounds: 2,
        }
    }

    #[test]
    fn what_is_slower_or_allocates_more_than_promised_is_not_met() {
        let none = |_: Format| 0.0;
        let good = outcome(
            |_, format| {
                if format == Format::Protobuf {
                    90.0
                } else {
                    30.0
                }
            },
            none,
        );
        let verdict = Scores::new(&good).verdict();
        assert_eq!(verdict.matches("met     ").count(), 14, "{verdict}");
        assert!(verdict.ends_with("\nbench-rkyv: all met"), "{verdict}");
        let slow = outcome(
            |_, format| if format == Format::Go { 61.0 } else { 30.0 },
            |_| 1.0,
        );
        let verdict = Scores::new(&slow).verdict();
        assert!(verdict.ends_with("\nbench-rkyv: 14 NOT met"), "{verdict}");
        assert!(verdict.contains("NOT met 2.03"), "{verdict}");
    }

    #[test]
    fn a_row_has_time_ratio_and_allocations_of_each_order() {
        let of = |step, format| match (step, format) {
            (Step::Encode, Format::Rust) => 40.0,
            (Step::Encode, Format::Go) => 60.0,
            _ => 20_000.0,
        };
        let outcome = outcome(of, |format| if format == Format::Json { 3.0 } else { 0.0 });
        let table = Scores::new(&outcome).table();
        let row = "| Go: encode | 90 ns | 1.5 | 90 ns | 1.5 | 90 ns | 1.5 | 0 |\n";
        assert!(table.contains(row), "{table}");
        let row = "| 30.00 µs | 500 | 3 (24), 3 (24), 3 (24) |\n";
        assert!(table.contains(row), "{table}");
        let widths = table.lines().map(|line| line.matches('|').count());
        assert!(widths.into_iter().all(|count| count == 9), "{table}");
    }
}
