//! The words that random types are made of: plain types, and names, awkward ones
//! among them.

pub(crate) const LEAVES: &[&str] = &[
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "f32",
    "f64",
    "bool",
    "char",
    "String",
    "String",
    "String",
    "core::time::Duration",
    "Box<str>",
    "core::num::NonZeroU8",
    "core::num::NonZeroU32",
    "core::num::NonZeroI64",
];

/// Integers that are not 0.
pub(crate) const NON_ZEROS: &[&str] = &[
    "core::num::NonZeroU8",
    "core::num::NonZeroU16",
    "core::num::NonZeroU32",
    "core::num::NonZeroU64",
    "core::num::NonZeroI8",
    "core::num::NonZeroI16",
    "core::num::NonZeroI32",
    "core::num::NonZeroI64",
];

/// Names of types' parameters; no other name has them in it.
pub(crate) const PARAMETERS: &[&str] = &["Thing", "Other"];

/// Names of types, some of which Go or the generated code has other uses for.
pub(crate) const TYPE_NAMES: &[&str] = &[
    "Plain",
    "Client",
    "Method",
    "Encoder",
    "Checker",
    "Ref",
    "PlainView",
    "HttpUrl",
    "Twin",
    "Archive",
    "Tag",
    "Kind",
    "Uint128",
    "Tuple2",
    "Duration",
    "Error",
    "Order",
];

/// Names of fields, likewise.
pub(crate) const FIELD_NAMES: &[&str] = &[
    "r#type",
    "err",
    "ctx",
    "len",
    "id",
    "load",
    "release",
    "tag",
    "string",
    "bytes",
    "name",
    "name_view",
    "e",
    "x",
    "at",
    "w",
    "r",
    "v",
    "http_url",
    "peer_ids",
    "encode_archive",
    "value",
    "ok",
    "archive",
    "mark",
    "i",
    "scope",
    "option",
    "c",
    "request",
    "reply",
    "nil",
    "append",
];

pub(crate) const VARIANT_NAMES: &[&str] = &[
    "Nothing", "Some", "None", "Ok", "View", "Load", "Tag", "Circle", "Id", "Client", "Err",
];
