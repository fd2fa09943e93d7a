//! `outrigger schema diff`: what differs in words, whether it is safe, and the exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use outrigger::generate::Document;
use outrigger::{Archived, Error, Server};

#[allow(dead_code, reason = "only their schema is looked at")]
#[path = "../examples/testbed/diaries.rs"]
mod diaries;
mod process;

use process::{Sidecar, folder, testbed};

/// Two schemas as files, and the command over them.
struct Two {
    folder: PathBuf,
}

impl Two {
    fn of(old: &Document, new: &Document) -> Self {
        let folder = folder();
        for (name, document) in [("old.json", old), ("new.json", new)] {
            document.check().expect("it is sound");
            let text = serde_json::to_vec(document).expect("JSON");
            fs::write(folder.join(name), text).expect("a file");
        }
        Self { folder }
    }

    /// Exit code and standard output.
    fn diff(&self) -> (Option<i32>, String) {
        diff(&self.folder.join("old.json"), &self.folder.join("new.json"))
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).expect("the folder");
    }
}

fn diff(old: &Path, new: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_outrigger"))
        .args(["schema", "diff"])
        .args([old, new])
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.stderr.is_empty(), output.status.success());
    (output.status.code(), text)
}

fn version(name: &str) -> Document {
    let builder = Server::builder();
    diaries::serve(&builder.registry(), name).expect("a version");
    builder.registry().schema()
}

fn of(service: impl outrigger::Service) -> Document {
    Server::builder().service(service).registry().schema()
}

#[test]
fn what_was_appended_is_safe_in_both_directions() {
    let (first, second) = (version("first"), version("second"));
    let (code, text) = Two::of(&first, &second).diff();
    assert_eq!(code, Some(0), "{text}");
    let wanted = "\
diaries.keep: safe in both directions: the new side has appended
  Weather: variant Fog is new (since 2); who does not know it refuses it
  Entry: field readers: Option<Vec<String>> is new (since 2)
  Receipt: field readers: Option<Vec<String>> is new (since 2)
  Refused: field instead: Option<Box<str>> is new (since 2)
";
    assert!(text.starts_with(wanted), "{text}");
    let (code, text) = Two::of(&second, &first).diff();
    assert_eq!(code, Some(0), "{text}");
    let wanted = "diaries.keep: safe in both directions: the old side has appended";
    assert!(text.starts_with(wanted), "{text}");
    assert!(
        text.contains("\n  Weather: variant Fog is gone\n"),
        "{text}"
    );
}

#[test]
fn equal_schemas_differ_in_nothing_wherever_they_come_from() {
    let both = Two::of(&version("second"), &version("second"));
    assert_eq!(
        both.diff(),
        (Some(0), "no method and no constant differs\n".to_owned())
    );
    let sidecar = Sidecar::start(&[]);
    let server = format!("unix://{}", sidecar.socket());
    let (code, text) = diff(&testbed(), Path::new(&server));
    assert_eq!(
        (code, &*text),
        (Some(0), "no method and no constant differs\n")
    );
}

#[test]
fn a_sidecar_itself_says_what_differs_from_its_former_schema() {
    let folder = folder();
    let file = folder.join("schema.json");
    let run = |words: &[&std::ffi::OsStr]| {
        let output = Command::new(testbed())
            .args(words)
            .output()
            .expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), text)
    };
    let (code, text) = run(&["schema".as_ref()]);
    assert_eq!(code, Some(0));
    fs::write(&file, &text).expect("a file");
    let words: [&std::ffi::OsStr; 3] = ["schema".as_ref(), "diff".as_ref(), file.as_ref()];
    assert_eq!(
        run(&words),
        (Some(0), "no method and no constant differs\n".to_owned())
    );
    let second = serde_json::to_vec(&version("second")).expect("JSON");
    fs::write(&file, second).expect("a file");
    let (code, text) = run(&words);
    assert_eq!(code, Some(76), "{text}");
    assert!(text.contains("diaries.keep: not safe for old clients: the method is gone"));
    fs::remove_dir_all(&folder).expect("the folder");
    assert_eq!(run(&words), (Some(64), String::new()));
}

