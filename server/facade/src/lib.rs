//! **Outrigger: a Go program calls Rust in another process, through shared
//! memory.** This crate is what a project depends on; it re-exports the server,
//! with which a sidecar is written, and the client.
//!
//! A whole sidecar:
//!
//! ```no_run
//! use outrigger::{Server, handler};
//!
//! fn main() -> std::process::ExitCode {
//!     Server::builder()
//!         .handler("shout", handler::bytes(|_context, text| Ok(text.to_ascii_uppercase())))
//!         .cli()
//! }
//! ```
//!
//! Started as `sidecar serve --socket /tmp/shout.sock`, it answers Go programs
//! (module `github.com/outrigger-ipc/outrigger/client-go`), Rust programs
//! ([`Client`]) and the shell (`outrigger call --socket /tmp/shout.sock shout hi`).

pub use outrigger_client as client;
pub use outrigger_server as server;

pub use outrigger_client::Client;
pub use outrigger_server::{
    Code, Codec, Context, Error, Handler, Limits, Placement, Policy, Registry, Reply, Request,
    Server, ServerHandle, handler,
};
