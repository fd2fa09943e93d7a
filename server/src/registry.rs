//! Named handlers: register, replace, unregister, count, list, at any time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use outrigger_layout::limits::METHOD_NAME_MAX;
use outrigger_layout::schema::{Document, UNTYPED};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::sync::{AtomicU64, Ordering};

use crate::handler::Handler;
use crate::service::Service;

/// Prefix of the names that are the server's own.
pub(crate) const RESERVED_PREFIX: &str = "outrigger.";

/// The handlers of a server, by name. Shared and changed while it serves.
///
/// Replacing or removing a handler lets its calls in flight finish. The registry
/// runs no user code under its lock, so it is never poisoned.
///
/// ```
/// use outrigger_server::{Registry, handler};
/// let registry = Registry::default();
/// registry.register("twice", handler::bytes(|_, bytes| Ok(bytes.repeat(2))))?;
/// assert_eq!(registry.count(), 1);
/// assert!(registry.unregister("twice"));
/// assert!(!registry.unregister("twice"));
/// # Ok::<(), outrigger_server::Error>(())
/// ```
#[derive(Default)]
pub struct Registry {
    handlers: RwLock<Handlers>,
    /// Counts changes, so that a cached look-up can be trusted without a lock.
    generation: AtomicU64,
}

type Handlers = BTreeMap<String, Versions>;

/// What is registered under one name.
#[derive(Clone, Default)]
struct Versions {
    /// What answers calls without a fingerprint, and is asked first.
    main: Option<Arc<dyn Handler>>,
    /// What answers calls that only it takes, with its own fingerprint.
    beside: Vec<([u8; 16], Arc<dyn Handler>)>,
}

impl Versions {
    /// The handler for what a client asks for: the one that has this very fingerprint,
    /// else one that accepts it, else any, which then says what it is.
    fn pick(self, asked: &[u8; 16]) -> Option<Arc<dyn Handler>> {
        if *asked == UNTYPED || self.beside.is_empty() {
            return self.main;
        }
        let beside = self.beside.into_iter().map(|(_, handler)| handler);
        let all: Vec<_> = self.main.into_iter().chain(beside).collect();
        let exact = all.iter().find(|handler| handler.fingerprint() == *asked);
        let fits = || all.iter().find(|handler| handler.accepts(asked));
        exact.or_else(fits).or(all.first()).cloned()
    }
}

/// Checks a method name: 1 to 255 bytes.
///
/// # Errors
/// NULL_POINTER for an empty one, INVALID_ARGUMENT for one too long.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::with_details(Code::NULL_POINTER, &[]));
    }
    if name.len() as u64 > METHOD_NAME_MAX {
        let len = name.len();
        let text = format!("method name of {len} bytes (maximum {METHOD_NAME_MAX})");
        return Err(Error::invalid_argument(text));
    }
    Ok(())
}

fn reserved(name: &str) -> Error {
    let text = format!("method name {name:?} (the prefix {RESERVED_PREFIX} is reserved)");
    Error::invalid_argument(text)
}

impl Registry {
    /// Registers `handler` under `name`; returns true if it replaced another.
    ///
    /// # Errors
    /// NULL_POINTER for an empty name; INVALID_ARGUMENT for one longer than 255
    /// bytes or in the reserved namespace `outrigger.`.
    pub fn register(&self, name: &str, handler: impl Handler) -> Result<bool, Error> {
        if name.starts_with(RESERVED_PREFIX) {
            return Err(reserved(name));
        }
        self.insert(name, Arc::new(handler))
    }

    /// Registers every method of a service; returns how many replaced another.
    ///
    /// # Errors
    /// As [`Registry::register`]; the methods before the wrong one are registered.
    pub fn register_service(&self, service: impl Service) -> Result<usize, Error> {
        let mut replaced = 0;
        for handler in service.handlers() {
            let name = handler.method().map_or("", |method| method.name);
            if name.starts_with(RESERVED_PREFIX) {
                return Err(reserved(name));
            }
            replaced += usize::from(self.insert(name, handler)?);
        }
        Ok(replaced)
    }

    /// Registers a handler whose name nobody else has: what a builder is told before
    /// anything runs is replaced by mistake only.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a name that is empty, too long, reserved or taken.
    pub(crate) fn add(&self, name: &str, handler: Arc<dyn Handler>) -> Result<(), Error> {
        if name.is_empty() {
            let text = format!("empty method name (allowed: 1 to {METHOD_NAME_MAX} bytes)");
            return Err(Error::invalid_argument(text));
        }
        if name.starts_with(RESERVED_PREFIX) {
            return Err(reserved(name));
        }
        if self.insert(name, handler)? {
            let text = format!("method {name} is registered twice");
            return Err(Error::invalid_argument(text));
        }
        Ok(())
    }

