//! Names that generated code could trip over: see `names_test.go` for Go's side.

mod process;
#[path = "../examples/testbed/words.rs"]
mod words;

use outrigger::client::TypedCall;
use outrigger::{Error, Server};
use process::Serving;
use words::{Book, DictionaryClient, DictionaryServer, Words};

type Method = for<'a> fn(&'a DictionaryClient, &'a Words) -> TypedCall<'a, Words, Words, Error>;

#[test]
fn methods_with_fields_and_parameters_of_every_name_work_nf33() {
    let service = DictionaryServer::new(Book);
    let serving = Serving::start(Server::builder().service(service));
    let client = DictionaryClient::new(serving.client());
    let words = Words {
        r#type: 1,
        err: "a\0b".to_owned(),
        ctx: 2,
        len: 3,
        id: 4,
        Bytes: vec![5],
        String: "six".to_owned(),
        Error: "a seventh, above eight bytes".to_owned(),
        Load: true,
        Release: Some(8),
        bytes: [9, 10],
        UserId: 11,
        encode_archive: -12,
        callback: vec![13],
        data: "fourteen".into(),
        value: 15,
        e: 16,
    };
    let methods: [(&str, Method); 14] = [
        ("type", DictionaryClient::r#type),
        ("err", DictionaryClient::err),
        ("ctx", DictionaryClient::ctx),
        ("len", DictionaryClient::len),
        ("id", DictionaryClient::id),
        ("bytes", DictionaryClient::bytes),
        ("string", DictionaryClient::string),
        ("error", DictionaryClient::error),
        ("load", DictionaryClient::load),
        ("release", DictionaryClient::release),
        ("user_id", DictionaryClient::user_id),
        ("invoke", DictionaryClient::invoke),
        ("callback", DictionaryClient::callback),
        ("data", DictionaryClient::data),
    ];
    for (name, method) in methods {
        let reply = method(&client, &words).wait().expect(name);
        assert_eq!(reply.load().expect(name), words, "{name}");
    }
}

/// A message may be called as a type parameter often is.
#[outrigger::message]
#[derive(Debug, PartialEq)]
pub struct T {
    /// Its place in the alphabet.
    pub number: u32,
}

/// A service with that message.
#[outrigger::service]
pub trait Alphabet {
    /// Returns the letter.
    fn letter(&self, request: &outrigger::Archived<T>) -> Result<T, Error>;
}

impl Alphabet for Book {
    fn letter(&self, request: &outrigger::Archived<T>) -> Result<T, Error> {
        <T as outrigger::Message>::load(request)
    }
}

#[test]
fn a_message_may_be_called_t() {
    let service = AlphabetServer::new(Book);
    let serving = Serving::start(Server::builder().service(service));
    let client = AlphabetClient::new(serving.client());
    let reply = client.letter(&T { number: 20 }).wait().unwrap();
    assert_eq!(reply.load().unwrap(), T { number: 20 });
}
