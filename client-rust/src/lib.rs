//! **Call the methods of an Outrigger server through shared memory.**
//!
//! The reference client: the Go client (`client-go`) has the same parts by the
//! same names. `layout/ABI.md` is the protocol.
//!
//! ```no_run
//! use outrigger_client::Client;
//!
//! # fn main() -> Result<(), outrigger_client::Error> {
//! let client = Client::connect("unix:///run/app/bridge.sock")?;
//! let reply = client.call("outrigger.echo", b"hello").wait()?;
//! assert_eq!(reply.bytes(), b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! A [`Call`] blocks (`wait`) or is awaited (`.await`, on any runtime). A
//! [`Client`] is shared by cloning. Every failure is an [`Error`] with a
//! [`Code`] of one stable table.
//!
//! # A call's way
//!
//! ```text
//!   caller                                                        server process
//!   ──────                                                        ──────────────
//!   Call ─▶ Flight ─▶ binding: id of the name    (control socket: BIND ◀─▶ BOUND)
//!             │
//!             ├─▶ lane: credit ─▶ record
//!             │      └── publish CALL ════ request ring ═══════════▶ reads, runs
//!             │                            (client segment)              │
//!             │   large: returns ── ALLOC ═ return ring ═▶               │
//!             │          extents ◀═ GRANT ═ grant ring ══                │
//!             │                                                          │
//!             │   wait: spin, or sleep                                   │
//!             ▼                                                          │
//!          record ◀── inbox (token) ◀═══ reply ring ◀════════════════════┘
//!             │                          (server segment)
//!             └─▶ value copied out; large: RETURN; credit free
//!
//!   reader thread: pipe (the server rings), socket (frames, death), deadlines, belt
//! ```
//!
//! | file | what |
//! | --- | --- |
//! | `client`, `options`, `call`, `typed`, `payload`, `reply` | what users see |
//! | `connect`, `handshake`, `welcome`, `segments` | handshake, checks, mapping |
//! | `session` | what all threads share; its end |
//! | `request`, `flight`, `record`, `lane`, `credits`, `binding` | one call |
//! | `inbox`, `extents`, `returns` | what the server writes, and large payloads |
//! | `wait`, `parking`, `waiter`, `reader`, `belt`, `timers` | sleeping and waking |
//! | `control`, `frames` | the control socket |
//! | `storage`, `clock`, `stats`, `lock` | |
//!
//! # What is shared memory's business and what is not
//!
//! A server of our own uid or root's is let in, and then distrusted: whatever it
//! writes is copied once, checked, and ends the session with PROTOCOL if it is
//! wrong. No reference to shared memory is ever formed in this crate; it has no
//! `unsafe` code at all.

#![forbid(unsafe_code)]

mod agreement;
mod belt;
mod binding;
mod call;
mod client;
mod clock;
mod connect;
mod control;
mod credits;
mod extents;
mod flight;
mod frames;
mod handshake;
#[cfg(test)]
mod heap;
mod inbox;
mod lane;
mod lock;
mod options;
mod parking;
mod payload;
mod reader;
mod record;
mod reply;
mod request;
mod returns;
mod segments;
mod session;
mod stats;
mod stock;
mod storage;
mod timers;
mod typed;
mod wait;
mod waiter;
mod welcome;

pub use call::{Call, CallFuture};
pub use client::Client;
pub use options::Options;
pub use outrigger_layout::message::{Archive, ArchiveMemory, CallError};
pub use outrigger_layout::{Code, Codec, Error};
pub use outrigger_ringbuf::Policy;
pub use payload::Payload;
pub use reply::Reply;
pub use stats::Stats;
pub use typed::{TypedCall, TypedMethod};