    /// Registers every method of another version of a service, beside the methods of
    /// those names; returns how many replaced one of the same messages that was beside
    /// them before. A client gets the version whose fingerprint it asks for. Calls
    /// without a fingerprint, the schema, and methods that did not change stay with
    /// what was registered by [`Registry::register_service`], before or after.
    ///
    /// It is for a change that older clients cannot follow: both versions are served
    /// until the last of these is gone.
    ///
    /// ```
    /// use outrigger_server::{Error, Registry};
    /// # #[outrigger::message] pub struct Greeting { pub text: String }
    /// # mod old {
    /// #     #[outrigger::service]
    /// #     pub trait Greeter {
    /// #         fn greet(&self) -> Result<(), outrigger_server::Error>;
    /// #     }
    /// # }
    /// # #[outrigger::service]
    /// # pub trait Greeter {
    /// #     fn greet(&self) -> Result<Greeting, Error>;
    /// # }
    /// # struct Polite;
    /// # impl old::Greeter for Polite {
    /// #     fn greet(&self) -> Result<(), Error> { Ok(()) }
    /// # }
    /// # impl Greeter for Polite {
    /// #     fn greet(&self) -> Result<Greeting, Error> { Ok(Greeting { text: String::new() }) }
    /// # }
    /// let registry = Registry::default();
    /// registry.register_service(GreeterServer::new(Polite))?;
    /// registry.register_service_beside(old::GreeterServer::new(Polite))?;
    /// assert_eq!(registry.list(), ["greeter.greet"]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Registry::register`], and INVALID_ARGUMENT for a method without a
    /// fingerprint; the methods before the wrong one are registered.
    pub fn register_service_beside(&self, service: impl Service) -> Result<usize, Error> {
        let mut replaced = 0;
        for handler in service.handlers() {
            let name = handler.method().map_or("", |method| method.name);
            let fingerprint = handler.fingerprint();
            if name.starts_with(RESERVED_PREFIX) {
                return Err(reserved(name));
            }
            check_name(name)?;
            if fingerprint == UNTYPED {
                let text = format!("method {name} beside another (it has no fingerprint)");
                return Err(Error::invalid_argument(text));
            }
            let former = self.write(|handlers| {
                let beside = &mut handlers.entry(name.to_owned()).or_default().beside;
                let same = beside.iter().position(|(other, _)| *other == fingerprint);
                let former = same.map(|index| beside.remove(index));
                beside.push((fingerprint, handler));
                former
            });
            replaced += usize::from(former.is_some());
        }
        Ok(replaced)
    }

    /// The schema of all typed methods that are registered now, but for the server's own:
    /// these are in [`builtin_schema`](crate::builtin_schema).
    ///
    /// ```
    /// use outrigger_server::Registry;
    /// # #[outrigger::service]
    /// # pub trait Greeter {
    /// #     fn greet(&self) -> Result<(), outrigger_server::Error>;
    /// # }
    /// # struct Polite;
    /// # impl Greeter for Polite {
    /// #     fn greet(&self) -> Result<(), outrigger_server::Error> { Ok(()) }
    /// # }
    /// let registry = Registry::default();
    /// registry.register_service(GreeterServer::new(Polite))?;
    /// assert_eq!(registry.schema().services[0].methods[0].name, "greet");
    /// # Ok::<(), outrigger_server::Error>(())
    /// ```
    pub fn schema(&self) -> Document {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
        let own = |name: &str| name.starts_with(RESERVED_PREFIX);
        let handlers = handlers.iter().filter(|(name, _)| !own(name));
        let handlers = handlers.filter_map(|(_, versions)| versions.main.clone());
        let handlers = handlers.collect::<Vec<_>>();
        Document::of(handlers.iter().filter_map(|handler| handler.method()))
    }

    /// Removes the handler of `name`, and what is beside it; returns false if there was
    /// none. The server's own methods cannot be removed.
    pub fn unregister(&self, name: &str) -> bool {
        if name.starts_with(RESERVED_PREFIX) {
            return false;
        }
        let removed = self.write(|handlers| handlers.remove(name));
        removed.is_some()
    }

    /// Number of registered names, the server's own included.
    pub fn count(&self) -> usize {
        self.handlers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// All registered names, sorted, the server's own included.
    pub fn list(&self) -> Vec<String> {
        self.handlers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    /// Registers without the check of the reserved prefix.
    pub(crate) fn insert(&self, name: &str, handler: Arc<dyn Handler>) -> Result<bool, Error> {
        check_name(name)?;
        let replaced = self.write(|handlers| {
            let versions = handlers.entry(name.to_owned()).or_default();
            versions.main.replace(handler)
        });
        Ok(replaced.is_some())
    }

    /// The handler registered under `name` now.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<dyn Handler>> {
        self.find_for(name, &UNTYPED)
    }

    /// The handler under `name` for a client that asks for this fingerprint; it may
    /// not accept it.
    pub(crate) fn find_for(&self, name: &str, asked: &[u8; 16]) -> Option<Arc<dyn Handler>> {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
        let versions = handlers.get(name).cloned();
        drop(handlers); // the handlers are asked outside the lock
        versions?.pick(asked)
    }

    /// Changes with every change of the registry.
    pub(crate) fn generation(&self) -> u64 {
        // Acquire: pairs with the release in `write`, so that a look-up after a new
        // generation was seen finds what was registered with it.
        self.generation.load(Ordering::Acquire)
    }

    /// Changes the map. What `change` returns is dropped by the caller, outside
    /// the lock: dropping a handler is user code.
    fn write<T>(&self, change: impl FnOnce(&mut Handlers) -> T) -> T {
        let mut handlers = self
            .handlers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let out = change(&mut handlers);
        self.generation.fetch_add(1, Ordering::Release);
        out
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.list()).finish()
    }
}