#[test]
fn branches_and_methods_that_are_gone_need_a_new_version() {
    let (code, text) = Two::of(&version("second"), &version("branch")).diff();
    assert_eq!(code, Some(76), "{text}");
    for words in [
        "diaries.keep: needs a new version: both refuse each other (VERSION_MISMATCH)",
        "  Entry: field readers is gone\n",
        "  Entry: field secret: Option<String> is new (since 2)\n",
        "diaries.post: not safe for old clients: the method is gone (NOT_FOUND)\n  \
         it was Entry -> Receipt or Refused\n",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let (code, text) = Two::of(&version("branch"), &version("second")).diff();
    assert_eq!(code, Some(76), "{text}");
    let words = "diaries.post: safe for old clients: the method is new (old servers: NOT_FOUND)";
    assert!(text.contains(words), "{text}");
}

#[allow(dead_code, reason = "only its schema is looked at")]
mod before {
    use super::{Archived, Error};

    #[outrigger::message]
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Item {
        name: String,
        count: u16,
        digest: [u8; 16],
        next: Option<Box<Self>>,
        color: Color,
        pair: (u8, u32),
        gone: bool,
    }

    #[outrigger::message]
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) enum Color {
        Red = 1,
        Green = 2,
    }

    #[outrigger::service(name = "store", json)]
    pub(super) trait Store {
        fn put(&self, item: &Archived<Item>) -> Result<(), Error>;
        fn count(&self) -> Result<Item, Error>;
        fn paint(&self, color: &Archived<Color>) -> Result<(), Error>;
    }

    pub(super) struct Shop;

    impl Store for Shop {
        fn put(&self, _: &Archived<Item>) -> Result<(), Error> {
            Ok(())
        }
        fn count(&self) -> Result<Item, Error> {
            Err(Error::cancelled())
        }
        fn paint(&self, _: &Archived<Color>) -> Result<(), Error> {
            Ok(())
        }
    }
}

#[allow(dead_code, reason = "only its schema is looked at")]
mod after {
    use super::{Archived, Error};

    #[outrigger::message]
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Item {
        count: u32,
        name: String,
        digest: [u8; 32],
        next: Option<Box<Self>>,
        color: Color,
        pair: (u8, u64),
        brand: String,
    }

    #[outrigger::message]
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) enum Color {
        Red = 1,
        Green = 3,
    }

    #[outrigger::service(name = "store")]
    pub(super) trait Store {
        fn put(&self, item: &Archived<Item>) -> Result<(), Error>;
        #[outrigger(pool)]
        fn count(&self) -> Result<super::before::Item, Error>;
        fn paint(&self, color: &Archived<super::before::Color>) -> Result<(), Error>;
    }

    pub(super) struct Shop;

    impl Store for Shop {
        fn put(&self, _: &Archived<Item>) -> Result<(), Error> {
            Ok(())
        }
        fn count(&self) -> Result<super::before::Item, Error> {
            Err(Error::cancelled())
        }
        fn paint(&self, _: &Archived<super::before::Color>) -> Result<(), Error> {
            Ok(())
        }
    }
}

