//! Messages that grow: what an older and a newer side make of each other's archives,
//! and what their fingerprints say. (Bytes and mutants: see `archives`.)

// What the attributes name of crate `outrigger`, which stands above this one.
extern crate self as outrigger;
pub use outrigger_derive::message;
pub use outrigger_layout::Error;
pub use outrigger_layout::message::{Archived, Message};
/// What generated code names.
pub mod __private {
    pub use outrigger_layout::{message, schema, schema::node};
    pub use rkyv;
}

use outrigger_layout::message::{Archive, ArchiveMemory, Writer};
use outrigger_layout::schema::version::{extended, root};
use outrigger_layout::schema::{Document, Kind, MethodNode, Root, ServiceNode, hex};
use outrigger_layout::{Code, schema};

mod first {
    #[outrigger::message(extensible)]
    #[derive(Debug, PartialEq)]
    pub struct Visit {
        pub name: String,
        pub rooms: Vec<u16>,
        pub quiet: bool,
    }

    #[outrigger::message(extensible)]
    #[derive(Debug, PartialEq)]
    pub enum Mood {
        Calm,
        Busy(Box<String>),
    }
}

mod second {
    #[outrigger::message(extensible)]
    #[derive(Debug, PartialEq)]
    pub struct Visit {
        pub name: String,
        pub rooms: Vec<u16>,
        pub quiet: bool,
        /// Stands in what was padding.
        #[outrigger(since = 2)]
        pub late: Option<bool>,
        #[outrigger(since = 2)]
        pub guests: Option<Vec<String>>,
    }

    #[outrigger::message(extensible)]
    #[derive(Debug, PartialEq)]
    pub enum Mood {
        Calm,
        Busy(Box<String>),
        #[outrigger(since = 2)]
        Asleep,
    }
}

mod third {
    #[outrigger::message(extensible)]
    #[derive(Debug, PartialEq)]
    pub struct Visit {
        pub name: String,
        pub rooms: Vec<u16>,
        pub quiet: bool,
        #[outrigger(since = 2)]
        pub late: Option<bool>,
        #[outrigger(since = 2)]
        pub guests: Option<Vec<String>>,
        #[outrigger(since = 3)]
        pub note: Option<String>,
    }

    #[outrigger::message(extensible)]
    #[derive(Debug, PartialEq)]
    pub enum Mood {
        Calm,
        Busy(Box<String>),
        #[outrigger(since = 2)]
        Asleep,
        #[outrigger(since = 3)]
        Away {
            with: Box<Vec<u8>>,
        },
    }
}

/// Somebody else's second version.
mod other {
    #[outrigger::message(extensible)]
    #[derive(Debug)]
    pub struct Visit {
        pub name: String,
        pub rooms: Vec<u16>,
        pub quiet: bool,
        #[outrigger(since = 2)]
        pub guests: Option<String>,
    }
}

fn archive(message: &impl Message) -> ArchiveMemory {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, 1 << 16);
    message.encode(&mut writer).expect("it fits");
    let mut memory = ArchiveMemory::new();
    memory.extend_from_slice(&bytes);
    memory
}

fn read<M: Message>(message: &impl Message) -> Result<M, Error> {
    Archive::<M>::new(archive(message))?.load()
}

fn visit() -> third::Visit {
    third::Visit {
        name: "a name out of line".to_owned(),
        rooms: vec![1, 2, 3],
        quiet: true,
        late: Some(true),
        guests: Some(vec!["somebody".to_owned(), "somebody else".to_owned()]),
        note: Some("bring nothing".to_owned()),
    }
}

/// A method from `Q` to `R`.
const fn method<Q: Root, R: Root>() -> MethodNode {
    MethodNode {
        service: || &ServiceNode {
            name: "visits",
            rust_name: "Visits",
            doc: "",
            constants: &[],
            methods: &[],
        },
        name: "visits.take",
        own_name: "take",
        doc: "",
        request: root::<Q>,
        reply: root::<R>,
        error: None,
        placement: "inline",
        json: false,
        attachments: false,
    }
}

#[test]
fn an_older_archive_reads_as_none_in_what_came_later() {
    let third::Visit {
        name, rooms, quiet, ..
    } = visit();
    let first = first::Visit { name, rooms, quiet };
    let wanted = third::Visit {
        late: None,
        guests: None,
        note: None,
        ..visit()
    };
    assert_eq!(read::<third::Visit>(&first).unwrap(), wanted);
    let second: second::Visit = read(&visit()).unwrap();
    let wanted = third::Visit {
        note: None,
        ..visit()
    };
    assert_eq!(read::<third::Visit>(&second).unwrap(), wanted);
}

