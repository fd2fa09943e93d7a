//! The pages docs/messages.md, docs/services.md and README.md show Rust that compiles:
//! blocks and table are compared with examples, and with this file. Their Go is compared
//! in client-go/internal/parcels and client-go/internal/store.

mod process;

use std::fs;
use std::path::Path;

use outrigger::{Archived, Error, Server, generate};

#[allow(dead_code, reason = "here are its messages")]
#[path = "../examples/parcels.rs"]
mod parcels;
#[allow(dead_code, reason = "here are its messages")]
#[path = "../examples/store.rs"]
mod store;

use parcels::{Depot, ParcelsClient, ParcelsServer, old};
use process::Serving;
use store::{Memory, Query, StoreClient, StoreServer};

const ALBUMS: &str = include_str!("../examples/testbed/albums.rs");
const PARCELS: &str = include_str!("../examples/parcels.rs");
const SHOUT: &str = include_str!("../examples/shout.rs");
const STORE: &str = include_str!("../examples/store.rs");
const TESTS: &str = include_str!("guide.rs");

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A page; none where this crate stands alone, outside its tree.
fn page(path: &str) -> Option<String> {
    let text = fs::read_to_string(root().join(path)).ok();
    if text.is_none() {
        println!("not run: {path}, which is not here");
    }
    text
}

/// Blocks of a language that name no file. (Those that do are followed by a script.)
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    let after = page.split(&open).skip(1);
    after.filter_map(|text| text.split("```").next()).collect()
}

/// Text without the indentation of its lines.
fn flush(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_pages_rust_is_that_of_examples_and_tests() {
    for (path, sources, least) in [
        ("README.md", vec![SHOUT, STORE], 2),
        ("docs/messages.md", vec![PARCELS, TESTS], 12),
        ("docs/services.md", vec![STORE, ALBUMS, TESTS], 13),
    ] {
        let Some(page) = page(path) else { return };
        let sources: Vec<_> = sources.into_iter().map(flush).collect();
        let blocks = blocks(&page, "rust");
        assert!(blocks.len() >= least, "{path}: {} blocks", blocks.len());
        for block in blocks {
            // A line of dots stands for lines that are left out.
            for part in block.split("    // ...\n") {
                let part = flush(part);
                let found = sources.iter().any(|source| source.contains(&part));
                assert!(found, "{path}: in none of its sources:\n{part}");
            }
        }
    }
}

#[test]
fn the_guide_s_table_names_the_types_of_the_example() {
    let Some(guide) = page("docs/messages.md") else {
        return;
    };
    let rows = guide
        .lines()
        .skip_while(|line| !line.starts_with("| Rust | "));
    let rows = rows.skip(2).take_while(|line| line.starts_with("| `"));
    let named: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    let fields = PARCELS
        .lines()
        .skip_while(|line| *line != "pub struct Kinds {");
    let fields = fields.skip(1).take_while(|line| *line != "}");
    let types: Vec<_> = fields
        .filter_map(|line| line.trim_end_matches(',').split_once(": "))
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(named, types);
}

#[test]
fn the_go_package_of_the_parcels_is_fresh() {
    let builder = Server::builder().service(ParcelsServer::new(Depot));
    let schema = builder.registry().schema();
    let folder = root().join("client-go/internal");
    if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
        generate::write_go(&schema, &folder).expect("it can be written");
    }
    generate::check_go(&schema, &folder).expect("OUTRIGGER_REWRITE=1 cargo test writes it");
}

#[test]
fn the_go_package_is_fresh() {
    let builder = Server::builder().service(StoreServer::new(Memory::default()));
    let schema = builder.registry().schema();
    let folder = Path::new("../../client-go/internal"); // of all packages
    if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
        generate::write_go(&schema, folder).expect("it can be written");
    }
    generate::check_go(&schema, folder).expect("run `outrigger gen go` again");
}

fn count(socket: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let store = StoreClient::new(outrigger::Client::connect(socket)?);
    let found = store.query(&Query::Count).wait()?; // or .await?
    Ok(found.count.to_native()) // read in place, as a handler does; or found.load()?
}

#[test]
fn the_guide_s_client_counts() {
    let memory = StoreServer::new(Memory::default());
    let serving = Serving::start(Server::builder().service(memory));
    assert_eq!(count(&serving.socket()).expect("an answer"), 0);
    let store = StoreClient::new(serving.client());
    let entry = store::Entry {
        key: "ada".to_owned(),
        value: vec![1, 2],
        revision: Some(3),
    };
    store.put(&entry).wait().expect("it is new");
    assert_eq!(count(&serving.socket()).expect("an answer"), 1);
    let former = store::Entry {
        revision: Some(2),
        ..entry
    };
    let error = store.put(&former).wait().expect_err("it is older");
    assert_eq!(error.code(), outrigger::Code::INVALID_ARGUMENT);
    let query = Query::Keys(vec!["bob".to_owned()]);
    let error = store.query(&query).wait().expect_err("it is not there");
    assert_eq!(
        error.to_string(),
        "outrigger: handler_error: no key \"bob\""
    );
    let Some(store::StoreError::Missing { key }) = error.detail() else {
        panic!("{error:?} has another detail");
    };
    assert_eq!(key, "bob");
    store
        .clear(&store::After { millis: 1 })
        .wait()
        .expect("it is emptied");
    assert_eq!(store.add_up().wait().expect("a sum").bytes, 0);
}

#[test]
fn both_versions_of_the_guide_s_service_answer() {
    let serving = Serving::start(parcels::builder());
    let former = old::ParcelsClient::new(serving.client());
    assert_eq!(
        former.prices().wait().expect("the first release's").britain,
        1
    );
    let newer = ParcelsClient::new(serving.client());
    assert_eq!(
        newer.prices().wait().expect("the second's").postage.len(),
        2
    );
}

#[outrigger::message]
pub(crate) struct Page {
    pub(crate) load: u32,
}

#[outrigger::service]
pub(crate) trait HttpGateway2 {
    fn get_url(&self, page: &Archived<Page>) -> Result<(), Error>;
}

#[test]
fn names_in_go_are_those_of_the_guide() {
    let schema = generate::Document::of(HttpGateway2Client::SCHEMA.methods);
    let files = generate::go(&schema, &[]).expect("Go has names for all of it");
    let text: String = files.iter().map(|file| &*file.text).collect();
    for name in [
        "package httpgateway2\n",
        "\"http_gateway2.get_url\"",
        ") GetURL(",
        ") LoadField(",
    ] {
        assert!(text.contains(name), "no {name}");
    }
}
