//! Typed calls: what the clients that `#[outrigger::service]` makes are made of.
//!
//! ```text
//!   &Request ─ encode ─▶ archive ══ CALL ══▶ server
//!   Archive<Reply> ◀─ validated ─ archive ◀══ REPLY
//!     └─ derefs to Archived<Reply>; load() makes a Reply
//! ```

use std::cell::Cell;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use outrigger_layout::limits::PAYLOAD_MAX;
use outrigger_layout::message::Archived;
use outrigger_layout::message::{Archive, ArchiveMemory, Failure, Message, Writer};
use outrigger_layout::schema::mismatch::WORDS_MAX;
use outrigger_layout::schema::{Fingerprints, MethodNode};
use outrigger_layout::{Code, Codec, Error};

use crate::agreement::is_mismatch;
use crate::call::Call;
use crate::client::Client;
use crate::reply::Reply;

/// A method as generated code knows it: its schema, and its fingerprint, which is
/// computed once.
///
/// ```
/// use outrigger_client::TypedMethod;
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// # #[outrigger::service]
/// # pub trait Greeter {
/// #     fn greet(&self, person: &outrigger::Archived<Person>)
/// #         -> Result<Greeting, outrigger_client::Error>;
/// # }
/// static GREET: TypedMethod = TypedMethod::new(|| &GreeterClient::SCHEMA.methods[0]);
/// assert_eq!(GREET.name(), "greeter.greet");
/// assert_eq!(GREET.fingerprint(), GreeterClient::SCHEMA.methods[0].fingerprint());
/// ```
pub struct TypedMethod {
    node: fn() -> &'static MethodNode,
    fingerprints: OnceLock<Fingerprints>,
}

impl TypedMethod {
    /// The method of this node.
    pub const fn new(node: fn() -> &'static MethodNode) -> Self {
        Self {
            node,
            fingerprints: OnceLock::new(),
        }
    }

    /// Its name, such as `sigverify.verify`.
    pub fn name(&self) -> &'static str {
        (self.node)().name
    }

    /// The fingerprint of its messages.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.fingerprints().newest
    }

    /// The fingerprints of all versions of its messages.
    pub fn fingerprints(&self) -> &Fingerprints {
        self.fingerprints
            .get_or_init(|| (self.node)().fingerprints())
    }
}

impl fmt::Debug for TypedMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedMethod").field(&self.name()).finish()
    }
}

/// A typed call that has not begun: it begins with [`wait`](Self::wait),
/// [`wait_into`](Self::wait_into) or the first poll of its future.
///
/// ```no_run
/// use std::time::Duration;
/// use outrigger_client::{ArchiveMemory, Client};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// # #[outrigger::service]
/// # pub trait Greeter {
/// #     fn greet(&self, person: &outrigger::Archived<Person>)
/// #         -> Result<Greeting, outrigger_client::Error>;
/// # }
/// # fn blocking(client: Client, person: &Person) -> Result<(), outrigger_client::Error> {
/// let greeter = GreeterClient::new(client);
/// let greeting = greeter.greet(person).timeout(Duration::from_millis(50)).wait()?;
/// assert_eq!(greeting.text, "good day, Ada"); // read in place
///
/// let mut memory = ArchiveMemory::new(); // used again and again: no allocation
/// for _ in 0..1000 {
///     let greeting = greeter.greet(person).wait_into(&mut memory)?;
///     assert_eq!(greeting.text, "good day, Ada");
/// }
/// # Ok(())
/// # }
/// # async fn awaited(client: Client, person: &Person) -> Result<(), outrigger_client::Error> {
/// # let greeter = GreeterClient::new(client);
/// let greeting: Greeting = greeter.greet(person).await?.load()?; // on any runtime
/// # Ok(())
/// # }
/// ```
#[must_use = "a call does nothing until it is waited for"]
pub struct TypedCall<'a, Q, R, E> {
    client: &'a Client,
    method: &'static TypedMethod,
    request: &'a Q,
    deadline: Option<Instant>,
    _outcome: PhantomData<fn() -> (R, E)>,
}

impl<'a, Q: Message, R: Message, E: Failure> TypedCall<'a, Q, R, E> {
    pub(crate) fn new(client: &'a Client, method: &'static TypedMethod, request: &'a Q) -> Self {
        Self {
            client,
            method,
            request,
            deadline: None,
            _outcome: PhantomData,
        }
    }

