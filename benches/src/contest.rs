//! `bench-rkyv`: archives in Rust and in Go, and what else writes messages in Go, over
//! the same orders.
//!
//! ```text
//!   bench-rkyv ──"run json whole 16 20"──▶ go-rkyv      one slice of 20 ms
//!        │     ◀──────── Cost ────────────
//!        └ Work (Rust, in this process)                 one slice of 20 ms
//!
//!   time ─▶ | rust encode | go encode | protobuf encode | …  all rows: a round
//! ```
//!
//! As in [`rounds`](crate::rounds): only what was measured in one round is compared.

use std::time::{Duration, Instant};

use crate::child::Child;
use crate::order::Order;
use crate::work::{Cost, Step, Work};

/// Items of the orders: about 0.2, 0.7 and 27 KB as archives.
pub const ITEMS: [u32; 3] = [2, 16, 1000];

/// Who writes or reads a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// rkyv itself.
    Rust,
    /// rkyv in Go.
    Go,
    /// google.golang.org/protobuf.
    Protobuf,
    /// github.com/google/flatbuffers/go.
    FlatBuffers,
    /// encoding/json.
    Json,
}

impl Format {
    /// Its name in lines to the Go half; none for what runs here.
    ///
    /// ```
    /// use outrigger_benches::contest::Format;
    /// assert_eq!(Format::Go.name(), Some("rkyv"));
    /// assert_eq!(Format::Rust.name(), None);
    /// ```
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Rust => None,
            Self::Go => Some("rkyv"),
            Self::Protobuf => Some("protobuf"),
            Self::FlatBuffers => Some("flatbuffers"),
            Self::Json => Some("json"),
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is done.
    pub step: Step,
    /// By whom.
    pub format: Format,
    /// What the reader of the table is told.
    pub title: &'static str,
    /// For each of [`ITEMS`] the slices, one per round.
    pub slices: [Vec<Cost>; 3],
}

/// All rows, in the order of a round: those that are compared stand together.
///
/// ```
/// let rows = outrigger_benches::contest::rows();
/// assert_eq!(rows[1].title, "Go: encode");
/// ```
pub fn rows() -> Vec<Row> {
    use Format::{FlatBuffers, Go, Json, Protobuf, Rust};
    use Step::{Check, Decode, Encode, Read, Whole};
    #[rustfmt::skip]
    let rows = [
        (Encode, Rust,        "Rust: to_bytes"),
        (Encode, Go,          "Go: encode"),
        (Encode, Protobuf,    "protobuf: marshal"),
        (Encode, FlatBuffers, "FlatBuffers: build"),
        (Encode, Json,        "encoding/json: encode"),
        (Check,  Rust,        "Rust: access, validated"),
        (Check,  Go,          "Go: validate"),
        (Read,   Rust,        "Rust: read all in place"),
        (Read,   Go,          "Go: read all in place"),
        (Read,   FlatBuffers, "FlatBuffers: read all in place, unvalidated"),
        (Decode, Rust,        "Rust: access and deserialize"),
        (Decode, Go,          "Go: validate and load"),
        (Decode, Protobuf,    "protobuf: unmarshal"),
        (Decode, FlatBuffers, "FlatBuffers: unpack, unvalidated"),
        (Decode, Json,        "encoding/json: unmarshal"),
        (Whole,  Rust,        "Rust: to_bytes, access, read all"),
        (Whole,  Go,          "Go: encode, validate, read all"),
        (Whole,  Protobuf,    "protobuf: marshal, unmarshal, read all"),
        (Whole,  FlatBuffers, "FlatBuffers: build, read all, unvalidated"),
        (Whole,  Json,        "encoding/json: encode, unmarshal, read all"),
    ];
    let row = |(step, format, title)| Row {
        step,
        format,
        title,
        slices: Default::default(),
    };
    rows.into_iter().map(row).collect()
}

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Length of a slice.
    pub slice: Duration,
    /// Rounds at most; at least one is run.
    pub rounds_max: usize,
    /// When no further round begins.
    pub time_max: Duration,
}

/// What a run gave.
#[derive(Debug)]
pub struct Outcome {
    /// The rows, with their slices.
    pub rows: Vec<Row>,
    /// Bytes of each archive, which both languages wrote alike.
    pub lens: [usize; 3],
    /// Rounds completed.
    pub rounds: usize,
}

/// Runs all rows in turns.
///
/// # Errors
/// What the Go half says; archives or sums that differ.
pub fn run(mut go: Child, plan: &Plan) -> Result<Outcome, String> {
    let mut works = ITEMS.map(|items| Work::new(Order::of(items)));
    let mut outcome = Outcome {
        rows: rows(),
        lens: [0; 3],
        rounds: 0,
    };
    for (index, work) in works.iter().enumerate() {
        outcome.lens[index] = same_archive(work.as_ref()?, ITEMS[index], &mut go)?;
    }
    let begin = Instant::now();
    while outcome.rounds == 0 || outcome.rounds < plan.rounds_max && begin.elapsed() < plan.time_max
    {
        for (index, work) in works.iter_mut().enumerate() {
            let work = work.as_mut().map_err(|error| error.clone())?;
            round(&mut outcome.rows, index, work, &mut go, plan.slice)?;
        }
        outcome.rounds += 1;
    }
    Ok(outcome)
}

/// One slice of each row with one order.
fn round(
    rows: &mut [Row],
    index: usize,
    work: &mut Work,
    go: &mut Child,
    slice: Duration,
) -> Result<(), String> {
    let mut wanted = None;
    for row in rows {
        let cost = match row.format.name() {
            None => work.measure(row.step, slice)?,
            Some(format) => asked(go, format, row.step, ITEMS[index], slice)?,
        };
        let wanted = *wanted.get_or_insert(cost.sum);
        if cost.sum != wanted {
            let Row { title, .. } = row;
            return Err(format!("{title}: sum {} (allowed: {wanted})", cost.sum));
        }
        row.slices[index].push(cost);
    }
    Ok(())
}

fn asked(
    go: &mut Child,
    format: &str,
    step: Step,
    items: u32,
    slice: Duration,
) -> Result<Cost, String> {
    let (step, millis) = (step.name(), slice.as_millis());
    let answer = go.ask(&format!("run {format} {step} {items} {millis}"))?;
    serde_json::from_str(&answer).map_err(|error| format!("{answer}: {error}"))
}

/// The length of the order's archive, which the Go half must write alike.
fn same_archive(work: &Work, items: u32, go: &mut Child) -> Result<usize, String> {
    let digits = |byte: &u8| format!("{byte:02x}");
    let ours: String = work.archive().iter().map(digits).collect();
    if go.ask(&format!("archive {items}"))? != ours {
        return Err(format!("order of {items} items: Go writes another archive"));
    }
    Ok(work.archive().len())
}
