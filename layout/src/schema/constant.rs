//! Constants of a service: numbers and texts that both languages are to know by name.
//!
//! ```text
//!   const KEY_MAX: u32 = 64;  ─▶  ConstantNode  ─▶  Constant (JSON)  ─▶  KeyMax uint32 = 64
//!        in the trait              static data      "u32", "64"            in Go
//! ```
//!
//! They are documentation that a program can read. No byte of a message depends on
//! them, so no fingerprint does: a server that raises a limit goes on answering clients
//! that know the former one. That the two differ is said by `outrigger schema diff`, and
//! by whatever checks that generated code is fresh.
//!
//! A value is kept as text, in the one form that Rust writes it in. JSON's numbers end
//! at 2^53, and readers of its floats may round.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::limits::METHOD_NAME_MAX;
use crate::schema::check::wrong;
use crate::schema::diff::{Change, Verdict};
use crate::schema::document::{Document, Service};

/// Most constants of a service.
pub const CONSTANTS_MAX: usize = 1000;

/// Longest text that is a constant, in bytes.
pub const TEXT_MAX: usize = 1 << 16;

/// A constant as its service's attribute describes it.
///
/// ```
/// use outrigger_layout::schema::constant::{ConstantNode, Value};
/// // As #[outrigger::service] describes `const KEY_MAX: u32 = 64;`.
/// let node = ConstantNode { name: "KEY_MAX", doc: "", value: Value::U32(64).checked() };
/// assert_eq!(node.value.text(), "64");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ConstantNode {
    /// Its name, as in Rust.
    pub name: &'static str,
    /// Documentation.
    pub doc: &'static str,
    /// Its value.
    pub value: Value,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident: $rust:ty = $word:literal;)*) => {
        /// The value of a constant.
        ///
        /// ```
        /// use outrigger_layout::schema::constant::{ConstantKind, Value};
        /// let value = Value::F64(0.1);
        /// assert_eq!((value.kind(), &*value.text()), (ConstantKind::F64, "0.1"));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Value {
            $($(#[doc = $doc])* $kind($rust),)*
        }

        /// What a constant is.
        ///
        /// ```
        /// use outrigger_layout::schema::constant::ConstantKind;
        /// assert_eq!(ConstantKind::Str.word(), "&str");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ConstantKind {
            $($(#[doc = $doc])* $kind,)*
        }

        impl Value {
            /// What it is.
            pub fn kind(&self) -> ConstantKind {
                match self {
                    $(Self::$kind(_) => ConstantKind::$kind,)*
                }
            }
        }

        impl ConstantKind {
            /// What Rust calls it.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// `bool`: `true` or `false`.
    Bool: bool = "bool";
    /// `char`: the one character.
    Char: char = "char";
    /// `u8`, in decimal digits as all integers.
    U8: u8 = "u8";
    /// `u16`.
    U16: u16 = "u16";
    /// `u32`.
    U32: u32 = "u32";
    /// `u64`.
    U64: u64 = "u64";
    /// `i8`.
    I8: i8 = "i8";
    /// `i16`.
    I16: i16 = "i16";
    /// `i32`.
    I32: i32 = "i32";
    /// `i64`.
    I64: i64 = "i64";
    /// `f32`: the fewest digits that give this number, such as `1.0` and `1e-7`.
    F32: f32 = "f32";
    /// `f64`, likewise.
    F64: f64 = "f64";
    /// `&'static str`: the text itself.
    Str: &'static str = "&str";
}

impl Value {
    /// The value itself, if Go can have it as a constant. The attribute asks this when
    /// the service is compiled.
    ///
    /// # Panics
    /// If not: at compile time, in a constant.
    #[must_use]
    pub const fn checked(self) -> Self {
        match self {
            Self::F32(number) => check_float(number as f64),
            Self::F64(number) => check_float(number),
            Self::Str(text) => assert!(
                text.len() <= TEXT_MAX,
                "a text of more than 65536 bytes: let a method answer it"
            ),
            _ => {}
        }
        self
    }

    /// The value in its one form.
    pub fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Char(value) => value.to_string(),
            Self::U8(value) => value.to_string(),
            Self::U16(value) => value.to_string(),
            Self::U32(value) => value.to_string(),
            Self::U64(value) => value.to_string(),
            Self::I8(value) => value.to_string(),
            Self::I16(value) => value.to_string(),
            Self::I32(value) => value.to_string(),
            Self::I64(value) => value.to_string(),
            Self::F32(value) => format!("{value:?}"),
            Self::F64(value) => format!("{value:?}"),
            Self::Str(value) => (*value).to_owned(),
        }
    }
}

const fn check_float(number: f64) {
    assert!(
        number.is_finite(),
        "constants of Go have neither NaN nor infinity"
    );
    assert!(
        number != 0.0 || number.is_sign_positive(),
        "constants of Go have no negative zero: write 0.0"
    );
}

/// A constant of a service.
///
/// ```
/// use outrigger_layout::schema::constant::{Constant, ConstantKind};
/// let text = r#"{ "name": "KEY_MAX", "type": "u32", "value": "64" }"#;
/// let constant: Constant = serde_json::from_str(text).unwrap();
/// assert_eq!(constant.kind, ConstantKind::U32);
/// assert_eq!(constant.to_string(), "u32 = 64");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constant {
    /// Its name, as in Rust.
    pub name: String,
    /// Its documentation; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ConstantKind,
    /// Its value, in the one form that [`Value::text`] gives.
    pub value: String,
}

