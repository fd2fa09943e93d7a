//! **What a call costs, beside what the machine allows and what else there is.**
//!
//! `quick` (`src/bin/quick.rs`) is the orchestrator. Every case of
//! [`cases`](case::cases) has a *driver*, a child process that makes calls one
//! after another and times each, and mostly a *peer*, a child process that
//! answers them:
//!
//! ```text
//!   quick ──"run 100"──▶ driver ◀── memory or socket ──▶ peer ◀──"allocations"── quick
//!         ◀───Slice────                                       ───────u64──────▶
//!
//!   time ─▶ | floor | go-echo-spin | … | raw-sync-event | floor | go-echo-spin | …
//!             one slice of 100 ms each: a round           the next round
//! ```
//!
//! Machines drift (clock, neighbours, host): only what was measured in one round
//! is comparable. So a ratio is the median over rounds of the quotient of the two
//! slices of that round, and never a quotient of two medians.
//!
//! One method for all, in Rust ([`slice`](mod@slice)) and in Go (`go/measure`): one
//! call at a time, the clock read before and after it, the cost of one reading
//! subtracted.

pub mod case;
pub mod child;
pub mod contest;
pub mod counting;
pub mod echo;
pub mod floor;
pub mod idle;
pub mod machine;
pub mod order;
pub mod pair;
pub mod payload;
pub mod programs;
pub mod raw_sync_event;
pub mod report;
pub mod role;
pub mod rounds;
pub mod scores;
pub mod settings;
pub mod slice;
pub mod sweep;
pub mod typed;
pub mod unix;
pub mod work;
