//! Handlers: what runs when a method is called.
//!
//! [`bytes`] and [`json`] make handlers of closures and functions; implement
//! [`Handler`] for full control. A handler runs inline on the poller unless it
//! is moved to the pool by `on_pool`.

use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use outrigger_layout::schema::{MethodNode, UNTYPED};
use outrigger_layout::{Code, Codec, Error};

use crate::context::Context;
use crate::reply::Reply;
use crate::request::Request;

/// Where a method's calls run.
///
/// ```
/// use outrigger_server::{Handler, Placement, handler};
/// let lengthy = handler::bytes(|_, bytes| Ok(bytes.repeat(1000)));
/// assert_eq!(lengthy.placement(), Placement::Inline);
/// assert_eq!(lengthy.on_pool().placement(), Placement::Pool);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On the poller, in the order of arrival: the lowest latency. Such a handler
    /// must be short and must not block: all sessions of its poller wait. A call
    /// whose payload does not fit a slot runs on the pool all the same.
    #[default]
    Inline,
    /// On the worker pool: may block, calls overtake each other.
    Pool,
    /// On the executor: [`Handler::call_async`] is awaited, among others.
    Async,
}

/// A call of [`Handler::call_async`] on its way.
///
/// ```
/// use outrigger_server::handler::Answering;
/// use outrigger_server::{Context, Error, Handler, Placement, Reply, Request};
///
/// /// Answers a greeting when `voice` is free.
/// struct Hoarse {
///     voice: tokio::sync::Semaphore,
/// }
///
/// impl Handler for Hoarse {
///     fn call(&self, _: &Context<'_>, _: Request<'_>, _: &mut Reply<'_>) -> Result<(), Error> {
///         Err(Error::invalid_argument("a hoarse person takes its time"))
///     }
///
///     fn call_async<'a>(&'a self, _: Context<'a>, request: Request<'a>) -> Answering<'a> {
///         Box::pin(async move {
///             let _voice = self.voice.acquire().await.map_err(Error::handler)?;
///             Ok(Some([b"good day, ", request.bytes()].concat()))
///         })
///     }
///
///     fn placement(&self) -> Placement {
///         Placement::Async
///     }
/// }
/// # let voice = tokio::sync::Semaphore::new(1);
/// # outrigger_server::Registry::default().register("greet", Hoarse { voice })?;
/// # Ok::<(), Error>(())
/// ```
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, Error>> + Send + 'a>>;

/// Answers the calls of one method.
///
/// A panic is caught: the caller gets PANIC with its text, and nothing else is
/// affected.
///
/// ```
/// use outrigger_server::{Context, Error, Handler, Registry, Reply, Request};
///
/// struct Greet {
///     words: String,
/// }
///
/// impl Handler for Greet {
///     fn call(
///         &self,
///         _: &Context<'_>,
///         request: Request<'_>,
///         reply: &mut Reply<'_>,
///     ) -> Result<(), Error> {
///         let Some(name) = request.value() else {
///             return Err(Error::invalid_argument("a person without a name"));
///         };
///         let text = reply.buffer(self.words.len() + name.len())?;
///         text[..self.words.len()].copy_from_slice(self.words.as_bytes());
///         text[self.words.len()..].copy_from_slice(name);
///         Ok(())
///     }
/// }
///
/// let registry = Registry::default();
/// registry.register("greet", Greet { words: "good day, ".to_owned() })?;
/// # Ok::<(), Error>(())
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Answers one call: writes the value into `reply`, or fails.
    ///
    /// # Errors
    /// The code and message reach the caller unchanged; what was written to
    /// `reply` is then dropped.
    fn call(
        &self,
        context: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error>;

    /// Where calls run; asked when a session first finds the handler.
    fn placement(&self) -> Placement {
        Placement::Inline
    }

    /// Answers one call whose placement is [`Placement::Async`]: gives the value, or
    /// `None` for no value. It must not block its thread, on which all such calls
    /// take turns. It is dropped unfinished at its deadline, when the caller
    /// cancels, and when the server ends. For an example see [`Answering`].
    ///
    /// # Errors
    /// As `call`.
    fn call_async<'a>(&'a self, context: Context<'a>, request: Request<'a>) -> Answering<'a> {
        let _ = (context, request);
        Box::pin(async { Err(Error::with_details(Code::NOT_IMPLEMENTED, &[&"call_async"])) })
    }

    /// Whether calls may have [attachments](crate::Attachment), and replies: asked when a
    /// session first finds the handler. A call with some to a method that takes none is
    /// INVALID_ARGUMENT. Those of a method that takes some run on the worker pool, if they
    /// are not asynchronous.
    fn takes_attachments(&self) -> bool {
        false
    }

    /// What the method's messages look like, for a typed method. Generated handlers
    /// have it; a handler of one's own need not.
    fn method(&self) -> Option<&'static MethodNode> {
        None
    }

    /// Fingerprint of the method's messages; [`UNTYPED`] without one.
    fn fingerprint(&self) -> [u8; 16] {
        UNTYPED
    }

    /// Whether it answers a client that asks for the method with this fingerprint,
    /// which is never [`UNTYPED`]. Generated handlers also take what
    /// [`Fingerprints::accepts`](outrigger_layout::schema::Fingerprints::accepts) says:
    /// older clients, and newer ones that know this version.
    fn accepts(&self, asked: &[u8; 16]) -> bool {
        *asked == self.fingerprint()
    }

    /// The codecs that requests may use; another is SERIALIZATION, and the
    /// handler is not called. The reply has the codec of the request. Asked when a
    /// session first finds the handler.
    ///
    /// ```
    /// use outrigger_server::{Codec, Error, Handler, handler};
    /// let length = handler::json(|_, text: String| Ok::<_, Error>(text.len()));
    /// assert_eq!(length.codecs(), [Codec::JSON]);
    /// ```
    fn codecs(&self) -> &[Codec] {
        &[Codec::RAW]
    }
}