#[test]
fn a_newer_archive_reads_as_far_as_the_older_reader_knows() {
    let first: first::Visit = read(&visit()).unwrap();
    assert_eq!((first.rooms, first.quiet), (visit().rooms, true));
    let second: second::Visit = read(&visit()).unwrap();
    assert_eq!((second.late, second.guests), (Some(true), visit().guests));
}

#[test]
fn what_fills_an_older_struct_up_is_no_value_of_a_newer_field() {
    let first = first::Visit {
        name: String::new(),
        rooms: Vec::new(),
        quiet: true,
    };
    let mut bytes = archive(&first);
    assert_eq!(bytes.len(), 24, "eight, eight, one and three, the pointer");
    bytes[17..20].fill(1); // where `late` is
    assert_eq!(
        Archive::<second::Visit>::new(bytes)
            .unwrap()
            .load()
            .unwrap()
            .late,
        None
    );
}

#[test]
fn a_struct_of_no_version_is_refused_in_words() {
    for (len, words) in [
        (0_i32, "a message of 0 bytes"),
        (16, "a message of 16 bytes (allowed: 20, 32, 44 and more)"),
        (24, "a message of 24 bytes (allowed: 20, 32, 44 and more)"),
        (36, "a message of 36 bytes"),
    ] {
        let mut bytes = ArchiveMemory::new();
        bytes.resize(64, 0);
        bytes.extend_from_slice(&(-len).to_le_bytes());
        assert!(third::Visit::upgraded(&bytes).is_none());
        let error = Archive::<third::Visit>::new(bytes).unwrap_err();
        assert_eq!(error.code(), Code::SERIALIZATION);
        assert!(error.message().contains(words), "{error}");
    }
    for bytes in [&[][..], &[0; 3], &[0xff; 4], &(-20_i32).to_le_bytes()] {
        assert!(third::Visit::upgraded(bytes).is_none());
        assert!(third::Visit::access(bytes).is_err());
    }
}

#[test]
fn an_unknown_variant_is_refused_with_its_tag_and_the_known_ones() {
    let away = third::Mood::Away {
        with: Box::new(vec![1]),
    };
    for message in [away, third::Mood::Asleep] {
        let error = read::<first::Mood>(&message).unwrap_err();
        assert_eq!(error.code(), Code::SERIALIZATION);
        let tag = if message == third::Mood::Asleep { 2 } else { 3 };
        let words = format!("'{tag}' for enum 'ArchivedMood' (allowed: 0, 1)");
        assert!(error.message().contains(&words), "{error}");
    }
    let busy = third::Mood::Busy(Box::new("with a letter".to_owned()));
    let wanted = first::Mood::Busy(Box::new("with a letter".to_owned()));
    assert_eq!(read::<first::Mood>(&busy).unwrap(), wanted);
    assert_eq!(read::<third::Mood>(&wanted).unwrap(), busy);
}

#[test]
fn two_versions_fit_in_both_directions_and_two_branches_do_not() {
    let first = method::<first::Visit, first::Mood>().fingerprints();
    let second = method::<second::Visit, second::Mood>().fingerprints();
    let third = method::<third::Visit, third::Mood>().fingerprints();
    assert_eq!(second.older, [first.newest]);
    assert_eq!(third.older, [first.newest, second.newest]);
    let all = [&first, &second, &third];
    for client in all {
        for server in all {
            assert!(client.asked().any(|asked| server.accepts(&asked)));
        }
    }
    let other = method::<other::Visit, second::Mood>().fingerprints();
    assert_eq!(other.older, [first.newest]);
    for (client, server) in [(&other, &second), (&second, &other), (&other, &third)] {
        assert!(!client.asked().any(|asked| server.accepts(&asked)));
    }
}

/// Why an older version in common is not enough.
#[test]
fn two_branches_of_one_size_are_told_apart_by_what_the_client_asks_for_only() {
    mod counting {
        #[outrigger::message(extensible)]
        #[derive(Debug)]
        pub struct Visit {
            pub name: String,
            #[outrigger(since = 2)]
            pub guests: Option<u32>,
        }
    }
    mod weighing {
        #[outrigger::message(extensible)]
        #[derive(Debug)]
        pub struct Visit {
            pub name: String,
            #[outrigger(since = 2)]
            pub weight: Option<f32>,
        }
    }
    let visit = weighing::Visit {
        name: "Ada".to_owned(),
        weight: Some(1.0),
    };
    let misread: counting::Visit = read(&visit).unwrap();
    assert_eq!(
        (misread.name, misread.guests),
        (visit.name, Some(0x3f80_0000))
    );
    let server = method::<counting::Visit, ()>().fingerprints();
    let client = method::<weighing::Visit, ()>().fingerprints();
    assert_eq!(server.older, client.older, "both were appended to this one");
    assert!(
        server.accepts(&client.older[0]),
        "a client that is no newer"
    );
    assert!(!client.asked().any(|asked| server.accepts(&asked)));
}

