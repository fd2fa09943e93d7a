//! The tables inside `ABI.md`, between `<!-- table: NAME -->` and
//! `<!-- end -->`.

use super::{STRUCTS, TABLES, joined};
use crate::code::CODES;
use crate::describe::{StructInfo, TableInfo};
use crate::{frame, segment};

const BEGIN: &str = "<!-- table: ";
const END: &str = "<!-- end -->";

/// Replaces the content of each marked table of `document`.
///
/// # Panics
/// Panics if a marker names no table or is not ended: the document is ours.
pub fn fill_tables(document: &str) -> String {
    let mut out = String::new();
    let mut rest = document;
    while let Some(begin) = rest.find(BEGIN) {
        let name_at = begin + BEGIN.len();
        let name_len = rest[name_at..]
            .find(" -->")
            .expect("marker ends with ` -->`");
        let name = &rest[name_at..name_at + name_len];
        let body_at = name_at + name_len + " -->".len();
        let end = body_at
            + rest[body_at..]
                .find(END)
                .unwrap_or_else(|| panic!("table {name} has no end"));
        out.push_str(&rest[..body_at]);
        out.push('\n');
        out.push_str(&table(name));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Names of all tables that a document can, and `ABI.md` must, contain.
#[cfg(test)]
pub(super) fn names() -> Vec<String> {
    let fixed = ["Magics", "Codes"].map(str::to_owned);
    let tables = TABLES.iter().map(|table| table.name.to_owned());
    let structs = STRUCTS.iter().map(|info| info.name.to_owned());
    fixed.into_iter().chain(tables).chain(structs).collect()
}

fn table(name: &str) -> String {
    if let Some(info) = STRUCTS.iter().find(|info| info.name == name) {
        return fields(info);
    }
    if let Some(info) = TABLES.iter().find(|info| info.name == name) {
        return numbers(info);
    }
    match name {
        "Codes" => codes(),
        "Magics" => magics(),
        _ => panic!("ABI.md names a table that does not exist: {name}"),
    }
}

fn fields(info: &StructInfo) -> String {
    let mut out = format!("`{}`, {} bytes.\n\n", info.name, info.size);
    out.push_str("| offset | size | field | type | meaning |\n| ---: | ---: | --- | --- | --- |\n");
    for field in info.fields {
        let doc = joined(field.doc);
        let (offset, size, name, kind) = (field.offset, field.size, field.name, field.kind);
        out.push_str(&format!(
            "| {offset} | {size} | {name} | {kind} | {doc} |\n"
        ));
    }
    out
}

fn numbers(info: &TableInfo) -> String {
    let mut out = String::from("| value | name | meaning |\n| ---: | --- | --- |\n");
    for row in info.rows {
        out.push_str(&format!(
            "| {} | {} | {} |\n",
            row.value,
            row.name,
            joined(row.doc)
        ));
    }
    out
}

fn codes() -> String {
    let mut out =
        String::from("| value | name | message | meaning |\n| ---: | --- | --- | --- |\n");
    for row in CODES {
        let template = if row.template.is_empty() {
            "(none)".to_owned()
        } else {
            format!("`{}`", row.template)
        };
        out.push_str(&format!(
            "| {} | {} | {template} | {} |\n",
            row.value, row.name, row.doc
        ));
    }
    out
}

fn magics() -> String {
    let mut out = String::from("| name | value | bytes |\n| --- | --- | --- |\n");
    for (name, value) in [
        ("FRAME_MAGIC", frame::FRAME_MAGIC),
        ("SEGMENT_MAGIC", segment::SEGMENT_MAGIC),
    ] {
        let bytes = value.to_le_bytes();
        let text = String::from_utf8_lossy(&bytes);
        out.push_str(&format!("| {name} | {value:#018x} | `{text}` |\n"));
    }
    let hash = segment::LAYOUT_HASH;
    out.push_str(&format!("| LAYOUT_HASH | {hash:#018x} | |\n"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abi_document_holds_every_table_once() {
        let document = include_str!("../../ABI.md");
        for name in names() {
            let marker = format!("{BEGIN}{name} -->");
            assert_eq!(document.matches(&marker).count(), 1, "{marker}");
        }
    }

    #[test]
    fn filling_is_idempotent() {
        let once = fill_tables("a <!-- table: Side -->old<!-- end --> b");
        assert!(once.contains("| 2 | CLIENT |"));
        assert_eq!(fill_tables(&once), once);
    }
}
