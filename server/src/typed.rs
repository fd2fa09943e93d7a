//! Handlers of typed methods: what `#[outrigger::service]` makes of an
//! implementation.
//!
//! ```text
//!   archive (private copy) ─ access: validated ─▶ &Archived<Request> ─▶ method
//!   JSON ─ decoded ─▶ Request ─ archived, accessed ────────┘             │
//!   slot or buffer ◀─ encoded in place ─────────── Reply ◀──────────────┤
//!   buffers ◀──────── filled in place ──────────── Attached ◀───────────┘
//! ```
//!
//! A request that is no valid archive is SERIALIZATION, and the method is not
//! called. Its fingerprint was compared when it was bound.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use std::sync::Arc;

use outrigger_layout::message::{Failure, Message, Writer};
use outrigger_layout::schema::{Fingerprints, MethodNode};
use outrigger_layout::{Codec, Error};
use rkyv::Archived;
use rkyv::util::AlignedVec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::attached::Attached;
use crate::context::Context;
use crate::handler::{Answering, Handler, Placement};
use crate::reply::Reply;
use crate::request::Request;

/// The future of an asynchronous method.
///
/// ```
/// use outrigger_server::{Error, typed::MethodFuture};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// fn greet<'a>(name: &'a str) -> MethodFuture<'a, Greeting, Error> {
///     Box::pin(async move { Ok(Greeting { text: format!("good day, {name}") }) })
/// }
/// # let _ = greet("Ada");
/// ```
pub type MethodFuture<'a, R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send + 'a>>;

/// A method of the service `T` with request `Q`, reply `R` and error `E`.
struct Typed<T, Q, R, E, F> {
    method: &'static MethodNode,
    fingerprints: Fingerprints,
    service: Arc<T>,
    function: F,
    json: Option<Json<Q, R>>,
    /// A function pointer, so that the handler is Send and Sync whatever they are.
    _types: PhantomData<fn(Q) -> Result<R, E>>,
}

/// How requests and replies cross as JSON.
struct Json<Q, R> {
    decode: fn(&[u8]) -> Result<Q, Error>,
    encode: fn(&R, &mut Vec<u8>) -> Result<(), Error>,
}

impl<Q, R> Clone for Json<Q, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q, R> Copy for Json<Q, R> {}

/// A handler whose method is an ordinary function; see [`synchronous`].
pub struct Synchronous<T, Q, R, E, F>(Typed<T, Q, R, E, F>);

/// A handler whose method is an `async fn`; see [`asynchronous`].
pub struct Asynchronous<T, Q, R, E, F>(Typed<T, Q, R, E, F>);

/// Makes the handler of an ordinary method. The attribute on `trait Greeter` makes
/// `GreeterServer` do it so:
///
/// ```
/// use std::sync::Arc;
/// use outrigger_server::{Error, Handler, Placement, typed};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// # struct Polite;
/// # #[outrigger::service]
/// # pub trait Greeter {
/// #     fn greet(&self, person: &outrigger::Archived<Person>) -> Result<Greeting, Error>;
/// # }
/// # impl Greeter for Polite {
/// #     fn greet(&self, person: &outrigger::Archived<Person>) -> Result<Greeting, Error> {
/// #         Ok(Greeting { text: format!("good day, {}", person.name) })
/// #     }
/// # }
/// let handler = typed::synchronous::<Polite, Person, Greeting, Error, _>(
///     &GreeterClient::SCHEMA.methods[0],
///     Arc::new(Polite),
///     |service, _context, person, _attached| service.greet(person),
/// );
/// assert_eq!(handler.method().unwrap().name, "greeter.greet");
/// assert_eq!(handler.placement(), Placement::Inline);
/// ```
pub fn synchronous<T, Q, R, E, F>(
    method: &'static MethodNode,
    service: Arc<T>,
    function: F,
) -> Synchronous<T, Q, R, E, F>
where
    F: for<'a> Fn(&'a T, &'a Context<'a>, &'a Archived<Q>, &mut Attached<'_>) -> Result<R, E>,
    Q: Message,
{
    Synchronous(Typed::new(method, service, function))
}