#[test]
fn a_change_of_what_was_appended_is_another_message() {
    mod changed {
        #[outrigger::message(extensible)]
        #[derive(Debug)]
        pub struct Visit {
            pub name: String,
            pub rooms: Vec<u16>,
            pub quiet: bool,
            #[outrigger(since = 2)]
            pub late: Option<bool>,
            #[outrigger(since = 2)]
            pub guests: Option<Vec<Box<str>>>,
            #[outrigger(since = 3)]
            pub note: Option<String>,
        }
    }
    let second = method::<second::Visit, ()>().fingerprints();
    let changed = method::<changed::Visit, ()>().fingerprints();
    assert!(!second.asked().any(|asked| changed.accepts(&asked)));
    assert!(!changed.asked().any(|asked| second.accepts(&asked)));
}

#[test]
fn an_older_version_is_asked_for_by_the_digest_that_other_languages_make() {
    // sha256("extended" and sixteen zeros)
    assert_eq!(hex(&extended(&[0; 16])), "13db633367cb5db960d5ab8b89dfc747");
}

#[test]
fn the_text_of_an_older_version_is_the_text_that_the_older_side_has() {
    let (first, third) = (
        method::<first::Visit, first::Mood>(),
        method::<third::Visit, third::Mood>(),
    );
    let text = first.canonical();
    assert!(
        text.contains("\ntype 0 struct Visit extensible size 20 align 4\n"),
        "{text}"
    );
    assert!(
        text.contains(" enum Mood extensible size 8 align 4\n"),
        "{text}"
    );
    let newest = third.canonical();
    assert!(
        newest.contains("\ntype 0 struct Visit extensible size 44 align 4\n"),
        "{newest}"
    );
    assert!(!text.contains("since") && !newest.contains("since"));
}

/// A document of the third versions.
fn good_document() -> Document {
    static VISITS: ServiceNode = ServiceNode {
        name: "visits",
        rust_name: "Visits",
        doc: "",
        constants: &[],
        methods: &[MethodNode {
            service: || &VISITS,
            ..method::<third::Visit, third::Mood>()
        }],
    };
    Document::of(VISITS.methods)
}

/// What is said of a document that was changed.
fn refused(change: impl Fn(&mut Document)) -> String {
    let mut document = good_document();
    document.check().unwrap();
    change(&mut document);
    document.check().unwrap_err().message().to_owned()
}

#[test]
fn a_document_with_wrong_versions_is_refused_in_words() {
    let with_since = |numbers: &'static [u32]| {
        move |document: &mut Document| {
            let Kind::Struct { since, .. } = &mut document.types[0].kind else {
                panic!("no struct");
            };
            *since = numbers.to_vec();
        }
    };
    for (numbers, words) in [
        (
            &[1, 1, 1, 2, 2][..],
            "versions [1, 1, 1, 2, 2] of 6 members",
        ),
        (&[2, 2, 2, 2, 2, 2], "(from 1 to 100, not decreasing)"),
        (&[1, 1, 1, 3, 2, 3], "(from 1 to 100, not decreasing)"),
        (
            &[1, 1, 1, 2, 2, 4_000_000_000],
            "(from 1 to 100, not decreasing)",
        ),
        (&[1, 1, 2, 2, 2, 3], "appended field quiet is no Option"),
        (
            &[1, 1, 1, 2, 3, 4],
            "sizes [20, 20, 32, 44] of its versions (growing up to 44)",
        ),
        (&[1, 1, 1, 2, 2, 2], "has fingerprint"),
        (&[], "has fingerprint"),
    ] {
        let text = refused(with_since(numbers));
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_document_with_wrong_fingerprints_or_members_is_refused_in_words() {
    assert_eq!(good_document().services[0].methods[0].older.len(), 2);
    let text = refused(|document| document.services[0].methods[0].older.truncate(1));
    assert!(text.contains("visits.take has fingerprint"), "{text}");
    let text = refused(|document| {
        document.types.push(schema::Type {
            size: 4,
            align: 4,
            kind: Kind::Box { item: 0 },
        });
    });
    assert!(
        text.contains("has type 0 in it, which is extensible"),
        "{text}"
    );
    let last = |document: &mut Document, numbers: &[u32]| {
        for described in &mut document.types {
            if let Kind::Enum { since, .. } = &mut described.kind {
                *since = numbers.to_vec();
            }
        }
    };
    let text = refused(|document| last(document, &[1, 2, 2, 3]));
    assert!(text.contains("size 8, 1 at version 1 (the same)"), "{text}");
}