/// A handler of raw bytes: request bytes in, reply bytes out. A request without
/// a value is seen as empty.
///
/// ```
/// use outrigger_server::handler;
/// let reverse = handler::bytes(|_context, bytes| Ok(bytes.iter().rev().copied().collect()));
/// # let _: &dyn outrigger_server::Handler = &reverse;
/// ```
pub fn bytes<F>(function: F) -> Bytes<F>
where
    F: Fn(&Context<'_>, &[u8]) -> Result<Vec<u8>, Error> + Send + Sync + 'static,
{
    Bytes { function }
}

/// See [`bytes`].
#[derive(Clone, Copy, Debug)]
pub struct Bytes<F> {
    function: F,
}

impl<F> Handler for Bytes<F>
where
    F: Fn(&Context<'_>, &[u8]) -> Result<Vec<u8>, Error> + Send + Sync + 'static,
{
    fn call(
        &self,
        context: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        reply.give((self.function)(context, request.bytes())?)
    }
}

/// A handler of JSON: the request is decoded into `I`, the result encoded from
/// `O`. Malformed JSON is SERIALIZATION with the decoder's words, and the
/// function is not called. A request without a value is seen as `null`.
///
/// ```
/// use outrigger_server::{Context, Error, handler};
/// fn add(_: &Context<'_>, pair: (i64, i64)) -> Result<i64, Error> {
///     pair.0.checked_add(pair.1).ok_or_else(|| Error::handler("the sum overflows"))
/// }
/// let handler = handler::json(add);
/// # let _: &dyn outrigger_server::Handler = &handler;
/// ```
pub fn json<I, O, E, F>(function: F) -> Json<F, (I, O, E)>
where
    I: DeserializeOwned + 'static,
    O: Serialize + 'static,
    E: Into<Error> + 'static,
    F: Fn(&Context<'_>, I) -> Result<O, E> + Send + Sync + 'static,
{
    Json {
        function,
        _types: PhantomData,
    }
}

/// See [`json`]. `T` is the function's types: input, output, error.
#[derive(Clone, Copy, Debug)]
pub struct Json<F, T> {
    function: F,
    /// A function pointer, so that the handler is Send and Sync whatever `T` is.
    _types: PhantomData<fn(T)>,
}

impl<I, O, E, F> Handler for Json<F, (I, O, E)>
where
    I: DeserializeOwned + 'static,
    O: Serialize + 'static,
    E: Into<Error> + 'static,
    F: Fn(&Context<'_>, I) -> Result<O, E> + Send + Sync + 'static,
{
    fn call(
        &self,
        context: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let text = request.value().unwrap_or(b"null");
        let input = serde_json::from_slice(text).map_err(Error::serialization)?;
        let output = (self.function)(context, input).map_err(Into::into)?;
        serde_json::to_writer(&mut *reply, &output).map_err(|error| reply.explain(&error))
    }

    fn codecs(&self) -> &[Codec] {
        &[Codec::JSON]
    }
}

/// A handler whose calls run on the worker pool; made by `on_pool`, or around a
/// handler of one's own.
///
/// ```
/// use outrigger_server::handler;
/// let slow = handler::bytes(|_, bytes| Ok(bytes.to_vec())).on_pool();
/// # let _: &dyn outrigger_server::Handler = &slow;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OnPool<H> {
    handler: H,
}

impl<H: Handler> OnPool<H> {
    /// Moves the calls of `handler` to the pool.
    pub fn new(handler: H) -> Self {
        Self { handler }
    }
}

impl<F> Bytes<F> {
    /// Runs the calls on the worker pool.
    pub fn on_pool(self) -> OnPool<Self> {
        OnPool { handler: self }
    }
}

impl<F, T> Json<F, T> {
    /// Runs the calls on the worker pool.
    pub fn on_pool(self) -> OnPool<Self> {
        OnPool { handler: self }
    }
}

impl<H: Handler> Handler for OnPool<H> {
    fn call(
        &self,
        context: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        self.handler.call(context, request, reply)
    }

    fn method(&self) -> Option<&'static MethodNode> {
        self.handler.method()
    }

    fn fingerprint(&self) -> [u8; 16] {
        self.handler.fingerprint()
    }

    fn accepts(&self, asked: &[u8; 16]) -> bool {
        self.handler.accepts(asked)
    }

    fn placement(&self) -> Placement {
        Placement::Pool
    }

    fn takes_attachments(&self) -> bool {
        self.handler.takes_attachments()
    }

    fn codecs(&self) -> &[Codec] {
        self.handler.codecs()
    }
}
