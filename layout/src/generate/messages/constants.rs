//! The constants of a service.
//!
//! ```text
//!   const KEY_MAX: u32 = 64;            KeyMax uint32 = 64
//!   const MARK: &'static str = "a\0b";  Mark string = "a\u0000b"
//! ```
//!
//! They are named after the messages, so that a new constant renames no type.

use super::names::{Scope, exported};
use super::text::{doc, line};
use crate::schema::Service;
use crate::schema::constant::{Constant, ConstantKind};

/// The block of a service's constants; nothing if it has none.
pub(super) fn text(service: &Service, scope: &mut Scope) -> String {
    if service.constants.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    line!(
        out,
        "\n// Constants of the service {}.\nconst (",
        service.name
    );
    for constant in &service.constants {
        let plain = exported(&constant.name);
        let go = scope.claim(&[plain.clone(), format!("{plain}Constant")]);
        let fallback = format!("{go} is {} of the service.", constant.name);
        out.push_str(&doc("\t", &constant.doc, &fallback));
        let (kind, value) = (go_kind(constant.kind), literal(constant));
        line!(out, "\t{go} {kind} = {value}");
    }
    line!(out, ")");
    out
}

fn go_kind(kind: ConstantKind) -> &'static str {
    match kind {
        ConstantKind::Bool => "bool",
        ConstantKind::Char => "rune",
        ConstantKind::U8 => "uint8",
        ConstantKind::U16 => "uint16",
        ConstantKind::U32 => "uint32",
        ConstantKind::U64 => "uint64",
        ConstantKind::I8 => "int8",
        ConstantKind::I16 => "int16",
        ConstantKind::I32 => "int32",
        ConstantKind::I64 => "int64",
        ConstantKind::F32 => "float32",
        ConstantKind::F64 => "float64",
        ConstantKind::Str => "string",
    }
}

/// The value in Go. What a checked document has of numbers is a literal in both languages.
fn literal(constant: &Constant) -> String {
    match constant.kind {
        ConstantKind::Str => format!("\"{}\"", escaped(&constant.value, '"')),
        ConstantKind::Char => format!("'{}'", escaped(&constant.value, '\'')),
        _ => constant.value.clone(),
    }
}

/// Text between quotes. Letters and what ASCII prints stand as they are; anything else,
/// such as marks that turn the direction of writing, is a number.
fn escaped(text: &str, quote: char) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() => out.push(c),
            c if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    // It must not be taken for a name of the package (unchecked.rs).
    out.replace("rkyv.", "rkyv\\u002e")
}

#[cfg(test)]
mod tests {
    use super::super::with_unchecked_views;
    use super::*;

    fn constant(name: &str, doc: &str, kind: ConstantKind, value: &str) -> Constant {
        Constant {
            name: name.to_owned(),
            doc: doc.to_owned(),
            kind,
            value: value.to_owned(),
        }
    }

    fn block(constants: Vec<Constant>, taken: &[&str]) -> String {
        let service = Service {
            name: "store".to_owned(),
            rust_name: "Store".to_owned(),
            doc: String::new(),
            constants,
            methods: Vec::new(),
        };
        text(&service, &mut Scope::with(taken))
    }

    #[test]
    fn constants_reach_go_with_their_docs_nf_31() {
        use ConstantKind::{Char, F32, Str, U32};
        let constants = vec![
            constant("KEY_MAX", "Longest key.\n\n* in bytes", U32, "64"),
            constant("CLIENT", "", F32, "1e-7"),
            constant("peer_id", "", Char, "'"),
            constant("PEER_ID", "", Str, "a\0b\"\\\n\u{202e}\u{1f600}é名"),
        ];
        let wanted = "
// Constants of the service store.
const (
\t// Longest key.
\t//
\t//   - in bytes
\tKeyMax uint32 = 64
\t// ClientConstant is CLIENT of the service.
\tClientConstant float32 = 1e-7
\t// PeerID is peer_id of the service.
\tPeerID rune = '\\''
\t// PeerIDConstant is PEER_ID of the service.
\tPeerIDConstant string = \"a\\u0000b\\\"\\\\\\n\\u202e\\U0001f600é名\"
)
";
        assert_eq!(block(constants, &["Client"]), wanted);
        assert_eq!(block(Vec::new(), &[]), "");
    }

    #[test]
    fn a_text_is_no_code() {
        let code = constant("A", "", ConstantKind::Str, "rkyv.Ref\" + init()");
        let text = block(vec![code], &[]);
        assert!(
            text.contains(r#"A string = "rkyv\u002eRef\" + init()""#),
            "{text}"
        );
        assert_eq!(with_unchecked_views(&text), text);
    }
}
