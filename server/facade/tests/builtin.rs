//! The built-in methods: typed, as JSON and by hand, and what is told to a client that
//! takes them for something else.

use std::sync::Arc;

use outrigger::server::builtin_schema;
use outrigger::{Client, Code, Codec, Error, Server, handler};

mod process;

use process::Serving;

/// A program's own declaration; its messages have the names and fields of the server's.
#[outrigger::message(extensible)]
struct ServerVersion {
    text: String,
}

#[outrigger::message(extensible)]
struct MethodNames {
    names: Vec<String>,
}

#[allow(dead_code, reason = "it is only called")]
#[outrigger::service(name = "outrigger")]
trait BuiltIn {
    fn version(&self) -> Result<ServerVersion, Error>;
    fn methods(&self) -> Result<MethodNames, Error>;
}

/// Takes the list for a text.
mod mistaken {
    use outrigger::Error;

    #[outrigger::message(extensible)]
    pub(crate) struct MethodNames {
        names: String,
    }

    #[allow(dead_code, reason = "it is only called")]
    #[outrigger::service(name = "outrigger")]
    pub(crate) trait BuiltIn {
        fn methods(&self) -> Result<MethodNames, Error>;
    }
}

/// A server with as many methods more as do not fit in a slot.
fn serving() -> Serving {
    let mut builder = Server::builder();
    for number in 0..100 {
        let name = format!("own.number.{number:03}");
        builder = builder.handler(&name, handler::bytes(|_, bytes| Ok(bytes.to_vec())));
    }
    Serving::start(builder)
}

fn text(client: &Client, method: &str, codec: Codec, value: Option<&[u8]>) -> String {
    let reply = client
        .call(method, value)
        .codec(codec)
        .wait()
        .expect(method);
    String::from_utf8(reply.bytes().to_vec()).expect("text")
}

#[test]
fn every_codec_says_the_same_and_what_was_sent_by_hand_does_not_matter() {
    let serving = serving();
    let (client, typed) = (serving.client(), BuiltInClient::new(serving.client()));
    let version = outrigger::server::VERSION;
    assert_eq!(typed.version().wait().expect("a version").text, version);
    for value in [None, Some(&b""[..]), Some(b"{}"), Some(b"anything")] {
        let raw = text(&client, "outrigger.version", Codec::RAW, value);
        assert_eq!(raw, version, "{value:?}");
        let json = text(&client, "outrigger.version", Codec::JSON, value);
        assert_eq!(json, format!("\"{version}\""), "{value:?}");
    }
    let listed = client.methods().expect("names");
    assert_eq!(listed.len(), 105);
    let json = text(&client, "outrigger.methods", Codec::JSON, None);
    assert_eq!(text(&client, "outrigger.methods", Codec::RAW, None), json);
    let reply = typed.methods().wait().expect("names");
    let names: Vec<_> = reply.names.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, listed);
}

#[test]
fn a_client_that_takes_them_for_something_else_is_told_so_in_words() {
    let serving = serving();
    let typed = mistaken::BuiltInClient::new(serving.client());
    let error = typed.methods().wait().expect_err("another type");
    assert_eq!(error.code(), Code::VERSION_MISMATCH);
    let words = "field names is String in the client, Vec<String> in the server";
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn they_are_in_a_schema_of_their_own_and_cannot_be_replaced() {
    let builder = Server::builder();
    let registry = builder.registry();
    assert!(registry.schema().services.is_empty());
    let own = builtin_schema();
    own.check().expect("a sound schema");
    let names = own.services.iter().map(|service| &*service.name);
    assert_eq!(names.collect::<Vec<_>>(), ["outrigger"]);
    let reserved = registry.register_service(BuiltInServer::shared(Arc::new(Liar)));
    let reserved = reserved.expect_err("the names are the server's own");
    assert_eq!(reserved.code(), Code::INVALID_ARGUMENT);
}

struct Liar;

impl BuiltIn for Liar {
    fn version(&self) -> Result<ServerVersion, Error> {
        let text = "99".to_owned();
        Ok(ServerVersion { text })
    }

    fn methods(&self) -> Result<MethodNames, Error> {
        let names = Vec::new();
        Ok(MethodNames { names })
    }
}
