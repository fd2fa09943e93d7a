//! A schema as data: what `outrigger schema` prints and `outrigger gen go` reads.
//!
//! ```text
//!   Document ─┬─ types     numbered in the order of the first visit; a type names
//!             │            others by their numbers, so types may recurse
//!             └─ services ─┬ methods ── request, reply, error: numbers of types
//!                          └ constants
//! ```
//!
//! Sizes, alignments and offsets are those of the archived types, in bytes, as the
//! Rust compiler laid them out. Nothing is derived from them a second time.

use serde::{Deserialize, Serialize};

use crate::schema::constant::Constant;

/// Version of this description, in [`Document::version`].
pub const DOCUMENT_VERSION: u32 = 1;

/// The archive format that all types of a document are laid out in.
pub const FORMAT: &str = "rkyv 0.8 little_endian aligned pointer_width_32";

/// A schema: services, and every type that their messages reach.
///
/// ```
/// use outrigger_layout::schema::Document;
/// let document = Document::default();
/// let text = serde_json::to_string(&document).unwrap();
/// assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), document);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// [`DOCUMENT_VERSION`].
    pub version: u32,
    /// [`FORMAT`].
    pub format: String,
    /// All services, by name.
    pub services: Vec<Service>,
    /// All types, in the order of the first visit.
    pub types: Vec<Type>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            version: DOCUMENT_VERSION,
            format: FORMAT.to_owned(),
            services: Vec::new(),
            types: Vec::new(),
        }
    }
}

/// A service: methods under one name.
///
/// ```
/// use outrigger_layout::schema::Service;
/// let text = r#"{ "name": "greeter", "rust_name": "Greeter", "methods": [] }"#;
/// let service: Service = serde_json::from_str(text).unwrap();
/// assert_eq!((&*service.rust_name, &*service.doc), ("Greeter", ""));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// First part of its methods' names, such as `sigverify`.
    pub name: String,
    /// The trait that declares it, such as `Sigverify`.
    pub rust_name: String,
    /// Its documentation; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// In the order of declaration; may be none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constants: Vec<Constant>,
    /// In the order of declaration.
    pub methods: Vec<Method>,
}

/// A method of a service.
///
/// ```
/// use outrigger_layout::schema::Method;
/// let text = r#"{
///     "name": "greet", "request": 0, "reply": 3, "placement": "inline",
///     "codecs": ["rkyv"], "fingerprint": "441ed7c3ec38f5d1c4bee4fdb4ea4b22"
/// }"#;
/// let method: Method = serde_json::from_str(text).unwrap();
/// assert_eq!(method.error, None); // it fails with a code and a text only
/// assert!(!method.attachments);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Second part of its name, such as `verify`; calls name `sigverify.verify`.
    pub name: String,
    /// Its documentation; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The request's type; [`Kind::Unit`] for a method without one.
    pub request: u32,
    /// The reply's type; [`Kind::Unit`] for none.
    pub reply: u32,
    /// The type of application errors, if the method declares one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<u32>,
    /// True if requests and replies may have attachments.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub attachments: bool,
    /// Where it runs: `inline`, `pool` or `async`.
    pub placement: String,
    /// The codecs it takes: `rkyv`, and `json` if it is declared.
    pub codecs: Vec<String>,
    /// 128 bits over the canonical schema of request, reply and error: 32 digits.
    pub fingerprint: String,
    /// The same over the schema of each older version that differs, oldest first;
    /// see [`version`](crate::schema::version).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<String>,
}

/// An archived type.
///
/// ```
/// use outrigger_layout::schema::{Kind, Type};
/// let number = Type { size: 4, align: 4, kind: Kind::U32 };
/// let text = serde_json::to_string(&number).unwrap();
/// assert_eq!(text, r#"{"size":4,"align":4,"kind":"u32"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Type {
    /// Bytes of the archived type.
    pub size: u32,
    /// Its alignment: 1, 2, 4, 8 or 16.
    pub align: u32,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What a type is. Other types are named by their numbers.