/// As Rust would write it, without the name: `u32 = 64`.
impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, value) = (self.kind.word(), &self.value);
        match self.kind {
            ConstantKind::Str => write!(f, "{word} = {value:?}"),
            ConstantKind::Char => {
                let character = value.chars().next().unwrap_or_default();
                write!(f, "{word} = {character:?}")
            }
            _ => write!(f, "{word} = {value}"),
        }
    }
}

impl Constant {
    /// The constants of these nodes.
    pub(crate) fn all(nodes: &[ConstantNode]) -> Vec<Self> {
        let constant = |node: &ConstantNode| Self {
            name: node.name.to_owned(),
            doc: node.doc.to_owned(),
            kind: node.value.kind(),
            value: node.value.text(),
        };
        nodes.iter().map(constant).collect()
    }

    /// Whether the value is one of its kind, in the one form of it.
    fn is_canonical(&self) -> bool {
        let text = &*self.value;
        match self.kind {
            ConstantKind::Bool => same::<bool>(text, ToString::to_string),
            ConstantKind::Char => text.parse::<char>().is_ok(),
            ConstantKind::U8 => same::<u8>(text, ToString::to_string),
            ConstantKind::U16 => same::<u16>(text, ToString::to_string),
            ConstantKind::U32 => same::<u32>(text, ToString::to_string),
            ConstantKind::U64 => same::<u64>(text, ToString::to_string),
            ConstantKind::I8 => same::<i8>(text, ToString::to_string),
            ConstantKind::I16 => same::<i16>(text, ToString::to_string),
            ConstantKind::I32 => same::<i32>(text, ToString::to_string),
            ConstantKind::I64 => same::<i64>(text, ToString::to_string),
            ConstantKind::F32 => is_number(text) && same::<f32>(text, |value| format!("{value:?}")),
            ConstantKind::F64 => is_number(text) && same::<f64>(text, |value| format!("{value:?}")),
            ConstantKind::Str => text.len() <= TEXT_MAX,
        }
    }
}

/// Whether a text is what its value is written as.
fn same<T: core::str::FromStr>(text: &str, written: impl Fn(&T) -> String) -> bool {
    text.parse().is_ok_and(|value| written(&value) == text)
}

/// Not `NaN`, `inf` or `-0.0`, which are floats of Rust's.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit()) && text != "-0.0"
}

/// Checks the constants of a service, wherever it came from.
///
/// # Errors
/// INVALID_ARGUMENT: what was seen, and what is allowed.
pub(super) fn check(service: &Service) -> Result<(), Error> {
    let count = service.constants.len();
    if count > CONSTANTS_MAX {
        let name = &service.name;
        let text = format!("{count} constants of {name} (maximum {CONSTANTS_MAX})");
        return Err(wrong(text));
    }
    let mut names = BTreeSet::new();
    for constant in &service.constants {
        let name = format!("{}.{}", service.name, constant.name);
        if name.len() as u64 > METHOD_NAME_MAX {
            let len = name.len();
            let text = format!("constant name of {len} bytes (maximum {METHOD_NAME_MAX})");
            return Err(wrong(text));
        }
        if !constant.is_canonical() {
            let (word, value) = (constant.kind.word(), shortened(&constant.value));
            let text =
                format!("constant {name} is {value:?} (allowed: what a {word} is written as)");
            return Err(wrong(text));
        }
        if !names.insert(&constant.name) {
            return Err(wrong(format!("two constants {name}")));
        }
    }
    Ok(())
}

/// The beginning of a text that may be long.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    text.chars().take(SHOWN_MAX).collect()
}

