//! The differential test of rkyv for Go: what Rust's side of it is made of.
//!
//! ```text
//!   seed ─▶ source ─▶ random types ─▶ cargo build ─▶ program
//!                                                       │
//!   program stream ── values, mutants, rkyv's verdicts ─▶ Go judges them, too,
//!   program accept ◀── archives that Go wrote ────────── and reads, and writes
//! ```
//!
//! A program is made of a list of [`Kind`]s: by [`program!`] of types that are
//! messages, by hand of others (`src/fixtures`). The command `differential` makes
//! programs, builds them, and lets them run against Go.

// What the attributes' generated code names, so that types here may bear them.
extern crate self as outrigger;

mod accept;
pub mod census;
mod frames;
pub mod hostile;
mod kind;
mod list;
mod mutant;
mod package;
mod part;
pub mod program;
mod random;
mod sample;
pub mod schema;
pub mod source;
mod stream;
mod words;

pub use kind::{Judged, Kind, archive_of, judge};
pub use list::{Entries, Members};
pub use outrigger_derive::message;
pub use outrigger_layout::Error;
pub use outrigger_layout::message::{Archived, Message};
pub use random::Random;
pub use sample::Sample;

/// What the attributes' generated code names; not for direct use.
#[doc(hidden)]
pub mod __private {
    pub use outrigger_layout::schema::node;
    pub use outrigger_layout::{message, schema};
    pub use rkyv;
}
