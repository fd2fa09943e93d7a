//! Generators: Go constants and codecs, C headers, tables of `ABI.md`.
//!
//! Each writes text from the descriptions of [`crate::describe`]; none knows a
//! number. `cargo run -p outrigger-layout --example gen` writes the files,
//! `tests/fresh.rs` fails when a committed one is stale.

mod c;
mod go;
mod markdown;
pub mod messages;

use crate::describe::{Described, StructInfo, TableInfo};
use crate::{buffer, codec, frame, limits, ring, segment, slot};

pub use markdown::fill_tables;

/// All shared structs, in the order of the document.
pub const STRUCTS: &[StructInfo] = &[
    frame::HandshakePrefix::INFO,
    frame::Hello::INFO,
    frame::Welcome::INFO,
    frame::Refused::INFO,
    frame::ControlHeader::INFO,
    frame::BindBody::INFO,
    frame::BoundBody::INFO,
    frame::ExtentBody::INFO,
    segment::SegmentHeader::INFO,
    ring::RingDescriptor::INFO,
    ring::ConsumerControl::INFO,
    slot::SlotHeader::INFO,
    slot::TraceContext::INFO,
    slot::DetailPrefix::INFO,
    buffer::BufferTable::INFO,
    buffer::BufferRef::INFO,
    buffer::AllocRequest::INFO,
    buffer::Refusal::INFO,
];

/// All tables of numbers but the error codes.
pub const TABLES: &[TableInfo] = &[
    limits::abi::TABLE,
    frame::handshake::TABLE,
    frame::fds::TABLE,
    frame::control::TABLE,
    segment::side::TABLE,
    ring::kind::TABLE,
    slot::kind::TABLE,
    slot::flag::TABLE,
    codec::codecs::TABLE,
];

/// One generated file: path from the repository's root, and its text.
#[derive(Clone, Debug)]
pub struct GeneratedFile {
    /// Path relative to the repository's root.
    pub path: &'static str,
    /// Whole content.
    pub text: String,
}

/// Every file that is generated whole. (`ABI.md` is generated in part: see
/// [`fill_tables`].)
pub fn files() -> Vec<GeneratedFile> {
    vec![
        GeneratedFile {
            path: "client-go/internal/abi/codes_gen.go",
            text: go::codes(),
        },
        GeneratedFile {
            path: "client-go/internal/abi/numbers_gen.go",
            text: go::numbers(),
        },
        GeneratedFile {
            path: "client-go/internal/abi/structs_gen.go",
            text: go::structs(),
        },
        GeneratedFile {
            path: "layout/include/outrigger_abi.h",
            text: c::abi_header(),
        },
        GeneratedFile {
            path: "layout/include/outrigger_codes.h",
            text: c::codes_header(),
        },
    ]
}

/// `SLOT_HEADER` or `payload_len` to `SlotHeader`, `PayloadLen`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut chars = word.chars();
            let head = chars.next().map(|c| c.to_ascii_uppercase());
            head.into_iter().collect::<String>() + &chars.as_str().to_ascii_lowercase()
        })
        .collect()
}

/// `SlotHeader` to `SLOT_HEADER`.
fn upper_snake(name: &str) -> String {
    let mut out = String::new();
    for (index, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

/// `[u16; 9]` to `("u16", Some(9))`, `u32` to `("u32", None)`.
fn element(kind: &str) -> (&str, Option<usize>) {
    let Some(inner) = kind
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return (kind, None);
    };
    let (element, count) = inner.split_once(';').expect("array type `[T; N]`");
    (
        element.trim(),
        Some(count.trim().parse().expect("array length")),
    )
}

/// Documentation lines joined to one sentence-like text.
fn joined(doc: &[&str]) -> String {
    doc.iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_struct_is_described_without_gaps() {
        for info in STRUCTS {
            let mut offset = 0;
            for field in info.fields {
                assert_eq!(field.offset, offset, "{}.{}", info.name, field.name);
                offset += field.size;
            }
            assert_eq!(offset, info.size, "{}", info.name);
        }
    }

    #[test]
    fn words_change_case() {
        assert_eq!(camel("payload_len"), "PayloadLen");
        assert_eq!(camel("NOT_FOUND"), "NotFound");
        assert_eq!(upper_snake("SlotHeader"), "SLOT_HEADER");
        assert_eq!(element("[u64; 15]"), ("u64", Some(15)));
    }
}
