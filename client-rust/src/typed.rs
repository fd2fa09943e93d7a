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
use std::time::{Duration, Instant};

use outrigger_layout::limits::PAYLOAD_MAX;
use outrigger_layout::message::Archived;
use outrigger_layout::message::{Archive, ArchiveMemory, Failure, Message, Writer};
use outrigger_layout::schema::mismatch::WORDS_MAX;
use outrigger_layout::{Code, Error};

use crate::agreement::is_mismatch;
use crate::buffer::Buffer;
use crate::call::Call;
use crate::client::Client;
use crate::flight::Flight;
use crate::landing::ArchiveBytes;
use crate::method::TypedMethod;
use crate::parcel::Parcel;
use crate::reply::Reply;
use crate::trust;

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
    parcel: Parcel,
    deadline: Option<Instant>,
    _outcome: PhantomData<fn() -> (R, E)>,
}

impl<'a, Q: Message, R: Message, E: Failure> TypedCall<'a, Q, R, E> {
    pub(crate) fn new(client: &'a Client, method: &'static TypedMethod, request: &'a Q) -> Self {
        Self {
            client,
            method,
            request,
            parcel: Parcel::default(),
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

    /// Sends these bytes beside the message, where they are, as [`Call::attach`] does.
    ///
    /// A call with attachments is not tried in the words of an older version once it was
    /// sent: it has none any more.
    pub fn attach(mut self, buffer: Buffer) -> Self {
        self.parcel.attach(buffer);
        self
    }

    /// Calls, and blocks until the reply is there. What is attached to it goes back
    /// unread.
    ///
    /// # Errors
    /// As [`Call::wait`](crate::Call::wait); the method's own error; and
    /// VERSION_MISMATCH, with what differs in words, if the server's method has other
    /// messages.
    pub fn wait(mut self) -> Result<Archive<R>, E::Caught> {
        let landed = self.run(|flight| flight.finish_archive(false));
        landed
            .and_then(|(bytes, _)| trust::archive(bytes))
            .map_err(E::receive)
    }

    /// Calls, and blocks until the reply is there, and what is attached to it: at most 4
    /// buffers, which are the caller's, each for itself, until they are dropped.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_attached(mut self) -> Result<(Archive<R>, Vec<Buffer>), E::Caught> {
        let landed = self.run(|flight| flight.finish_archive(true));
        landed
            .and_then(|(bytes, attached)| Ok((trust::archive(bytes)?, attached)))
            .map_err(E::receive)
    }

    /// Calls, blocks, and views the reply in `memory`, in place of its content. What is
    /// attached to it goes back unread.
    ///
    /// Allocates nothing if `memory` has room and the method was called before.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_into(mut self, memory: &mut ArchiveMemory) -> Result<&Archived<R>, E::Caught> {
        // No value is an archive of no bytes: `finish` has cleared the memory.
        let outcome = self.run(|flight| flight.finish(memory));
        if let Err(error) = outcome {
            return Err(E::receive(error));
        }
        if let Some(upgraded) = R::upgraded(memory) {
            *memory = upgraded;
        }
        R::access(memory).map_err(E::receive)
    }

    /// Awaits the reply, and what is attached to it, as [`Self::wait_attached`] gives them.
    ///
    /// ```no_run
    /// # use outrigger_client::{Buffer, Client, Error};
    /// # #[outrigger::message] pub struct Size { pub width: u32 }
    /// # #[outrigger::message] pub struct Report { pub text: String }
    /// # #[outrigger::service]
    /// # pub trait Images {
    /// #     fn shrink(&self, size: &outrigger::Archived<Size>) -> Result<Report, Error>;
    /// # }
    /// # async fn shrink(client: Client, image: Buffer) -> Result<(), Error> {
    /// let images = ImagesClient::new(client);
    /// let call = images.shrink(&Size { width: 64 }).attach(image);
    /// let (report, attached) = call.attached().await?;
    /// println!("{}: {} images", report.text, attached.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn attached(self) -> AttachedFuture<'a, R, E> {
        Box::pin(async move {
            let landed = self.run_async(true).await;
            landed
                .and_then(|(bytes, attached)| Ok((trust::archive(bytes)?, attached)))
                .map_err(E::receive)
        })
    }

    /// Calls, and blocks until the answer is there; `land` takes it.
    fn run<T>(&mut self, mut land: impl FnMut(Flight<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let outcome = with_scratch(|scratch| {
            encode(self.request, scratch)?;
            let known = self.method.fingerprints();
            let begin = self.client.agreements().begin(self.method.name(), known);
            let has_parcel = !self.parcel.is_empty();
            let mut attempt = |this: &mut Self, asked| {
                let mut parcel = std::mem::take(&mut this.parcel);
                let flight = this.call(scratch).typed(asked).fly(&mut parcel);
                this.parcel = parcel;
                land(flight?)
            };
            let outcome = attempt(self, begin);
            if !is_mismatch(&outcome) || known.older.is_empty() {
                return outcome;
            }
            for asked in known.asked().filter(|asked| *asked != begin) {
                if has_parcel && self.parcel.is_empty() {
                    break;
                }
                let other = attempt(self, asked);
                if !is_mismatch(&other) {
                    self.agree(asked);
                    return other;
                }
            }
            outcome
        });
        match outcome {
            Err(error) if is_other(&error) => {
                let told = self.ask(&self.own_schema()).wait().ok();
                Err(explained(error, told))
            }
            outcome => outcome,
        }
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

    /// As `run`, awaited; gives the archive and, if they are to be kept, the attachments.
    async fn run_async(mut self, keep: bool) -> Result<(ArchiveBytes, Vec<Buffer>), Error> {
        let mut request = Vec::new();
        encode(self.request, &mut request)?;
        let known = self.method.fingerprints();
        let begin = self.client.agreements().begin(self.method.name(), known);
        let has_parcel = !self.parcel.is_empty();
        let mut outcome = self.attempt(&request, begin, keep).await;
        if is_mismatch(&outcome) && !known.older.is_empty() {
            for asked in known.asked().filter(|asked| *asked != begin) {
                if has_parcel && self.parcel.is_empty() {
                    break;
                }
                let other = self.attempt(&request, asked, keep).await;
                if !is_mismatch(&other) {
                    self.agree(asked);
                    outcome = other;
                    break;
                }
            }
        }
        match outcome {
            Err(error) if is_other(&error) => {
                let told = self.ask(&self.own_schema()).await.ok();
                Err(explained(error, told))
            }
            outcome => outcome,
        }
    }

    /// Calls the version that this fingerprint asks for.
    async fn attempt(
        &mut self,
        request: &[u8],
        asked: [u8; 16],
        keep: bool,
    ) -> Result<(ArchiveBytes, Vec<Buffer>), Error> {
        let call = self.call(request).typed(asked);
        call.fly_async(&mut self.parcel).await?.finish_archive(keep)
    }

    /// What the server's `outrigger.schema` is asked: the name, and our canonical text.
    fn own_schema(&self) -> String {
        let canonical = self.method.canonical();
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

/// A typed call being awaited, with what is attached to its reply.
type AttachedFuture<'a, R, E> = Pin<
    Box<dyn Future<Output = Result<(Archive<R>, Vec<Buffer>), <E as Failure>::Caught>> + Send + 'a>,
>;

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
        Box::pin(async move {
            let landed = self.run_async(false).await;
            landed
                .and_then(|(bytes, _)| trust::archive(bytes))
                .map_err(E::receive)
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
