//! **The ABI of Outrigger, stated once.**
//!
//! Every number that a Rust server and a Go (or other) client must agree on
//! stands in this crate and nowhere else: the Go constants, the C headers and
//! the tables of `ABI.md` are generated from it and checked fresh by
//! `cargo test`. The crate does no I/O and holds no state.
//!
//! ```text
//!   server segment (only Rust writes)        client segment (only Go writes)
//!   +-------------------------------+        +-------------------------------+
//!   | SegmentHeader                 |        | SegmentHeader                 |
//!   | RingDescriptor x ring_count   |        |                               |
//!   +-------------------------------+ 4096   +-------------------------------+ 4096
//!   | ConsumerControl of each ring  |        | ConsumerControl of each ring  |
//!   | that Rust reads               |        | that Go reads                 |
//!   +-------------------------------+        +-------------------------------+
//!   | slots of each ring that Rust  |        | slots of each ring that Go    |
//!   | writes: reply, grant, ...     |        | writes: request, return, ...  |
//!   +-------------------------------+        +-------------------------------+
//!   extents: one sealed memfd each, holding buffers for payloads too large
//!   for a slot; written by the side that owns the segment they belong to.
//! ```
//!
//! Modules, in the order a message meets them: [`frame`] (handshake and
//! control socket), [`segment`] and [`ring`] (where things lie), [`slot`]
//! (one message), [`buffer`] (large payloads), [`code`] and [`error`]
//! (outcomes), [`limits`] (bounds).

pub mod buffer;
pub mod code;
pub mod codec;
pub mod describe;
pub mod error;
pub mod frame;
pub mod generate;
pub mod limits;
pub mod message;
pub mod ring;
pub mod schema;
pub mod segment;
pub mod slot;

pub use code::Code;
pub use codec::Codec;
pub use error::Error;

#[cfg(not(target_endian = "little"))]
compile_error!("the Outrigger ABI is little-endian; big-endian targets are not supported");
