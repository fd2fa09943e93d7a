//! What the generators need to know about a type or a table, as constant data.
//!
//! [`pod!`](crate::pod) declares a shared struct once and derives everything
//! else from that declaration: the `#[repr(C)]` Pod type, the compile-time
//! check of its size, and its [`StructInfo`].

/// One field of a shared struct.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Name of the field, in snake case.
    pub name: &'static str,
    /// Rust spelling of its type: `u8` to `u64`, an array of those, or another
    /// described struct.
    pub kind: &'static str,
    /// Bytes from the start of the struct.
    pub offset: usize,
    /// Size in bytes.
    pub size: usize,
    /// Its documentation, one line per element.
    pub doc: &'static [&'static str],
}

/// One shared struct: every byte is named, there is no padding.
#[derive(Clone, Copy, Debug)]
pub struct StructInfo {
    /// Name of the struct, in camel case.
    pub name: &'static str,
    /// Size in bytes.
    pub size: usize,
    /// Its documentation, one line per element.
    pub doc: &'static [&'static str],
    /// The fields, by ascending offset.
    pub fields: &'static [FieldInfo],
}

/// A struct that can describe itself to the generators.
pub trait Described {
    /// The description.
    const INFO: StructInfo;
}

/// One named number of a table (a kind, a flag, a limit).
#[derive(Clone, Copy, Debug)]
pub struct NumberInfo {
    /// Name in upper snake case.
    pub name: &'static str,
    /// The number itself.
    pub value: u64,
    /// What it means, one line per element.
    pub doc: &'static [&'static str],
}

/// A table of named numbers that share one width.
#[derive(Clone, Copy, Debug)]
pub struct TableInfo {
    /// Name of the table in camel case; it prefixes the generated constants.
    pub name: &'static str,
    /// Rust spelling of the numbers' type.
    pub kind: &'static str,
    /// What the table is, one line per element.
    pub doc: &'static [&'static str],
    /// The rows, in the order of declaration.
    pub rows: &'static [NumberInfo],
}

/// Declares a shared struct: name, size in bytes, named fields.
#[macro_export]
#[doc(hidden)]
macro_rules! pod {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident [$size:literal] {
            $( $(#[doc = $field_doc:literal])* pub $field:ident: $kind:ty, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name {
            $( $(#[doc = $field_doc])* pub $field: $kind, )*
        }

        const _: () = assert!(size_of::<$name>() == $size);

        impl $crate::describe::Described for $name {
            const INFO: $crate::describe::StructInfo = $crate::describe::StructInfo {
                name: stringify!($name),
                size: $size,
                doc: &[$($doc),*],
                fields: &[$($crate::describe::FieldInfo {
                    name: stringify!($field),
                    kind: stringify!($kind),
                    offset: core::mem::offset_of!($name, $field),
                    size: size_of::<$kind>(),
                    doc: &[$($field_doc),*],
                }),*],
            };
        }
    };
}

/// Declares a table of named numbers as constants in a module of its own,
/// together with its [`TableInfo`] named `TABLE`.
#[macro_export]
#[doc(hidden)]
macro_rules! numbers {
    (
        $(#[doc = $doc:literal])*
        pub mod $module:ident as $name:ident: $kind:ty {
            $( $(#[doc = $row_doc:literal])* $row:ident = $value:expr; )*
        }
    ) => {
        $(#[doc = $doc])*
        pub mod $module {
            $( $(#[doc = $row_doc])* pub const $row: $kind = $value; )*

            /// The whole table, for the generators.
            pub const TABLE: $crate::describe::TableInfo = $crate::describe::TableInfo {
                name: stringify!($name),
                kind: stringify!($kind),
                doc: &[$($doc),*],
                rows: &[$($crate::describe::NumberInfo {
                    name: stringify!($row),
                    value: $row as u64,
                    doc: &[$($row_doc),*],
                }),*],
            };
        }
    };
}
