//! The methods every server has: `outrigger.version` and `outrigger.methods`, which are
//! a service as any other, and also answer with text; `outrigger.echo`, whose bytes mean
//! nothing; `outrigger.schema`, which is asked by those who know no message yet.

use std::sync::{Arc, Weak};

use outrigger_derive::{message, service};
use outrigger_layout::schema::mismatch::{TEXT_MAX, mismatch};
use outrigger_layout::schema::{Document, MethodNode};
use outrigger_layout::{Code, Codec, Error};
use serde::Serialize;

use crate::context::Context;
use crate::handler::{Handler, Placement};
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;

/// The version of a server.
#[message(extensible)]
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct ServerVersion {
    /// That of its crate, such as `0.1.0`.
    pub(crate) text: String,
}

/// What a server answers.
#[message(extensible)]
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct MethodNames {
    /// The names of all methods, sorted.
    pub(crate) names: Vec<String>,
}

/// What every server says of itself.
#[service(name = "outrigger", json, no_client)]
pub(crate) trait BuiltIn {
    /// Says which version the server has.
    fn version(&self) -> Result<ServerVersion, Error>;

    /// Lists all methods that are registered now.
    fn methods(&self) -> Result<MethodNames, Error>;
}

/// The schema of the built-in methods, which a server's own schema leaves out: they are
/// the same in all servers of a version. `outrigger gen go --from builtin` makes the
/// package `builtin` of the Go client of it.
///
/// ```
/// let schema = outrigger_server::builtin_schema();
/// let methods = schema.services[0].methods.iter();
/// assert_eq!(methods.map(|method| &*method.name).collect::<Vec<_>>(), ["version", "methods"]);
/// ```
pub fn schema() -> Document {
    Document::of(BuiltInSchema::SCHEMA.methods)
}

/// Registers the built-in methods.
pub(crate) fn register(registry: &Arc<Registry>) -> Result<(), Error> {
    let registered = Arc::downgrade(registry);
    let server = OfServer {
        registered: registered.clone(),
    };
    for typed in BuiltInServer::new(server).handlers() {
        let name = typed.method().map_or("", |method| method.name);
        let raw = (name == "outrigger.version").then_some(crate::VERSION);
        registry.insert(name, Arc::new(WithText { typed, raw }))?;
    }
    registry.insert("outrigger.echo", Arc::new(Echo))?;
    registry.insert("outrigger.schema", Arc::new(Schema { registered }))?;
    Ok(())
}

/// What a server with this registry says of itself.
struct OfServer {
    registered: Weak<Registry>,
}

impl BuiltIn for OfServer {
    fn version(&self) -> Result<ServerVersion, Error> {
        let text = crate::VERSION.to_owned();
        Ok(ServerVersion { text })
    }

    fn methods(&self) -> Result<MethodNames, Error> {
        let registry = self.registered.upgrade();
        let names = registry.map(|registry| registry.list());
        let names = names.unwrap_or_default();
        Ok(MethodNames { names })
    }
}

/// A typed method without a request that can be asked by hand, too.
struct WithText {
    typed: Arc<dyn Handler>,
    /// What a raw call is answered with; if none, the JSON.
    raw: Option<&'static str>,
}

impl Handler for WithText {
    fn call(
        &self,
        context: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        if request.codec() == Codec::RKYV {
            return self.typed.call(context, request, reply);
        }
        match self.raw {
            Some(text) if request.codec() == Codec::RAW => reply.set(text.as_bytes()),
            // What was sent is not looked at: there is nothing to be asked for.
            _ => self
                .typed
                .call(context, Request::new(None, Codec::JSON), reply),
        }
    }

    fn codecs(&self) -> &[Codec] {
        &[Codec::RAW, Codec::JSON, Codec::RKYV]
    }

    fn method(&self) -> Option<&'static MethodNode> {
        self.typed.method()
    }

    fn fingerprint(&self) -> [u8; 16] {
        self.typed.fingerprint()
    }

    fn accepts(&self, asked: &[u8; 16]) -> bool {
        self.typed.accepts(asked)
    }
}

/// Returns what it was given, byte for byte, no value for no value.
struct Echo;

impl Handler for Echo {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        match request.value() {
            Some(bytes) => reply.set(bytes),
            None => {
                reply.set_no_value();
                Ok(())
            }
        }
    }

    fn codecs(&self) -> &[Codec] {
        &[Codec::RAW, Codec::JSON]
    }
}

/// Without a request: the schema of all typed methods as JSON. With the name of a
/// typed method: the canonical text of its messages, which its fingerprint is of. With
/// the name, a new line and a client's canonical text: what differs, in words.
struct Schema {
    registered: Weak<Registry>,
}

impl Handler for Schema {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let Some(registry) = self.registered.upgrade() else {
            return Err(Error::with_details(Code::SHUTTING_DOWN, &[&"no registry"]));
        };
        if request.codec() == Codec::JSON || request.bytes().is_empty() {
            let written = serde_json::to_writer(&mut *reply, &registry.schema());
            return written.map_err(|error| reply.explain(&error));
        }
        let text = core::str::from_utf8(request.bytes());
        let text = text.map_err(|_| Error::invalid_utf8("method name"))?;
        let (name, theirs) = match text.split_once('\n') {
            Some((name, theirs)) => (name, Some(theirs)),
            None => (text, None),
        };
        if let Some(theirs) = theirs.filter(|theirs| theirs.len() > TEXT_MAX) {
            let seen = theirs.len();
            return Err(Error::invalid_argument(format!(
                "schema of {seen} bytes (maximum {TEXT_MAX})"
            )));
        }
        let handler = registry.find(name);
        match handler.and_then(|handler| handler.method()) {
            Some(method) => {
                let own = method.canonical();
                let told = theirs.map(|theirs| mismatch(theirs, &own));
                reply.give(told.unwrap_or(own).into_bytes())
            }
            None => Err(Error::not_found(name)),
        }
    }

    fn placement(&self) -> Placement {
        Placement::Pool
    }

    fn codecs(&self) -> &[Codec] {
        &[Codec::RAW, Codec::JSON]
    }
}
