//! Where a large request, or a large typed reply, is read: in a private copy, or where the
//! other side wrote it.

#![allow(unsafe_code, reason = "the promise of a test that changes nothing")]

use std::fs;
use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use outrigger::client::ArchiveMemory;
use outrigger::server::Builder;
use outrigger::{Archived, Client, Error, Server, handler};

#[allow(dead_code, reason = "the testbed serves it; here are its messages")]
#[path = "../examples/testbed/diaries.rs"]
mod diaries;
mod process;

use diaries::{first, second};
use process::{Serving, eventually};

/// Asks for a story.
#[outrigger::message]
#[derive(Debug)]
pub struct Order {
    /// So many words of it.
    pub words: u32,
}

/// A story.
#[outrigger::message]
#[derive(Debug)]
pub struct Story {
    /// Its words.
    pub text: Vec<u64>,
}

/// Tells stories.
#[outrigger::service]
pub trait Stories {
    /// Tells one of so many words.
    fn tell(&self, order: &Archived<Order>) -> Result<Story, Error>;
}

struct Teller;

impl Stories for Teller {
    fn tell(&self, order: &Archived<Order>) -> Result<Story, Error> {
        let text = (0..u64::from(u32::from(order.words))).collect();
        Ok(Story { text })
    }
}

fn telling() -> Serving {
    Serving::start(Server::builder().service(StoriesServer::new(Teller)))
}

/// A client that has promised that this test's server writes nothing that it has lent.
fn trusting(serving: &Serving) -> Client {
    // SAFETY: the server is the one of this test, which writes nothing that it has lent.
    let options = unsafe { Client::builder().trust_server_in_place() };
    options.connect(&serving.socket()).expect("it listens")
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
        thread::yield_now();
    }
}

/// A server whose method says where its request lies: `shared` or `private`.
fn whereabouts() -> Builder {
    let method = handler::bytes(|_, bytes: &[u8]| {
        let text = if is_shared(bytes)? {
            "shared"
        } else {
            "private"
        };
        Ok(text.as_bytes().to_vec())
    });
    Server::builder().handler("where", method)
}

/// True if the bytes lie in a memfd that this process has mapped.
fn is_shared(bytes: &[u8]) -> Result<bool, Error> {
    let maps = fs::read_to_string("/proc/self/maps").map_err(Error::serialization)?;
    let address = bytes.as_ptr().addr();
    let holds = |line: &str| {
        let (range, _) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).ok());
        Some((start?..end?).contains(&address) && line.contains("/memfd:"))
    };
    Ok(maps.lines().any(|line| holds(line) == Some(true)))
}

fn answers(client: &Client) -> [String; 2] {
    [100, 100_000].map(|len| {
        let mut reply = Vec::new();
        client
            .call_into("where", &vec![7; len], &mut reply)
            .unwrap();
        String::from_utf8(reply).unwrap()
    })
}

#[test]
fn requests_are_read_in_a_private_copy_unless_the_program_promises() {
    let serving = Serving::start(whereabouts());
    assert_eq!(answers(&serving.client()), ["private", "private"]);
}

#[test]
fn sm_04_in_place_only_what_the_program_has_promised_and_no_slot_ever() {
    // SAFETY: this test's client changes nothing that it has sent.
    let builder = unsafe { whereabouts().trust_clients_in_place() };
    let serving = Serving::start(builder);
    assert_eq!(answers(&serving.client()), ["private", "shared"]);
}

#[test]
fn typed_replies_are_read_in_a_private_copy_unless_the_program_promises() {
    let serving = telling();
    let client = serving.client();
    let stories = StoriesClient::new(client.clone());
    for words in [10, 10_000] {
        let story = stories.tell(&Order { words }).wait().unwrap();
        assert!(!is_shared(story.bytes()).unwrap());
        assert_eq!(story.text.len(), words as usize);
    }
    assert_eq!(client.stats().returns, 1, "the buffer went back at once");
    assert!(client.stats().copied_out >= 80_000);
}

#[test]
fn a_typed_reply_that_is_read_in_place_goes_back_when_it_is_dropped() {
    let serving = telling();
    let client = trusting(&serving);
    let stories = StoriesClient::new(client.clone());
    let lent = || serving.handle.sessions()[0].lent.buffers;
    let order = Order { words: 10_000 };
    let story = stories.tell(&order).wait().unwrap();
    assert!(is_shared(story.bytes()).unwrap());
    assert_eq!(story.text.len(), 10_000);
    assert_eq!(story.text[9999], 9999);
    assert_eq!(lent(), 1);
    let awaited = block_on(stories.tell(&order).into_future()).unwrap();
    assert!(is_shared(awaited.bytes()).unwrap());
    assert_eq!(awaited.load().unwrap().text[9999], 9999);
    assert_eq!((lent(), client.stats().returns), (2, 0));
    assert_eq!(client.stats().copied_out, 0);
    drop(awaited);
    let (attached, none) = stories.tell(&order).wait_attached().unwrap();
    assert!(is_shared(attached.bytes()).unwrap() && none.is_empty());
    let copy = attached.into_memory();
    assert!(!is_shared(&copy).unwrap());
    eventually("two are back", || lent() == 1);
    // Of memory that is the caller's, and what was in a slot, there is nothing to return.
    let mut memory = ArchiveMemory::new();
    let viewed = stories.tell(&order).wait_into(&mut memory).unwrap();
    assert_eq!(viewed.text.len(), 10_000);
    assert!(!is_shared(&memory).unwrap());
    let small = stories.tell(&Order { words: 3 }).wait().unwrap();
    assert!(!is_shared(small.bytes()).unwrap());
    // It stays readable when everything else has ended.
    client.close();
    drop((client, stories, serving));
    assert!(story.text.iter().map(|word| u64::from(*word)).eq(0..10_000));
}

#[test]
fn an_older_reply_is_not_kept_in_place_as_it_has_no_room_for_what_came_later() {
    let builder = Server::builder();
    diaries::serve(&builder.registry(), "first").expect("a version");
    let serving = Serving::start(builder);
    let client = trusting(&serving);
    let diaries = second::DiariesClient::new(client.clone());
    let entry = second::Entry {
        text: "long ".repeat(2000),
        pages: vec![1],
        weather: second::Weather::Wet(Box::new("to the skin".to_owned())),
        readers: None,
    };
    let receipt = diaries.keep(&entry).wait().expect("kept");
    assert_eq!(
        (&*receipt.text, receipt.version.into()),
        (&*entry.text, 1_u32)
    );
    assert!(!is_shared(receipt.bytes()).unwrap());
    assert_eq!(client.stats().returns, 1);
    let diaries = first::DiariesClient::new(client);
    let entry = first::Entry {
        text: entry.text,
        pages: vec![1],
        weather: first::Weather::Wet(Box::new("to the skin".to_owned())),
    };
    let receipt = diaries.keep(&entry).wait().expect("kept");
    assert!(is_shared(receipt.bytes()).unwrap());
}
