//! Messages of every kind: the Go package generated from them, and golden archives.
//!
//! ```text
//!   types ── rkyv ───────▶ layout/tests/archives/vectors.json ─▶ Go's tests
//!     └── document ── generator ─▶ client-go/internal/archives ──▶ Go's tests
//! ```
//!
//! `OUTRIGGER_REWRITE=1 cargo test -p outrigger-layout --test archives` writes both.

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

mod depth;
mod document;
mod fixture;
mod grown;
mod instance;
mod sample;
mod vectors;
mod versions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use outrigger_layout::generate::messages;
use outrigger_layout::schema::Kind;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compares a committed file, or writes it if that is asked for.
fn assert_golden(path: &str, wanted: &str) {
    let file = root().join(path);
    if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, wanted).expect("a writable tree");
        println!("wrote {path}");
        return;
    }
    let committed = fs::read_to_string(&file).unwrap_or_else(|error| format!("({error})"));
    let pairs = committed.lines().zip(wanted.lines());
    let line = pairs
        .take_while(|(committed, wanted)| committed == wanted)
        .count()
        + 1;
    assert!(
        committed == wanted,
        "{path}:{line}: stale: see the top of tests/archives/main.rs"
    );
}

#[test]
fn the_generated_go_package_is_fresh() {
    let document = fixture::document();
    let files = messages::package(&document, &document.services[0], "archives").unwrap();
    for file in files {
        assert_golden(
            &format!("client-go/internal/archives/{}", file.name),
            &file.text,
        );
    }
}

#[test]
fn the_package_of_unchecked_views_is_fresh() {
    let document = fixture::document();
    let names = ["Order", "Texts", "Arrays", "Tuples", "Wides", "Boxes"];
    let is_named = |kind: &Kind| match kind {
        Kind::Struct { name, .. } => names.contains(&&**name),
        _ => false,
    };
    let numbered = document.types.iter().zip(0..);
    let roots = numbered.filter(|(seen, _)| is_named(&seen.kind));
    let roots: Vec<u32> = roots.map(|(_, number)| number).collect();
    let file = messages::messages(&document, &roots, "unchecked").unwrap();
    let text = messages::with_unchecked_views(&file.text);
    assert_golden(
        &format!("client-go/internal/unchecked/{}", file.name),
        &text,
    );
}

#[test]
fn gofmt_has_nothing_to_say() {
    let folders =
        ["archives", "unchecked"].map(|name| root().join("client-go/internal").join(name));
    let Ok(output) = Command::new("gofmt").arg("-l").args(folders).output() else {
        println!("not run: gofmt, which is not there");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn golden_archives_and_verdicts_are_what_rkyv_says() {
    let text = vectors::to_json(&vectors::all());
    assert!(
        text.len() < 400_000,
        "{} bytes (maximum 400000)",
        text.len()
    );
    assert_golden("layout/tests/archives/vectors.json", &text);
}