    /// Ends the call with TIMEOUT at this instant, if it has not ended before.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the call with TIMEOUT after this time, from now on.
    pub fn timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.deadline(deadline),
            // Beyond what the clock can show: never.
            None => self,
        }
    }

    /// Calls, and blocks until the reply is there.
    ///
    /// # Errors
    /// As [`Call::wait`](crate::Call::wait); the method's own error; and
    /// VERSION_MISMATCH, with what differs in words, if the server's method has other
    /// messages.
    pub fn wait(self) -> Result<Archive<R>, E::Caught> {
        let mut archive = ArchiveMemory::new();
        let outcome = self.run(&mut archive);
        outcome
            .and_then(|()| Archive::new(archive))
            .map_err(E::receive)
    }

    /// Calls, blocks, and views the reply in `memory`, in place of its content.
    ///
    /// Allocates nothing if `memory` has room and the method was called before.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_into(self, memory: &mut ArchiveMemory) -> Result<&Archived<R>, E::Caught> {
        let outcome = self.run(memory);
        if let Err(error) = outcome {
            return Err(E::receive(error));
        }
        if let Some(upgraded) = R::upgraded(memory) {
            *memory = upgraded;
        }
        R::access(memory).map_err(E::receive)
    }

    fn run(&self, into: &mut ArchiveMemory) -> Result<(), Error> {
        let outcome = with_scratch(|scratch| {
            encode(self.request, scratch)?;
            let known = self.method.fingerprints();
            let begin = self.client.agreements().begin(self.method.name(), known);
            let outcome = self.attempt(begin, scratch, into);
            if !is_mismatch(&outcome) || known.older.is_empty() {
                return outcome;
            }
            for asked in known.asked().filter(|asked| *asked != begin) {
                let other = self.attempt(asked, scratch, into);
                if !is_mismatch(&other) {
                    self.agree(asked);
                    return other;
                }
            }
            outcome
        });
        match outcome {
            Ok((value, _)) => {
                if value.is_none() {
                    into.clear();
                }
                Ok(())
            }
            Err(error) if is_other(&error) => {
                let told = self.ask(&self.own_schema()).wait().ok();
                Err(explained(error, told))
            }
            Err(error) => Err(error),
        }
    }

    /// Calls the version that this fingerprint asks for.
    fn attempt(
        &self,
        asked: [u8; 16],
        request: &[u8],
        into: &mut ArchiveMemory,
    ) -> Result<(Option<usize>, Codec), Error> {
        self.call(request).typed(asked).run(into)
    }

    fn call<'c>(&self, request: &'c [u8]) -> Call<'c>
    where
        'a: 'c,
    {
        let call = self.client.call(self.method.name(), request);
        match self.deadline {
            Some(deadline) => call.deadline(deadline),
            None => call,
        }
    }

    fn agree(&self, asked: [u8; 16]) {
        let (name, known) = (self.method.name(), self.method.fingerprints());
        self.client.agreements().remember(name, known, asked);
    }

    /// As `run`, awaited; gives the archive.
    async fn run_async(&self, request: &[u8]) -> Result<Reply, Error> {
        let known = self.method.fingerprints();
        let begin = self.client.agreements().begin(self.method.name(), known);
        let outcome = self.call(request).typed(begin).await;
        if !is_mismatch(&outcome) || known.older.is_empty() {
            return outcome;
        }
        for asked in known.asked().filter(|asked| *asked != begin) {
            let other = self.call(request).typed(asked).await;
            if !is_mismatch(&other) {
                self.agree(asked);
                return other;
            }
        }
        outcome
    }

    /// What the server's `outrigger.schema` is asked: the name, and our canonical text.
    fn own_schema(&self) -> String {
        let canonical = (self.method.node)().canonical();
        format!("{}\n{canonical}", self.method.name())
    }

    /// Asks the server in which words its messages differ from ours.
    fn ask<'c>(&self, schema: &'c str) -> Call<'c>
    where
        'a: 'c,
    {
        let call = self.client.call(SCHEMA, schema);
        match self.deadline {
            Some(deadline) => call.deadline(deadline),
            None => call,
        }
    }
}

fn is_other(error: &Error) -> bool {
    error.code() == Code::VERSION_MISMATCH
}

/// Completes the server's refusal by the words it has for the difference, if it has any.
fn explained(refusal: Error, told: Option<Reply>) -> Error {
    let told = told.and_then(|reply| reply.into_value());
    let told = told.filter(|told| (1..=WORDS_MAX).contains(&told.len()));
    match told.and_then(|told| String::from_utf8(told).ok()) {
        Some(told) => Error::new(refusal.code(), format!("{}; {told}", refusal.message())),
        None => refusal,
    }
}

/// The server's method that compares another method's messages with a client's.
const SCHEMA: &str = "outrigger.schema";

fn encode(request: &impl Message, scratch: &mut Vec<u8>) -> Result<(), Error> {
    request.encode(&mut Writer::new(scratch, PAYLOAD_MAX as usize))
}

/// Lends this thread's memory for requests; another, if that is lent already.
fn with_scratch<T>(run: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    /// Bytes that are kept from call to call.
    const KEPT: usize = 1 << 20;
    thread_local! {
        static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    let outcome = run(&mut scratch);
    if scratch.capacity() <= KEPT {
        // At the end of a thread there is nothing to keep it for.
        let _ = SCRATCH.try_with(|kept| kept.set(scratch));
    }
    outcome
}

impl<'a, Q: Message, R: Message, E: Failure> IntoFuture for TypedCall<'a, Q, R, E> {
    type Output = Result<Archive<R>, E::Caught>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            client,
            method,
            request,
            deadline,
            ..
        } = self;
        Box::pin(async move {
            let mut this = TypedCall::<Q, R, E>::new(client, method, request);
            this.deadline = deadline;
            let mut scratch = Vec::new();
            encode(request, &mut scratch).map_err(E::receive)?;
            match this.run_async(&scratch).await {
                Ok(reply) => {
                    let mut archive = ArchiveMemory::new();
                    archive.extend_from_slice(reply.bytes());
                    Archive::new(archive).map_err(E::receive)
                }
                Err(error) if is_other(&error) => {
                    let told = this.ask(&this.own_schema()).await.ok();
                    Err(E::receive(explained(error, told)))
                }
                Err(error) => Err(E::receive(error)),
            }
        })
    }
}

impl<Q, R, E> fmt::Debug for TypedCall<'_, Q, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedCall")
            .field("method", &self.method)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
