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
//! | `buffer`, `placed`, `allocation`, `trust` | the same, of large values and attachments |
//! | `connect`, `handshake`, `welcome`, `segments` | handshake, checks, mapping |
//! | `session` | what all threads share; its end |
//! | `request`, `parcel`, `binding`, `turn`, `credits`, `lane` | one call, until it is sent |
//! | `flight`, `boarding`, `record`, `landing` | the same, its states |
//! | `inbox`, `returns` | what the server writes, and what it is told beside calls |
//! | `extents`, `lease`, `leases`, `stock`, `asking`, `wanted` | buffers |
//! | `journey`, `wait`, `polled` | waiting, by a caller that blocks or a task |
//! | `parking`, `waiter`, `reader`, `belt`, `timers` | sleeping and waking |
//! | `control`, `frames` | the control socket |
//! | `memory`, `spares`, `storage`, `clock`, `stats`, `lock` | |
//!
//! # What is shared memory's business and what is not
//!
//! A server of our own uid or root's is let in, and then distrusted: whatever it
//! writes is copied once, checked, and ends the session with PROTOCOL if it is
//! wrong. No reference to shared memory is ever formed in this crate, but by the two
//! `unsafe` functions of [`Buffer`] and where the program has promised that the server
//! leaves its replies alone ([`Options::trust_server_in_place`]).

mod agreement;
mod allocation;
mod answer;
mod asking;
mod belt;
mod binding;
mod boarding;
mod buffer;
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
mod journey;
mod landing;
mod lane;
mod lease;
mod leases;
mod lock;
mod memory;
mod method;
mod options;
mod parcel;
mod parking;
mod payload;
mod placed;
mod polled;
mod reader;
mod record;
mod reply;
mod request;
mod returns;
mod segments;
mod session;
mod spares;
mod stats;
mod stock;
mod storage;
mod timers;
mod trust;
mod turn;
mod typed;
mod wait;
mod waiter;
mod wanted;
mod welcome;

pub use allocation::{Allocation, AllocationFuture};
pub use buffer::Buffer;
pub use call::{Call, CallFuture};
pub use client::Client;
pub use memory::BufferInfo;
pub use method::TypedMethod;
pub use options::Options;
pub use outrigger_layout::message::{Archive, ArchiveMemory, CallError};
pub use outrigger_layout::{Code, Codec, Error};
pub use outrigger_ringbuf::{Chunks, Policy};
pub use payload::Payload;
pub use placed::{PlacedFuture, PlacedReply};
pub use reply::Reply;
pub use stats::Stats;
pub use typed::TypedCall;
