//! **Serve Rust handlers to Go and Rust programs through shared memory.**
//!
//! ```no_run
//! use outrigger_server::{Error, Server, handler};
//!
//! fn main() -> Result<(), Error> {
//!     Server::builder()
//!         .handler("greet", handler::bytes(|_context, name| {
//!             Ok([b"hello ", name].concat())
//!         }))
//!         .bind("/tmp/greet.sock")?
//!         .run()
//! }
//! ```
//!
//! How a call walks through this crate:
//!
//! ```text
//!   request ring ─▶ poller ─▶ Intake (checks the copy) ─▶ registry ─▶ handler
//!   (client seg.)     │                                      │    inline │ worker pool
//!   return ring ──────┘                                      │           ▼
//!   reply ring ◀── Lane::answer  ◀────────── Completion ◀────┴──────── Reply
//!   (server seg.)   + doorbell
//! ```
//!
//! [`Server`] owns one control thread (sockets, timers), some pollers (rings)
//! and some workers (handlers that may block or are large). A session is one
//! client: its segments, lanes, buffers and bindings, all gone when it ends.

// The attributes name the crate `outrigger`, which re-exports this one: what they need
// of it is here, too, for the built-in methods.
extern crate self as outrigger;

mod attached;
mod attachment;
mod body;
mod builder;
mod builtin;
mod cli;
mod clock;
mod context;
mod control;
mod errno;
mod estate;
mod executor;
mod filled;
pub mod handler;
mod inherited;
mod lease;
mod ledger;
mod listener;
mod lock;
mod logging;
mod panic;
mod poller;
mod pool;
mod quota;
mod registry;
mod reply;
mod request;
mod scratch;
mod server;
mod service;
mod session;
mod sessions;
#[doc(hidden)]
pub mod stepping;
mod trust;
pub mod typed;

pub use attached::Attached;
pub use attachment::Attachment;
pub use builder::{Builder, Limits};
pub use builtin::schema as builtin_schema;
pub use cli::{ServeArgs, WaitArg, exit_code, usage};
pub use context::{Context, Peer};
pub use handler::{Answering, Handler, Placement};
pub use listener::BindError;
pub use logging::{LogLevel, init_logging};
pub use outrigger_layout::message::{Failure, Message};
pub use outrigger_layout::{Code, Codec, Error};
pub use outrigger_ringbuf::{CHUNK, Chunks, Policy};
pub use registry::Registry;
pub use reply::Reply;
pub use request::Request;
pub use server::{Server, ServerHandle, Stats};
pub use service::Service;
pub use sessions::{BufferCount, SessionStats};

#[doc(hidden)]
pub use outrigger_layout::message::Archived;

/// What the attributes' generated code names; not for direct use.
#[doc(hidden)]
pub mod __private {
    pub use crate::typed;
    pub use outrigger_layout::schema::node;
    pub use outrigger_layout::{message, schema};
    pub use rkyv;
}

/// Version of this crate, as `outrigger.version` and WELCOME tell it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
