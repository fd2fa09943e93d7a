//! Generated files are what the generators write today.

use std::fs;
use std::path::Path;

use outrigger_layout::generate;

/// Compares a committed file, byte for byte; the message is the remedy.
fn assert_fresh(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let committed = fs::read_to_string(&file).unwrap_or_else(|error| format!("({error})"));
    let line = committed
        .lines()
        .zip(wanted.lines())
        .take_while(|(committed, wanted)| committed == wanted)
        .count()
        + 1;
    assert!(
        committed == wanted,
        "{path}:{line}: stale: run `make gen` and commit what it writes"
    );
}

#[test]
fn every_generated_file_is_fresh() {
    for file in generate::files() {
        assert_fresh(file.path, &file.text);
    }
}

#[test]
fn the_tables_of_abi_md_are_fresh() {
    let document = include_str!("../ABI.md");
    assert_fresh("layout/ABI.md", &generate::fill_tables(document));
}
