//! What makes types the same and what makes them differ: names, parameters, the form
//! in which they are archived; and what of them comes through to Go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;

use outrigger::generate::{self, Document};
use outrigger::{Archived, Error, Message};
use outrigger_layout::message::{ArchiveMemory, Writer};
use outrigger_layout::schema::{Kind, MethodNode, canonical};

#[allow(dead_code, reason = "only their schemas are looked at")]
mod first {
    #[outrigger::message]
    pub(super) struct Item {
        pub(super) value: u8,
    }

    #[outrigger::message(name = "Thing")]
    pub(super) struct Named {
        pub(super) value: u8,
    }
}

#[allow(dead_code, reason = "only their schemas are looked at")]
mod second {
    #[outrigger::message]
    pub(super) struct Item {
        pub(super) value: u64,
    }
}

#[outrigger::message]
#[derive(Debug, PartialEq)]
struct Page<T> {
    items: Vec<T>,
}

/// Declares a service with methods of these requests, and gives its schema.
macro_rules! schema {
    ($($method:ident: $request:ty),*) => {{
        #[outrigger::service]
        #[allow(dead_code, reason = "only its schema is looked at")]
        trait Probe {
            $(fn $method(&self, request: &Archived<$request>) -> Result<(), Error>;)*
        }
        let methods: &'static [MethodNode] = ProbeClient::SCHEMA.methods;
        Document::of(methods)
    }};
}

/// The canonical text of each method's messages.
fn texts(document: &Document) -> Vec<String> {
    let methods = document.services[0].methods.iter();
    methods.map(|method| canonical(document, method)).collect()
}

/// The Go of a document's messages.
fn go(document: &Document) -> String {
    generate::go(document, &[]).expect("Go has it all")[0]
        .text
        .clone()
}

#[test]
fn two_types_of_one_name_are_two_and_named_for_their_modules() {
    let document = schema!(first: first::Item, second: second::Item);
    document.check().expect("it is sound");
    let methods = &document.services[0].methods;
    assert_ne!(methods[0].fingerprint, methods[1].fingerprint);
    let go = go(&document);
    assert!(go.contains("type FirstItem struct {\n\tValue uint8\n}"));
    assert!(go.contains("type SecondItem struct {\n\tValue uint64\n}"));
}

#[test]
fn two_types_of_one_name_and_path_are_two_and_refused_with_the_way_out() {
    fn small() -> &'static MethodNode {
        #[outrigger::message]
        struct Item {
            value: u8,
        }
        #[outrigger::service]
        #[allow(dead_code, reason = "only its schema is looked at")]
        trait Probe {
            fn small(&self, request: &Archived<Item>) -> Result<Item, Error>;
        }
        &ProbeClient::SCHEMA.methods[0]
    }
    fn large() -> &'static MethodNode {
        #[outrigger::message]
        struct Item {
            value: u64,
        }
        #[outrigger::service]
        #[allow(dead_code, reason = "only its schema is looked at")]
        trait Other {
            fn large(&self, request: &Archived<Item>) -> Result<Item, Error>;
        }
        &OtherClient::SCHEMA.methods[0]
    }
    let document = Document::of([small(), large()]);
    document.check().expect("it is sound");
    let services = document.services.iter();
    let sizes = services.map(|service| document.types[service.methods[0].request as usize].size);
    assert_eq!(sizes.collect::<Vec<_>>(), [8, 1], "other, probe");

    let mut joined = document.clone();
    let methods = joined.services.remove(0).methods;
    joined.services[0].methods.extend(methods);
    let refused = generate::go(&joined, &[]).expect_err("two names are one");
    let text = "types of one name: identity::Item and identity::Item: give one of them \
                another name with #[outrigger::message(name = \"…\")]";
    assert!(refused.message().contains(text), "{refused}");
}

#[test]
fn a_name_that_is_given_stands_in_the_schema_and_in_go() {
    let document = schema!(take: first::Named);
    let text = &texts(&document)[0];
    assert!(
        text.contains("\nrequest 0 Thing\n") && !text.contains("Named"),
        "{text}"
    );
    assert!(go(&document).contains("type Thing struct {"));
}

#[test]
fn each_instance_of_a_message_is_a_type_of_its_own() {
    let document = schema!(items: Page<first::Item>, numbers: Page<u32>, pages: Page<Page<u32>>);
    document.check().expect("it is sound");
    let names = texts(&document);
    for (text, name) in names
        .iter()
        .zip(["Page<Item>", "Page<u32>", "Page<Page<u32>>"])
    {
        assert!(
            text.contains(&format!("\ntype 0 struct {name} size 8 ")),
            "{text}"
        );
    }
    let go = go(&document);
    assert!(go.contains("type PageOfItem struct {\n\tItems []Item\n}"));
    assert!(go.contains("type PageOfU32 struct {\n\tItems []uint32\n}"));
    assert!(go.contains("type PageOfPageOfU32 struct {\n\tItems []PageOfU32\n}"));
    let structs = document.types.iter();
    let structs = structs.filter(|described| matches!(described.kind, Kind::Struct { .. }));
    assert_eq!(structs.count(), 4, "three pages, and an item");
}

#[outrigger::message]
#[derive(Debug, PartialEq)]
struct Remark {
    text: String,
    replies: Page<Self>,
}