/// Makes the handler of an asynchronous method. The attribute on `trait Greeter` makes
/// `GreeterServer` do it so:
///
/// ```
/// use std::sync::Arc;
/// use outrigger_server::{Error, Handler, Placement, typed};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// # struct Polite;
/// # #[outrigger::service]
/// # pub trait Greeter {
/// #     async fn greet(&self, person: &outrigger::Archived<Person>) -> Result<Greeting, Error>;
/// # }
/// # impl Greeter for Polite {
/// #     async fn greet(&self, person: &outrigger::Archived<Person>) -> Result<Greeting, Error> {
/// #         Ok(Greeting { text: format!("good day, {}", person.name) })
/// #     }
/// # }
/// let handler = typed::asynchronous::<Polite, Person, Greeting, Error, _>(
///     &GreeterClient::SCHEMA.methods[0],
///     Arc::new(Polite),
///     |service, _context, person| Box::pin(service.greet(person)),
/// );
/// assert_eq!(handler.placement(), Placement::Async);
/// ```
pub fn asynchronous<T, Q, R, E, F>(
    method: &'static MethodNode,
    service: Arc<T>,
    function: F,
) -> Asynchronous<T, Q, R, E, F>
where
    F: for<'a> Fn(&'a T, &'a Context<'a>, &'a Archived<Q>) -> MethodFuture<'a, R, E>,
    Q: Message,
{
    Asynchronous(Typed::new(method, service, function))
}

impl<T, Q, R, E, F> Typed<T, Q, R, E, F> {
    fn new(method: &'static MethodNode, service: Arc<T>, function: F) -> Self {
        Self {
            method,
            fingerprints: method.fingerprints(),
            service,
            function,
            json: None,
            _types: PhantomData,
        }
    }

    fn codecs(&self) -> &[Codec] {
        match self.json {
            Some(_) => &[Codec::RKYV, Codec::JSON],
            None => &[Codec::RKYV],
        }
    }

    fn json(&self) -> Result<&Json<Q, R>, Error> {
        let name = self.method.name;
        self.json
            .as_ref()
            .ok_or_else(|| Error::serialization(format!("method {name} takes no JSON")))
    }
}

impl<T, Q: Message + DeserializeOwned, R: Serialize, E, F> Typed<T, Q, R, E, F> {
    fn with_json(mut self) -> Self {
        self.json = Some(Json {
            decode: |text| {
                let text = if text.is_empty() { b"null" } else { text };
                serde_json::from_slice(text).map_err(Error::serialization)
            },
            encode: |reply, into| serde_json::to_writer(into, reply).map_err(Error::serialization),
        });
        self
    }
}

impl<T, Q: Message + DeserializeOwned, R: Serialize, E, F> Synchronous<T, Q, R, E, F> {
    /// Takes JSON, too: what `#[outrigger::service(json)]` asks for.
    pub fn with_json(self) -> Self {
        Self(self.0.with_json())
    }
}

impl<T, Q: Message + DeserializeOwned, R: Serialize, E, F> Asynchronous<T, Q, R, E, F> {
    /// Takes JSON, too: what `#[outrigger::service(json)]` asks for.
    pub fn with_json(self) -> Self {
        Self(self.0.with_json())
    }
}

/// The archive of a request that came as JSON.
fn archive_of<Q: Message>(
    json: &Json<Q, impl Sized>,
    text: &[u8],
    context: &Context<'_>,
) -> Result<AlignedVec, Error> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, context.payload_max as usize);
    (json.decode)(text)?.encode(&mut writer)?;
    let mut archive = AlignedVec::with_capacity(bytes.len());
    archive.extend_from_slice(&bytes);
    Ok(archive)
}

/// The error of a method that was called with JSON: its detail would be an archive.
fn without_detail(error: Error) -> Error {
    match error.detail() {
        Some(_) => Error::new(error.code(), error.message()),
        None => error,
    }
}

impl<T, Q, R, E, F> Synchronous<T, Q, R, E, F>
where
    T: Send + Sync + 'static,
    Q: Message,
    R: Message,
    E: Failure,
    F: for<'a> Fn(&'a T, &'a Context<'a>, &'a Archived<Q>, &mut Attached<'_>) -> Result<R, E>,
{
    fn answer(
        &self,
        context: &Context<'_>,
        archive: &[u8],
        attached: &mut Attached<'_>,
    ) -> Result<R, Error> {
        let upgraded = Q::upgraded(archive);
        let request = Q::access(upgraded.as_deref().unwrap_or(archive))?;
        let answer = (self.0.function)(&self.0.service, context, request, attached);
        answer.map_err(Failure::into_error)
    }

    #[cold]
    fn call_json(
        &self,
        context: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let json = self.0.json()?;
        let archive = archive_of(json, request.bytes(), context)?;
        let mut attached = reply.attached(request.attachments());
        let answer = self.answer(context, &archive, &mut attached);
        let answer = answer.map_err(without_detail)?;
        let mut text = Vec::new();
        (json.encode)(&answer, &mut text)?;
        reply.give(text)
    }
}

