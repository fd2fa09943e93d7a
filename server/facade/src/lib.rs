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
//!
//! # Typed
//!
//! [`message`](macro@message) makes a message of a type, [`service`](macro@service)
//! a service of a trait; `outrigger gen go` writes the Go of it. Messages cross as
//! rkyv archives, validated before the handler sees them.
//!
//! ```
//! use outrigger::{Archived, Error, Server};
//!
//! /// Whom to greet.
//! #[outrigger::message]
//! pub struct Person {
//!     pub name: String,
//!     pub age: u8,
//! }
//!
//! #[outrigger::message]
//! pub struct Greeting {
//!     pub text: String,
//! }
//!
//! #[outrigger::service]
//! pub trait Greeter {
//!     /// Greets a person.
//!     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error>;
//! }
//!
//! struct Polite;
//!
//! impl Greeter for Polite {
//!     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error> {
//!         Ok(Greeting { text: format!("good day, {}", person.name) })
//!     }
//! }
//!
//! let builder = Server::builder().service(GreeterServer::new(Polite));
//! assert!(builder.registry().list().contains(&"greeter.greet".to_owned()));
//! ```
//!
//! From Rust it is called so:
//!
//! ```no_run
//! # use outrigger::{Archived, Error};
//! # #[outrigger::message] pub struct Person { pub name: String, pub age: u8 }
//! # #[outrigger::message] pub struct Greeting { pub text: String }
//! # #[outrigger::service]
//! # pub trait Greeter {
//! #     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error>;
//! # }
//! # async fn call() -> Result<(), Error> {
//! let greeter = GreeterClient::new(outrigger::Client::connect("/tmp/greeter.sock")?);
//! let person = Person { name: "Ada".to_owned(), age: 36 };
//! let greeting = greeter.greet(&person).wait()?; // blocks
//! assert_eq!(greeting.text, "good day, Ada");
//! let greeting = greeter.greet(&person).await?.load()?; // or does not
//! # Ok(())
//! # }
//! ```
//!
//! What cannot cross does not compile. A type that is no message:
//!
//! ```compile_fail
//! struct Plain;
//! #[outrigger::message]
//! struct Wrapper { plain: Plain }
//! ```
//!
//! Elements of no size, of which a few bytes could claim billions:
//!
//! ```compile_fail
//! #[outrigger::message]
//! struct Empty {}
//! #[outrigger::message]
//! struct Crowd { members: Vec<Empty> }
//! ```
//!
//! A method's error that has no text for people:
//!
//! ```compile_fail
//! use outrigger::Archived;
//! #[outrigger::message]
//! #[derive(Debug)]
//! struct Refused { reason: u8 }
//! #[outrigger::service]
//! trait Greeter {
//!     fn greet(&self) -> Result<(), Refused>;
//! }
//! ```

// The attributes name this crate; so may its own examples in documentation.
extern crate self as outrigger;

pub mod generate;

pub use outrigger_client as client;
pub use outrigger_server as server;

pub use outrigger_client::{Archive, Client};
pub use outrigger_derive::{message, service};
pub use outrigger_layout::message::Archived;
pub use outrigger_server::{
    Attached, Attachment, CHUNK, Chunks, Code, Codec, Context, Error, Failure, Handler, Limits,
    Message, Placement, Policy, Registry, Reply, Request, Server, ServerHandle, Service, handler,
};

/// What the attributes' generated code names; not for direct use.
#[doc(hidden)]
pub use outrigger_server::__private;
