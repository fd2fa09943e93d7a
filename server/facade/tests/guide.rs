//! The guide docs/messages.md shows Rust that compiles: blocks and table are compared
//! with the example `parcels`. Its Go is compared in client-go/internal/parcels.

use std::fs;
use std::path::Path;

use outrigger::{Server, generate};

#[allow(dead_code, reason = "here are its messages")]
#[path = "../examples/parcels.rs"]
mod parcels;

const SOURCE: &str = include_str!("../examples/parcels.rs");

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The guide; none where this crate stands alone, outside its tree.
fn guide() -> Option<String> {
    let text = fs::read_to_string(root().join("docs/messages.md")).ok();
    if text.is_none() {
        println!("not run: docs/messages.md, which is not here");
    }
    text
}

/// Blocks of a language that name no file. (Those that do are followed by a script.)
fn blocks<'a>(guide: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    let after = guide.split(&open).skip(1);
    after.filter_map(|text| text.split("```").next()).collect()
}

/// Text without the indentation of its lines.
fn flush(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_guide_s_rust_is_that_of_an_example() {
    let Some(guide) = guide() else { return };
    let source = flush(SOURCE);
    let blocks = blocks(&guide, "rust");
    assert!(blocks.len() >= 4, "{} blocks", blocks.len());
    for block in blocks {
        // A line of dots stands for lines that are left out.
        for part in block.split("    // ...\n") {
            assert!(source.contains(&flush(part)), "not in parcels.rs:\n{part}");
        }
    }
}

#[test]
fn the_guide_s_table_names_the_types_of_the_example() {
    let Some(guide) = guide() else { return };
    let rows = guide
        .lines()
        .skip_while(|line| !line.starts_with("| Rust | "));
    let rows = rows.skip(2).take_while(|line| line.starts_with("| `"));
    let named: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    let fields = SOURCE
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
fn the_go_package_of_the_guide_is_fresh() {
    let builder = Server::builder().service(parcels::ParcelsServer::new(parcels::Depot));
    let schema = builder.registry().schema();
    let folder = root().join("client-go/internal");
    if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
        generate::write_go(&schema, &folder).expect("it can be written");
    }
    generate::check_go(&schema, &folder).expect("OUTRIGGER_REWRITE=1 cargo test writes it");
}