#[test]
fn every_other_change_is_told_and_needs_a_new_version() {
    let old = of(before::StoreServer::new(before::Shop));
    let new = of(after::StoreServer::new(after::Shop));
    let (code, text) = Two::of(&old, &new).diff();
    assert_eq!(code, Some(76), "{text}");
    for words in [
        "store.put: needs a new version: both refuse each other (VERSION_MISMATCH)",
        "  Item.count: was u16, is u32\n",
        "  Item.digest: was [u8; 16], is [u8; 32]\n",
        "  Color::Green: tag was 2, is 3\n",
        "  Item.pair: was (u8, u32), is (u8, u64)\n",
        "  Item: field gone is gone\n",
        "  Item: field brand: String is new\n",
        "  Item: its fields stand in another order\n",
        "  codecs: was rkyv, json, is rkyv\n",
        "store.count: not safe for old clients: no JSON",
        "  runs: was inline, is pool\n",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    let (code, text) = Two::of(&new, &old).diff();
    assert_eq!(code, Some(76), "{text}");
    for words in [
        "store.put: needs a new version",
        "store.count: safe in both directions: the messages are the same\n",
        "store.paint: safe in both directions: the messages are the same\n  \
         codecs: was rkyv, is rkyv, json\n",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
}

#[test]
fn attachments_need_a_new_version() {
    #[allow(dead_code, reason = "only its schema is looked at")]
    mod without {
        #[outrigger::service(name = "images")]
        trait Images {
            #[outrigger(pool)]
            fn turn(&self) -> Result<(), outrigger::Error>;
        }
        pub(super) const METHODS: &[outrigger::__private::schema::MethodNode] =
            ImagesClient::SCHEMA.methods;
    }
    #[allow(dead_code, reason = "only its schema is looked at")]
    mod with {
        #[outrigger::service(name = "images")]
        trait Images {
            fn turn(&self, attached: &mut outrigger::Attached<'_>) -> Result<(), outrigger::Error>;
        }
        pub(super) const METHODS: &[outrigger::__private::schema::MethodNode] =
            ImagesClient::SCHEMA.methods;
    }
    let (without, with) = (Document::of(without::METHODS), Document::of(with::METHODS));
    for (old, new, words) in [
        (&without, &with, "were none, are taken"),
        (&with, &without, "were taken, are none"),
    ] {
        let (code, text) = Two::of(old, new).diff();
        let wanted = format!(
            "images.turn: needs a new version: both refuse each other (VERSION_MISMATCH) unless \
             the server has the old method beside the new one\n  attachments: {words}\n"
        );
        assert_eq!((code, text), (Some(76), wanted));
    }
    let (_, text) = Two::of(&Document::default(), &with).diff();
    assert!(
        text.ends_with("\n  it is () -> () with attachments\n"),
        "{text}"
    );
}

#[test]
fn versions_that_were_renumbered_are_not_safe_for_older_clients() {
    #[allow(dead_code, reason = "only its schema is looked at")]
    mod once {
        use super::{Archived, Error};
        #[outrigger::message(extensible)]
        struct Visit {
            name: String,
            #[outrigger(since = 2)]
            guests: Option<String>,
            #[outrigger(since = 3)]
            note: Option<String>,
        }
        #[outrigger::service(name = "visits")]
        trait Visits {
            fn take(&self, visit: &Archived<Visit>) -> Result<(), Error>;
        }
        pub(super) const METHODS: &[outrigger::__private::schema::MethodNode] =
            VisitsClient::SCHEMA.methods;
    }
    #[allow(dead_code, reason = "only its schema is looked at")]
    mod again {
        use super::{Archived, Error};
        #[outrigger::message(extensible)]
        struct Visit {
            name: String,
            #[outrigger(since = 2)]
            guests: Option<String>,
            #[outrigger(since = 2)]
            note: Option<String>,
        }
        #[outrigger::service(name = "visits")]
        trait Visits {
            fn take(&self, visit: &Archived<Visit>) -> Result<(), Error>;
        }
        pub(super) const METHODS: &[outrigger::__private::schema::MethodNode] =
            VisitsClient::SCHEMA.methods;
    }
    let (once, again) = (Document::of(once::METHODS), Document::of(again::METHODS));
    let (code, text) = Two::of(&once, &again).diff();
    assert_eq!(code, Some(76), "{text}");
    assert!(text.contains("its versions were renumbered"), "{text}");
    let both = Two::of(&again, &once);
    assert_eq!(
        both.diff(),
        (Some(0), "no method and no constant differs\n".to_owned())
    );
}

#[test]
fn what_is_no_schema_has_the_exit_code_of_the_command() {
    let (code, text) = diff(Path::new("/does/not/exist"), &testbed());
    assert_eq!((code, &*text), (Some(64), ""));
}

#[test]
fn constants_that_differ_are_told_and_no_method_depends_on_them_nf_31() {
    #[allow(dead_code, reason = "only its schema is looked at")]
    mod former {
        #[outrigger::service(name = "visits")]
        trait Visits {
            const NAME_MAX: u32 = 64;
            const GREETING: &str = "good day";
            const OPEN: bool = true;
            fn take(&self) -> Result<(), outrigger::Error>;
        }
        pub(super) const METHODS: &[outrigger::__private::schema::MethodNode] =
            VisitsClient::SCHEMA.methods;
    }
    #[allow(dead_code, reason = "only its schema is looked at")]
    mod newer {
        #[outrigger::service(name = "visits")]
        trait Visits {
            /// Longest name.
            const NAME_MAX: u64 = 64;
            const GREETING: &str = "good \"day\"";
            const LOUDNESS: f32 = 0.1;
            fn take(&self) -> Result<(), outrigger::Error>;
        }
        pub(super) const METHODS: &[outrigger::__private::schema::MethodNode] =
            VisitsClient::SCHEMA.methods;
    }
    let (old, new) = (Document::of(former::METHODS), Document::of(newer::METHODS));
    let fingerprint = |document: &Document| document.services[0].methods[0].fingerprint.clone();
    assert_eq!(fingerprint(&old), fingerprint(&new));
    let (code, text) = Two::of(&old, &new).diff();
    let safe = "safe: a constant, on which no message depends; \
                a client keeps the value that it was generated with";
    let wanted = format!(
        "visits.GREETING: {safe}\n  was &str = \"good day\", is &str = \"good \\\"day\\\"\"\n\
         visits.LOUDNESS: {safe}\n  is new: f32 = 0.1\n\
         visits.NAME_MAX: {safe}\n  was u32 = 64, is u64 = 64\n\
         visits.OPEN: {safe}\n  is gone: it was bool = true\n"
    );
    assert_eq!((code, text), (Some(0), wanted));
}