impl<T, Q, R, E, F> Handler for Synchronous<T, Q, R, E, F>
where
    T: Send + Sync + 'static,
    Q: Message,
    R: Message,
    E: Failure,
    F: for<'a> Fn(&'a T, &'a Context<'a>, &'a Archived<Q>, &mut Attached<'_>) -> Result<R, E>
        + Send
        + Sync
        + 'static,
{
    fn call(
        &self,
        context: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        if request.codec() == Codec::JSON {
            return self.call_json(context, request, reply);
        }
        let mut attached = reply.attached(request.attachments());
        let answer = self.answer(context, request.bytes(), &mut attached)?;
        reply.message(&answer)
    }

    fn placement(&self) -> Placement {
        match self.0.method.placement {
            "pool" => Placement::Pool,
            _ => Placement::Inline,
        }
    }

    fn takes_attachments(&self) -> bool {
        self.0.method.attachments
    }

    fn method(&self) -> Option<&'static MethodNode> {
        Some(self.0.method)
    }

    fn fingerprint(&self) -> [u8; 16] {
        self.0.fingerprints.newest
    }

    fn accepts(&self, asked: &[u8; 16]) -> bool {
        self.0.fingerprints.accepts(asked)
    }

    fn codecs(&self) -> &[Codec] {
        self.0.codecs()
    }
}

impl<T, Q, R, E, F> Asynchronous<T, Q, R, E, F>
where
    T: Send + Sync + 'static,
    Q: Message,
    R: Message,
    E: Failure,
    F: for<'a> Fn(&'a T, &'a Context<'a>, &'a Archived<Q>) -> MethodFuture<'a, R, E> + Send + Sync,
{
    async fn answer(&self, context: Context<'_>, archive: &[u8]) -> Result<R, Error> {
        let upgraded = Q::upgraded(archive);
        let request = Q::access(upgraded.as_deref().unwrap_or(archive))?;
        let answer = (self.0.function)(&self.0.service, &context, request).await;
        answer.map_err(Failure::into_error)
    }

    async fn answer_json(&self, context: Context<'_>, text: &[u8]) -> Result<Vec<u8>, Error> {
        let json = *self.0.json()?;
        let archive = archive_of(&json, text, &context)?;
        let answer = self.answer(context, &archive).await;
        let mut text = Vec::new();
        (json.encode)(&answer.map_err(without_detail)?, &mut text)?;
        Ok(text)
    }
}

impl<T, Q, R, E, F> Handler for Asynchronous<T, Q, R, E, F>
where
    T: Send + Sync + 'static,
    Q: Message,
    R: Message,
    E: Failure,
    F: for<'a> Fn(&'a T, &'a Context<'a>, &'a Archived<Q>) -> MethodFuture<'a, R, E>
        + Send
        + Sync
        + 'static,
    Archived<Q>: Sync,
{
    fn call(&self, _: &Context<'_>, _: Request<'_>, _: &mut Reply<'_>) -> Result<(), Error> {
        let name = self.0.method.name;
        Err(Error::invalid_argument(format!("{name} is asynchronous")))
    }

    fn call_async<'a>(&'a self, context: Context<'a>, request: Request<'a>) -> Answering<'a> {
        Box::pin(async move {
            if request.codec() == Codec::JSON {
                return self.answer_json(context, request.bytes()).await.map(Some);
            }
            let answer = self.answer(context, request.bytes()).await?;
            let mut archive = Vec::new();
            let room = context.payload_max as usize;
            answer.encode(&mut Writer::new(&mut archive, room))?;
            Ok(Some(archive))
        })
    }

    fn placement(&self) -> Placement {
        Placement::Async
    }

    fn method(&self) -> Option<&'static MethodNode> {
        Some(self.0.method)
    }

    fn fingerprint(&self) -> [u8; 16] {
        self.0.fingerprints.newest
    }

    fn accepts(&self, asked: &[u8; 16]) -> bool {
        self.0.fingerprints.accepts(asked)
    }

    fn codecs(&self) -> &[Codec] {
        self.0.codecs()
    }
}

impl<T, Q, R, E, F> fmt::Debug for Synchronous<T, Q, R, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Synchronous").field(self.0.method).finish()
    }
}

impl<T, Q, R, E, F> fmt::Debug for Asynchronous<T, Q, R, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asynchronous").field(self.0.method).finish()
    }
}
