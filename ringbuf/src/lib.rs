//! **A lock-free ring between two processes, and what wakes its reader.**
//!
//! One producer, one consumer, fixed slots. The lap tag of a slot is its
//! publication word, so that a small message moves one cache line:
//!
//! ```text
//!   producer's segment (the consumer maps it read-only or distrusts it)
//!   +--------------+--------------+--------------+---
//!   | lap | header | lap | header | lap | header | ...    capacity slots
//!   |    payload   |    payload   |    payload   |
//!   +--------------+--------------+--------------+---
//!        ^ head: next to read          ^ tail: next to write   (both private)
//!
//!   consumer's segment
//!   +----------+-------------+
//!   | position | event index |    written by the consumer, read by the producer
//!   +----------+-------------+
//! ```
//!
//! The ring makes no system call: [`Producer::publish`] *says* whether the
//! doorbell must be rung, [`Consumer::arm`] *says* whether it is safe to sleep.
//! Mapping, sealing, fd passing and the doorbells stand beside it.
//!
//! # Orderings
//!
//! Every ordering has a partner, a loom model in `tests/loom.rs`, and a mutant
//! there that must fail.
//!
//! | pair | writer | reader | what it orders |
//! | --- | --- | --- | --- |
//! | P1 | `Producer::publish`: lap, release | `Consumer::peek`: lap, then fence(acquire) | slot content before its publication |
//! | P2 | `Consumer::release`: position, release | `Producer::refresh`: position, then fence(acquire) | the consumer's reads before the slot is written again |
//! | P3 | `Producer::publish`: lap, fence(SeqCst), event index | `Consumer::arm`: event index, fence(SeqCst), lap | no message stays unseen while its reader sleeps |
//! | P4 | `Closing::close`: flag, release, then the doorbell | `Closing::is_closed`: flag, acquire | all messages before the close are drained after it is seen |
//!
//! An acquire *load* of memory that is mapped read-only is undefined in Rust
//! (`core::sync::atomic`, "Atomic accesses to read-only memory"); a relaxed load
//! followed by an acquire fence is not. ThreadSanitizer does not understand the
//! fence, so under `--cfg outrigger_tsan` the load itself is acquire.

mod bell;
mod chunks;
mod closing;
mod consumer;
mod control;
mod mapping;
mod memfd;
mod memory;
mod producer;
mod spin;
pub mod sync;
mod uid;
mod view;
mod watch;

pub use bell::{ClientBell, ServerBell};
pub use chunks::{CHUNK, Chunks};
pub use closing::{Closing, Flag};
pub use consumer::{Consumer, Corrupt};
pub use control::{Frame, FrameError, FrameReader, receive, send};
pub use mapping::{MapError, Mapping};
pub use memfd::{Role, clear_segment, create_segment, map_received};
pub use memory::{Memory, Orders};
pub use producer::{Producer, ReserveError};
pub use spin::{Budget, HYBRID_MAX, Policy, SPIN_MAX};
pub use uid::is_private_uid;
pub use view::RingView;
pub use watch::Watch;
