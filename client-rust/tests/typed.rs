//! Typed calls with attachments, and what becomes of those when a call is tried in the
//! words of an older version.

mod fake;

use std::future::IntoFuture;
use std::time::Duration;

use fake::{Fake, Knobs, Message, Task, block_on, named, pair};
use outrigger::client::{Archive, ArchiveMemory};
use outrigger_client::{Buffer, Client, Code, Error};
use outrigger_layout::buffer::{BufferRef, Refusal};
use outrigger_layout::frame::control;
use outrigger_layout::segment::side;

const LONG: Duration = Duration::from_secs(60);

/// A note, of which there are two versions.
#[outrigger::message(extensible)]
#[derive(Debug)]
pub struct Note {
    /// What it says.
    pub text: String,
    /// Who wrote it.
    #[outrigger(since = 2)]
    pub author: Option<String>,
}

/// Keeps notes.
#[outrigger::service]
pub trait Notes {
    /// Keeps one.
    fn keep(&self, note: &outrigger::Archived<Note>) -> Result<Note, Error>;
}

type Kept = Result<(Archive<Note>, Vec<Buffer>), Error>;

fn note() -> Note {
    Note {
        text: "remember the milk".to_owned(),
        author: Some("Ada".to_owned()),
    }
}

/// Has a buffer that the fake grants in a fresh extent.
fn granted(client: &Client, fake: &mut Fake) -> Buffer {
    let asking = Task::run({
        let client = client.clone();
        move || Buffer::from_bytes(&client, &[7; 300])
    });
    let (alloc, _) = fake.alloc();
    let extent = fake.extent(side::CLIENT, 4096, 1);
    fake.grant(&alloc, &fake.buffer(extent, 0));
    asking.get().unwrap()
}

/// Keeps a note with an attachment, in a thread of its own.
fn keep(client: &Client, attached: Buffer) -> Task<Kept> {
    let notes = NotesClient::new(client.clone());
    Task::run(move || {
        notes
            .keep(&note())
            .attach(attached)
            .timeout(LONG)
            .wait_attached()
    })
}

/// The one attachment of a call, and the note's archive.
#[track_caller]
fn taken(request: &Message) -> (BufferRef, Vec<u8>) {
    let (names, count, value) = named(request);
    assert_eq!((names.len(), count), (1, 1));
    (names[0], value.unwrap())
}

#[test]
fn a_typed_call_carries_attachments_both_ways() {
    let (client, mut fake) = pair(Knobs::default());
    let attached = granted(&client, &mut fake);
    let call = keep(&client, attached);
    let request = fake.call("notes.keep");
    let (name, archive) = taken(&request);
    assert_eq!(fake.bytes(&name), [7; 300]);
    let extent = fake.extent(side::SERVER, 4096, 2);
    let lent = [0, 1].map(|index| fake.buffer(extent, index));
    fake.attach(&request, &archive, &lent);
    let (kept, attached) = call.get().unwrap();
    assert_eq!(kept.text, "remember the milk");
    assert_eq!(attached.len(), 2);
    drop(attached);
    assert_eq!([fake.give_back().index, fake.give_back().index], [0, 1]);
    // Awaited, with the archive in a buffer, too.
    let attached = granted(&client, &mut fake);
    let answering = Task::run(move || {
        let request = fake.call("notes.keep");
        let (_, archive) = taken(&request);
        let mapping = fake.mapping(extent);
        mapping.copy_in(0, &archive).unwrap();
        let mut value = fake.buffer(extent, 0);
        value.length = archive.len() as u64;
        let names = fake::names(&[value, fake.buffer(extent, 1)], 1);
        fake.push_names(&request, &names);
        fake
    });
    let notes = NotesClient::new(client);
    let note = note();
    let call = notes.keep(&note).attach(attached).timeout(LONG);
    let (kept, attached) = block_on(call.attached()).unwrap();
    assert_eq!(kept.author.as_deref(), Some("Ada"));
    let mut fake = answering.get();
    assert_eq!(fake.give_back().index, 0, "the archive was copied");
    assert!(!fake.is_returned());
    drop(attached);
    assert_eq!(fake.give_back().index, 1);
}

#[test]
fn who_does_not_ask_for_attachments_gives_them_back_unread() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::SERVER, 4096, 1);
    let ways: [fn(NotesClient) -> Result<(), Error>; 3] = [
        |notes| notes.keep(&note()).wait().map(drop),
        |notes| {
            let mut memory = ArchiveMemory::new();
            notes.keep(&note()).wait_into(&mut memory).map(drop)
        },
        |notes| block_on(notes.keep(&note()).into_future()).map(drop),
    ];
    for way in ways {
        let notes = NotesClient::new(client.clone());
        let call = Task::run(move || way(notes));
        let request = fake.call("notes.keep");
        let reference = fake.buffer(extent, 0);
        fake.attach(&request, &request.payload, &[reference]);
        call.get().unwrap();
        assert_eq!(fake.give_back(), reference);
    }
}

#[test]
fn a_reply_that_is_no_archive_gives_its_attachments_back() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::SERVER, 4096, 1);
    let attached = granted(&client, &mut fake);
    let call = keep(&client, attached);
    let request = fake.call("notes.keep");
    let reference = fake.buffer(extent, 0);
    fake.attach(&request, b"nonsense", &[reference]);
    assert_eq!(call.get().unwrap_err().code(), Code::SERIALIZATION);
    assert_eq!(fake.give_back(), reference);
}

#[test]
fn attachments_stay_with_a_call_that_is_bound_in_older_words() {
    let (client, mut fake) = pair(Knobs::default());
    let attached = granted(&client, &mut fake);
    fake.hold_binds = true;
    let call = keep(&client, attached);
    let (bind, _) = fake.frame(control::BIND);
    fake.post(control::BOUND, Code::VERSION_MISMATCH, bind.token, b"");
    let (bind, body) = fake.frame(control::BIND);
    fake.bind(bind.token, &body);
    fake.hold_binds = false;
    let request = fake.call("notes.keep");
    let (name, archive) = taken(&request);
    assert_eq!(fake.bytes(&name), [7; 300]);
    fake.answer(&request, &archive);
    let (kept, attached) = call.get().unwrap();
    assert_eq!((&*kept.text, attached.len()), ("remember the milk", 0));
    assert!(!fake.is_returned());
}

#[test]
fn a_call_whose_attachments_were_sent_is_not_tried_again_without_them() {
    let (client, mut fake) = pair(Knobs::default());
    let attached = granted(&client, &mut fake);
    let call = keep(&client, attached);
    let request = fake.call("notes.keep");
    taken(&request);
    fake.fail(&request, Code::VERSION_MISMATCH, b"another handler since");
    // It asks in which words they differ, and for that needs a buffer.
    let (alloc, len) = fake.alloc();
    let refusal = Refusal {
        needed: len,
        available: 0,
    };
    fake.refuse(&alloc, Code::RESOURCE_EXHAUSTED, &refusal);
    let error = call.get().unwrap_err();
    assert_eq!(error.code(), Code::VERSION_MISMATCH);
    assert_eq!(error.message(), "another handler since");
    assert!(fake.try_request().is_none());
}