///
/// ```
/// use outrigger_layout::schema::Kind;
/// let digest = Kind::Array { item: 3, count: 32 };
/// assert_eq!((digest.word(), digest.children()), ("array", vec![3]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// No value: size 0.
    Unit,
    /// One byte, 0 or 1.
    Bool,
    /// A Unicode scalar value in four bytes.
    Char,
    /// One byte.
    U8,
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
    /// Eight bytes.
    U64,
    /// Sixteen bytes, aligned to as many.
    U128,
    /// One byte, in two's complement as all signed integers.
    I8,
    /// Two bytes.
    I16,
    /// Four bytes.
    I32,
    /// Eight bytes.
    I64,
    /// Sixteen bytes.
    I128,
    /// A float of four bytes.
    F32,
    /// A float of eight bytes.
    F64,
    /// Text in UTF-8; up to 8 bytes stand in place.
    String,
    /// `Duration`: whole seconds in eight bytes, then nanoseconds below a second in
    /// four, then four bytes of nothing.
    Duration,
    /// `Vec<T>`: relative pointer and count.
    Vec {
        /// Type of the elements.
        item: u32,
    },
    /// `Box<T>`: relative pointer.
    Box {
        /// Type of the content.
        item: u32,
    },
    /// `Box<str>`: relative pointer and length of text in UTF-8, never in place.
    BoxStr,
    /// `Box<[T]>`: as `Vec<T>`.
    BoxSlice {
        /// Type of the elements.
        item: u32,
    },
    /// `Option<T>`: tag byte 0 or 1, then the value at its alignment.
    Option {
        /// Type of the value.
        item: u32,
    },
    /// `Option<T>` with `Niche`: laid out as its value, an integer that is not 0 or a
    /// box; 0, or a pointer to the byte behind its own first, is none.
    Niche {
        /// Type of the value.
        item: u32,
    },
    /// `NonZeroU32` and such: an integer, but not 0.
    NonZero {
        /// Type of the integer.
        item: u32,
    },
    /// A map as `AsVec`: laid out as a `Vec` of entries. Nothing is said about their
    /// order, nor that no key is there twice.
    Map {
        /// Type of the entries, a [`Kind::Entry`].
        item: u32,
    },
    /// A set as `AsVec`: laid out as a `Vec`. As for maps, elements may repeat.
    Set {
        /// Type of the elements.
        item: u32,
    },
    /// An entry of a map: laid out as a struct of two fields.
    Entry {
        /// Its `key` and its `value`.
        fields: Vec<Field>,
    },
    /// `Result<T, E>`: tag byte 0 for the value or 1 for the error, then that at its
    /// alignment.
    Result {
        /// Type of the value.
        ok: u32,
        /// Type of the error.
        err: u32,
    },
    /// `[T; N]`: the elements one after the other.
    Array {
        /// Type of the elements.
        item: u32,
        /// How many.
        count: u32,
    },
    /// `(A, B)` and longer: laid out as a struct whose fields are named `0`, `1`, ….
    Tuple {
        /// Its elements.
        fields: Vec<Field>,
    },
    /// A struct; fields in the order of declaration.
    Struct {
        /// Its name without the path.
        name: String,
        /// Module path and name, which tell types of one name apart.
        path: String,
        /// The types that stand for its parameters: `Item` in `Page<Item>`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        arguments: Vec<u32>,
        /// Its documentation; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        doc: String,
        /// True for `struct Pair(u8, u8)`: the fields are named `0`, `1`, ….
        #[serde(default, skip_serializing_if = "is_false")]
        tuple: bool,
        /// Its fields.
        fields: Vec<Field>,
        /// If it is extensible, the version in which each field came; else empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        since: Vec<u32>,
    },
    /// An enum: a tag byte, then the fields of the variant.
    Enum {
        /// Its name without the path.
        name: String,
        /// Module path and name.
        path: String,
        /// The types that stand for its parameters.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        arguments: Vec<u32>,
        /// Its documentation; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        doc: String,
        /// Its variants, in the order of declaration.
        variants: Vec<Variant>,
        /// If it is extensible, the version in which each variant came; else empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        since: Vec<u32>,
    },
}

/// A field of a struct or variant.
///
/// ```
/// use outrigger_layout::schema::Field;
/// let text = r#"{ "name": "languages_known", "offset": 8, "type": 2 }"#;
/// let field: Field = serde_json::from_str(text).unwrap();
/// assert_eq!((field.offset, field.type_number), (8, 2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name; a number in tuples.
    pub name: String,
    /// Its documentation; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Bytes from the start of the struct, or of the whole enum.
    pub offset: u32,
    /// Its type.
    #[serde(rename = "type")]
    pub type_number: u32,
}

/// A variant of an enum.
///
/// ```
/// use outrigger_layout::schema::Variant;
/// let variant: Variant = serde_json::from_str(r#"{ "name": "Asleep", "tag": 2 }"#).unwrap();
/// assert!(variant.fields.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Its documentation; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Value of the tag byte.
    pub tag: u8,
    /// True for `Move(i32, i32)`: the fields are named `0`, `1`, ….
    #[serde(default, skip_serializing_if = "is_false")]
    pub tuple: bool,
    /// Its fields; none for a unit variant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Kind {
    /// The types that this one names: arguments, then those it is made of, in the
    /// order of declaration.
    pub fn children(&self) -> Vec<u32> {
        let mut children = self.arguments().to_vec();
        children.extend(self.parts());
        children
    }

    /// The types that stand for its parameters.
    pub fn arguments(&self) -> &[u32] {
        match self {
            Self::Struct { arguments, .. } | Self::Enum { arguments, .. } => arguments,
            _ => &[],
        }
    }

    /// The types that it is made of, in the order of declaration.
    pub fn parts(&self) -> Vec<u32> {
        let of = |fields: &[Field]| fields.iter().map(|field| field.type_number).collect();
        match self {
            Self::Vec { item } | Self::Box { item } | Self::Option { item } => vec![*item],
            Self::BoxSlice { item } | Self::Array { item, .. } => vec![*item],
            Self::Niche { item } | Self::NonZero { item } => vec![*item],
            Self::Map { item } | Self::Set { item } => vec![*item],
            Self::Result { ok, err } => vec![*ok, *err],
            Self::Tuple { fields } | Self::Entry { fields } | Self::Struct { fields, .. } => {
                of(fields)
            }
            Self::Enum { variants, .. } => variants
                .iter()
                .flat_map(|variant| of(&variant.fields))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The word that JSON has for it, such as `struct`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Bool => "bool",
            Self::Char => "char",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::U128 => "u128",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::I128 => "i128",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::String => "string",
            Self::Duration => "duration",
            Self::Vec { .. } => "vec",
            Self::Box { .. } => "box",
            Self::BoxStr => "box_str",
            Self::BoxSlice { .. } => "box_slice",
            Self::Option { .. } => "option",
            Self::Niche { .. } => "niche",
            Self::NonZero { .. } => "non_zero",
            Self::Map { .. } => "map",
            Self::Set { .. } => "set",
            Self::Entry { .. } => "entry",
            Self::Result { .. } => "result",
            Self::Array { .. } => "array",
            Self::Tuple { .. } => "tuple",
            Self::Struct { .. } => "struct",
            Self::Enum { .. } => "enum",
        }
    }
}