#[test]
fn a_message_may_recurse_through_a_parameter() {
    let remark = |text: &str, replies| Remark {
        text: text.to_owned(),
        replies: Page { items: replies },
    };
    let written = remark("Is it so?", vec![remark("It is.", Vec::new())]);
    let (mut bytes, mut archive) = (Vec::new(), ArchiveMemory::new());
    let encoded = written.encode(&mut Writer::new(&mut bytes, 1024));
    encoded.expect("an archive");
    archive.extend_from_slice(&bytes);
    let read = Remark::access(&archive).expect("a valid archive");
    assert_eq!(Remark::load(read).expect("a remark"), written);
    let go = go(&schema!(take: Remark));
    assert!(go.contains("type PageOfRemark struct {\n\tItems []Remark\n}"));
}

#[test]
fn options_without_a_tag_stand_in_options_with_one() {
    #[outrigger::message]
    struct Holder {
        #[outrigger(niche)]
        boxed: Option<Option<Box<u64>>>,
        #[outrigger(niche)]
        number: Vec<Option<Option<NonZeroU32>>>,
    }
    let text = &texts(&schema!(take: Holder))[0];
    let kinds = ["option", "niche", "vec"].map(|kind| text.matches(&format!(" {kind} ")).count());
    assert_eq!(kinds, [2, 2, 1], "{text}");
}

#[allow(dead_code, reason = "only their schemas are looked at")]
mod forms {
    use super::*;

    macro_rules! holding {
        ($($name:ident: $(#[$attribute:meta])* $field:ty,)*) => {
            $(
                #[outrigger::message(name = "Holder")]
                pub(super) struct $name {
                    $(#[$attribute])*
                    field: $field,
                }
            )*
        };
    }

    holding! {
        Sorted: #[outrigger(as_vec)] BTreeMap<u32, u32>,
        Hashed: #[outrigger(as_vec)] HashMap<u32, u32>,
        Tuples: Vec<(u32, u32)>,
        Set: #[outrigger(as_vec)] BTreeSet<u32>,
        List: Vec<u32>,
        Tagged: Option<NonZeroU32>,
        Niched: #[outrigger(niche)] Option<NonZeroU32>,
        NonZero: NonZeroU32,
        Number: u32,
        Id: uuid::Uuid,
        Bytes: [u8; 16],
    }
}

#[test]
fn types_that_are_laid_out_alike_and_mean_something_else_have_other_fingerprints() {
    use forms::*;
    let document = schema!(
        sorted: Sorted, hashed: Hashed, tuples: Tuples, set: Set, list: List,
        tagged: Tagged, niched: Niched, non_zero: NonZero, number: Number,
        id: Id, bytes: Bytes
    );
    document.check().expect("it is sound");
    let methods = document.services[0].methods.iter();
    let all: Vec<&str> = methods.map(|method| &*method.fingerprint).collect();
    let [
        sorted,
        hashed,
        tuples,
        set,
        list,
        tagged,
        niched,
        non_zero,
        number,
        id,
        bytes,
    ] = all[..]
    else {
        panic!("{} methods", all.len());
    };
    assert_eq!(sorted, hashed, "an archive does not tell which map it was");
    assert_eq!(id, bytes, "an id is its bytes");
    let mut distinct = vec![
        sorted, tuples, set, list, tagged, niched, non_zero, number, id,
    ];
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 9);
}

/// A message of every form, before and after something was added.
#[allow(dead_code, reason = "only their schemas are looked at")]
mod growing {
    use super::*;

    macro_rules! version {
        ($module:ident { $($variant:tt)* } { $($field:tt)* }) => {
            pub(super) mod $module {
                use super::*;

                #[outrigger::message]
                pub(in super::super) enum Event {
                    Unit,
                    Tuple(u8, String),
                    Recursive(Box<Event>),
                    Generic(Page<u16>),
                    Id(uuid::Uuid),
                    Map {
                        #[outrigger(as_vec)]
                        prices: BTreeMap<String, u32>,
                    },
                    $($variant)*
                }

                #[outrigger::message]
                pub(in super::super) struct Log {
                    events: Vec<Event>,
                    $($field)*
                }
            }
        };
    }

    version!(before {} {});
    version!(after { Added(char), } { added: Option<u64>, });
}

#[test]
fn cx_13_a_field_and_a_variant_that_are_added_come_through_beside_all_forms() {
    let [before, after] = [
        schema!(take: growing::before::Log),
        schema!(take: growing::after::Log),
    ];
    let folder = std::env::temp_dir().join(format!("outrigger-cx-13-{}", std::process::id()));
    generate::write_go(&before, &folder).expect("it can be written");
    let stale = generate::check_go(&after, &folder).expect_err("something was added");
    assert!(
        stale
            .message()
            .contains("stale: run `outrigger gen go` again"),
        "{stale}"
    );
    generate::write_go(&after, &folder).expect("it can be written");
    generate::check_go(&after, &folder).expect("it was regenerated");
    std::fs::remove_dir_all(&folder).expect("it is ours");

    let methods = [&before, &after].map(|document| &document.services[0].methods[0]);
    assert_ne!(methods[0].fingerprint, methods[1].fingerprint);
    let [before, after] = [go(&before), go(&after)];
    for form in [
        "type EventUnit struct{}",
        "type EventTuple struct {\n\tField0 uint8\n\tField1 string\n}",
        "type EventRecursive struct {\n\tValue *Event\n}",
        "type EventGeneric struct {\n\tValue PageOfU16\n}",
        "type EventID struct {\n\tValue [16]byte\n}",
        "type EventMap struct {\n\tPrices []rkyv.Entry[string, uint32]\n}",
    ] {
        assert!(before.contains(form) && after.contains(form), "{form}");
    }
    for added in [
        "type EventAdded struct {\n\tValue rune\n}",
        "Added  rkyv.Option[uint64]",
    ] {
        assert!(!before.contains(added) && after.contains(added), "{added}");
    }
}