/// The constants that differ, by name.
pub(super) fn differences(old: &Document, new: &Document) -> Vec<Change> {
    let (before, after) = (by_name(old), by_name(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| {
        let words = match (before.get(name), after.get(name)) {
            (Some(was), Some(is)) if was.kind == is.kind && was.value == is.value => return None,
            (Some(was), Some(is)) => format!("was {was}, is {is}"),
            (Some(was), None) => format!("is gone: it was {was}"),
            (None, Some(is)) => format!("is new: {is}"),
            (None, None) => return None,
        };
        Some(Change {
            name: name.clone(),
            verdict: Verdict::Constant,
            words: vec![words],
        })
    };
    names.into_iter().filter_map(change).collect()
}

fn by_name(document: &Document) -> BTreeMap<String, &Constant> {
    let services = document.services.iter();
    let constants = services.flat_map(|service| {
        let named = |constant: &Constant| format!("{}.{}", service.name, constant.name);
        let constants = service.constants.iter();
        constants.map(move |constant| (named(constant), constant))
    });
    constants.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(kind: ConstantKind, value: &str) -> Constant {
        Constant {
            name: "LIMIT".to_owned(),
            doc: String::new(),
            kind,
            value: value.to_owned(),
        }
    }

    fn document(constants: Vec<Constant>) -> Document {
        let mut document = Document::default();
        document.services.push(Service {
            name: "s".to_owned(),
            rust_name: "S".to_owned(),
            doc: String::new(),
            constants,
            methods: Vec::new(),
        });
        document
    }

    fn read(constants: Vec<Constant>) -> Result<Document, Error> {
        Document::read(&serde_json::to_vec(&document(constants)).unwrap())
    }

    #[test]
    fn values_survive_as_text_nf_31_and_nf_10() {
        let values = [
            (Value::Bool(true), "true"),
            (Value::Char('\0'), "\0"),
            (Value::U8(255), "255"),
            (Value::U64(u64::MAX), "18446744073709551615"),
            (Value::I64(i64::MIN), "-9223372036854775808"),
            (Value::F32(0.1), "0.1"),
            (Value::F64(f64::MIN_POSITIVE), "2.2250738585072014e-308"),
            (Value::F64(5e-324), "5e-324"),
            (Value::F64(-1e21), "-1e21"),
            (Value::F64(0.0), "0.0"),
            (Value::Str("a\0b"), "a\0b"),
            (Value::Str(""), ""),
        ];
        for (value, text) in values {
            assert_eq!(value.checked().text(), text);
            let known = constant(value.kind(), text);
            let read = read(vec![known.clone()]).unwrap();
            assert_eq!(read.services[0].constants, [known]);
        }
    }

    #[test]
    fn values_in_another_form_are_refused() {
        use ConstantKind::{Bool, Char, F32, F64, I8, Str, U8, U64};
        let long = "x".repeat(TEXT_MAX + 1);
        for (kind, value) in [
            (U8, "256"),
            (U8, "07"),
            (U8, "+7"),
            (U8, "-0"),
            (U8, ""),
            (I8, "-129"),
            (U64, "1 "),
            (U64, "0x10"),
            (U64, "1); func init() { panic(0) }; const (x = 1"),
            (F64, "NaN"),
            (F64, "inf"),
            (F64, "-inf"),
            (F64, "1e999"),
            (F64, "-0.0"),
            (F64, "-0"),
            (F64, "1"),
            (F64, ".5"),
            (F64, "0.10"),
            (F32, "0.10000000149011612"),
            (Bool, "True"),
            (Char, ""),
            (Char, "ab"),
            (Str, &long),
        ] {
            let refused = read(vec![constant(kind, value)]).unwrap_err();
            let text = refused.message();
            assert!(text.contains("constant s.LIMIT is"), "{value:?}: {text}");
            assert!(text.len() < 300, "{value:?}: {text}");
        }
    }

    #[test]
    fn names_are_there_once_and_short_and_few() {
        let one = constant(ConstantKind::U8, "1");
        let twice = read(vec![one.clone(), one.clone()]).unwrap_err();
        assert!(twice.message().ends_with("two constants s.LIMIT"));
        let mut long = one.clone();
        long.name = "N".repeat(300);
        let refused = read(vec![long]).unwrap_err();
        let wanted = "constant name of 302 bytes (maximum 255)";
        assert!(refused.message().ends_with(wanted), "{refused}");
        let many = read(vec![one; CONSTANTS_MAX + 1]).unwrap_err();
        assert!(
            many.message()
                .ends_with("1001 constants of s (maximum 1000)")
        );
        let unknown = r#"{"name":"A","type":"u128","value":"1"}"#;
        assert!(serde_json::from_str::<Constant>(unknown).is_err());
    }

    #[test]
    fn what_differs_is_said_in_words() {
        let of = |kind, value| document(vec![constant(kind, value)]);
        let words = |old: &Document, new: &Document| {
            let changes = differences(old, new);
            changes.iter().map(ToString::to_string).collect::<String>()
        };
        let (one, two) = (of(ConstantKind::U8, "1"), of(ConstantKind::Str, "a\n"));
        let safe = "s.LIMIT: safe: a constant, on which no message depends; \
                    a client keeps the value that it was generated with\n";
        assert_eq!(words(&one, &one), "");
        assert_eq!(
            words(&one, &two),
            format!("{safe}  was u8 = 1, is &str = \"a\\n\"\n")
        );
        let none = document(Vec::new());
        assert_eq!(words(&none, &one), format!("{safe}  is new: u8 = 1\n"));
        let character = of(ConstantKind::Char, "\0");
        assert_eq!(
            words(&character, &none),
            format!("{safe}  is gone: it was char = '\\0'\n")
        );
        let mut documented = one.clone();
        documented.services[0].constants[0].doc = "Words.".to_owned();
        assert_eq!(words(&one, &documented), "");
    }
}
