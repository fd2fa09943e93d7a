//! The methods every server has: `outrigger.echo`, `outrigger.version`,
//! `outrigger.methods`, `outrigger.schema`.

use std::sync::{Arc, Weak};

use outrigger_layout::schema::mismatch::{TEXT_MAX, mismatch};
use outrigger_layout::{Code, Codec, Error};

use crate::context::Context;
use crate::handler::{Handler, Placement};
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::Request;

/// Registers the built-in methods.
pub(crate) fn register(registry: &Arc<Registry>) -> Result<(), Error> {
    registry.insert("outrigger.echo", Arc::new(Echo))?;
    registry.insert("outrigger.version", Arc::new(Version))?;
    let registered = Arc::downgrade(registry);
    registry.insert(
        "outrigger.methods",
        Arc::new(Methods {
            registered: registered.clone(),
        }),
    )?;
    registry.insert("outrigger.schema", Arc::new(Schema { registered }))?;
    Ok(())
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

/// Returns the version of the server's crate: text, or a JSON string.
struct Version;

impl Handler for Version {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        if request.codec() == Codec::JSON {
            return reply.set(format!("\"{}\"", crate::VERSION).as_bytes());
        }
        reply.set(crate::VERSION.as_bytes())
    }

    fn codecs(&self) -> &[Codec] {
        &[Codec::RAW, Codec::JSON]
    }
}

/// Returns the names of all methods as a JSON array, sorted.
struct Methods {
    registered: Weak<Registry>,
}

impl Handler for Methods {
    fn call(&self, _: &Context<'_>, _: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
        let names = self
            .registered
            .upgrade()
            .map(|registry| registry.list())
            .unwrap_or_default();
        serde_json::to_writer(&mut *reply, &names).map_err(|error| reply.explain(&error))
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
