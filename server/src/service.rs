//! Services: methods that are registered together.

use std::sync::Arc;

use crate::handler::Handler;

/// The handlers of an implementation of a service's trait.
///
/// `#[outrigger::service]` on a trait `Greeter` makes `GreeterServer`, which
/// implements this; it is not for implementing by hand.
///
/// ```
/// use outrigger_server::{Error, Registry, Service};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// #[outrigger::service]
/// pub trait Greeter {
///     fn greet(&self, person: &outrigger::Archived<Person>) -> Result<Greeting, Error>;
/// }
///
/// struct Polite;
///
/// impl Greeter for Polite {
///     fn greet(&self, person: &outrigger::Archived<Person>) -> Result<Greeting, Error> {
///         Ok(Greeting { text: format!("good day, {}", person.name) })
///     }
/// }
///
/// assert_eq!(GreeterServer::new(Polite).handlers().len(), 1);
/// let registry = Registry::default(); // while a server runs, its `registry()`
/// registry.register_service(GreeterServer::new(Polite))?;
/// assert_eq!(registry.list(), ["greeter.greet"]);
/// # Ok::<(), Error>(())
/// ```
pub trait Service {
    /// One handler for each method; each knows its method.
    fn handlers(self) -> Vec<Arc<dyn Handler>>;
}
