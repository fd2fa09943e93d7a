//! The fixture's document, made by hand.
//!
//! Sizes and offsets are the compiler's, for the types that rkyv derived: so the
//! schema and the golden bytes come from two sides.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem::offset_of;
use std::num::{NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32};
use std::time::Duration;

use outrigger_layout::schema::{Document, Field, Kind, Type, Variant};
use rkyv::collections::util::{Entry, EntryAdapter};
use rkyv::with::{ArchiveWith, AsVec, Map, Niche, With};
use rkyv::{Archive, Archived};
use uuid::Uuid;

/// A document in the making.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) document: Document,
    numbers: Vec<(TypeId, u32)>,
}

/// A type of the fixture.
pub(crate) trait Described: Archive + 'static {
    fn kind(builder: &mut Builder) -> Kind;
}

impl Builder {
    pub(crate) fn number<T: Described>(&mut self) -> u32 {
        let id = TypeId::of::<T>();
        if let Some((_, number)) = self.numbers.iter().find(|(seen, _)| *seen == id) {
            return *number;
        }
        let number = self.document.types.len() as u32;
        self.numbers.push((id, number));
        self.document.types.push(Type {
            size: size_of::<Archived<T>>() as u32,
            align: align_of::<Archived<T>>() as u32,
            kind: Kind::Unit,
        });
        let kind = T::kind(self);
        self.document.types[number as usize].kind = kind;
        number
    }

    pub(crate) fn field<T: Described>(&mut self, name: &str, doc: &str, offset: usize) -> Field {
        let name = name.strip_prefix("r#").unwrap_or(name);
        Field {
            name: name.to_owned(),
            doc: doc.to_owned(),
            offset: offset as u32,
            type_number: self.number::<T>(),
        }
    }

    /// Lays out a variant: its tag, then each field at its alignment.
    pub(crate) fn place(&self, variant: &mut Variant) {
        let mut end = 1_u32;
        for field in &mut variant.fields {
            let described = &self.document.types[field.type_number as usize];
            field.offset = end.next_multiple_of(described.align);
            end = field.offset + described.size;
        }
    }
}

macro_rules! leaves {
    ($($kind:ty => $word:ident,)*) => {
        $(impl Described for $kind {
            fn kind(_: &mut Builder) -> Kind {
                Kind::$word
            }
        })*
    };
}

leaves! {
    () => Unit, bool => Bool, char => Char,
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, u128 => U128,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64, i128 => I128,
    f32 => F32, f64 => F64, String => String,
    Duration => Duration, Box<str> => BoxStr,
}

impl<T: Described> Described for Vec<T>
where
    Self: Archive,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Vec {
            item: builder.number::<T>(),
        }
    }
}

impl<T: Described> Described for Box<[T]>
where
    Self: Archive,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::BoxSlice {
            item: builder.number::<T>(),
        }
    }
}

impl<T: Described> Described for Box<T>
where
    Self: Archive,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Box {
            item: builder.number::<T>(),
        }
    }
}

impl<T: Described> Described for Option<T>
where
    Self: Archive,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Option {
            item: builder.number::<T>(),
        }
    }
}

impl<T: Described, E: Described> Described for Result<T, E>
where
    Self: Archive,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Result {
            ok: builder.number::<T>(),
            err: builder.number::<E>(),
        }
    }
}

impl<T: Described, const COUNT: usize> Described for [T; COUNT]
where
    Self: Archive,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Array {
            item: builder.number::<T>(),
            count: COUNT as u32,
        }
    }
}

macro_rules! tuples {
    ($($($kind:ident $number:tt),*;)*) => {
        $(impl<$($kind: Described),*> Described for ($($kind,)*) {
            fn kind(builder: &mut Builder) -> Kind {
                Kind::Tuple {
                    fields: vec![$(builder.field::<$kind>(
                        stringify!($number),
                        "",
                        core::mem::offset_of!(Archived<Self>, $number),
                    )),*],
                }
            }
        })*
    };
}

tuples! {
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

macro_rules! non_zeros {
    ($($kind:ty => $number:ty,)*) => {
        $(impl Described for $kind {
            fn kind(builder: &mut Builder) -> Kind {
                Kind::NonZero {
                    item: builder.number::<$number>(),
                }
            }
        }

        impl Described for With<Option<$kind>, Niche> {
            fn kind(builder: &mut Builder) -> Kind {
                Kind::Niche {
                    item: builder.number::<$kind>(),
                }
            }
        })*
    };
}

non_zeros! { NonZeroU8 => u8, NonZeroU16 => u16, NonZeroU32 => u32, NonZeroI64 => i64, }

impl<T: Described> Described for With<Option<Box<T>>, Niche>
where
    Box<T>: Archive,
    Niche: ArchiveWith<Option<Box<T>>>,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Niche {
            item: builder.number::<Box<T>>(),
        }
    }
}

impl<K: Described, V: Described> Described for EntryAdapter<K, V, K, V> {
    fn kind(builder: &mut Builder) -> Kind {
        let (key, value) = (
            offset_of!(Entry<Archived<K>, Archived<V>>, key),
            offset_of!(Entry<Archived<K>, Archived<V>>, value),
        );
        Kind::Entry {
            fields: vec![
                builder.field::<K>("key", "", key),
                builder.field::<V>("value", "", value),
            ],
        }
    }
}

macro_rules! lists {
    ($($kind:ident<$($parameter:ident),*> = $word:ident of $item:ty,)*) => {
        $(impl<$($parameter: Described),*> Described for With<$kind<$($parameter),*>, AsVec> {
            fn kind(builder: &mut Builder) -> Kind {
                Kind::$word {
                    item: builder.number::<$item>(),
                }
            }
        })*
    };
}

lists! {
    BTreeMap<K, V> = Map of EntryAdapter<K, V, K, V>,
    HashMap<K, V> = Map of EntryAdapter<K, V, K, V>,
    BTreeSet<T> = Set of T,
    HashSet<T> = Set of T,
}

impl<T: 'static, W: ArchiveWith<T> + 'static> Described for With<Vec<T>, Map<W>>
where
    With<T, W>: Described,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Vec {
            item: builder.number::<With<T, W>>(),
        }
    }
}

impl<T: 'static, W: ArchiveWith<T> + 'static> Described for With<Option<T>, Map<W>>
where
    With<T, W>: Described,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Option {
            item: builder.number::<With<T, W>>(),
        }
    }
}

impl Described for Uuid {
    fn kind(builder: &mut Builder) -> Kind {
        <[u8; 16]>::kind(builder)
    }
}

/// A type as a field has it: itself, or as rkyv's `with` archives it.
macro_rules! described {
    ($kind:ty) => {
        $kind
    };
    ($kind:ty, $with:ty) => {
        rkyv::with::With<$kind, $with>
    };
}

/// Derives for a message, and its description.
macro_rules! message {
    (@item $item:item) => {
        #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Clone, Debug, PartialEq)]
        #[rkyv(
            serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator,
                __S::Error: rkyv::rancor::Source),
            deserialize_bounds(__D::Error: rkyv::rancor::Source),
            bytecheck(bounds(__C: rkyv::validation::ArchiveContext,
                __C::Error: rkyv::rancor::Source)),
        )]
        $item
    };
    (struct $name:ident = $archived:ident, $doc:literal {
        $($field:ident: $kind:ty $(as $with:ty)? $(= $text:literal)?,)*
    }) => {
        message! { @item pub(crate) struct $name {
            $(#[rkyv(omit_bounds $(, with = $with)?)] pub(crate) $field: $kind,)*
        } }
        impl Sample for $name {
            fn sample(source: &mut Source) -> Self {
                let _ = &source;
                Self { $($field: <$kind>::sample(source),)* }
            }
        }
        impl Described for $name {
            fn kind(builder: &mut Builder) -> Kind {
                let _ = &builder;
                Kind::Struct {
                    name: stringify!($name).to_owned(),
                    path: concat!("fixture::", stringify!($name)).to_owned(),
                    arguments: Vec::new(),
                    doc: $doc.to_owned(),
                    tuple: false,
                    fields: vec![$(builder.field::<$crate::document::described!(
                        $kind $(, $with)?
                    )>(
                        stringify!($field),
                        concat!("", $($text)?),
                        core::mem::offset_of!($archived, $field),
                    ),)*],
                    since: Vec::new(),
                }
            }
        }
    };
    (tuple $name:ident = $archived:ident, $doc:literal ($($number:tt: $kind:ty,)*)) => {
        message! { @item pub(crate) struct $name($(#[rkyv(omit_bounds)] pub(crate) $kind,)*); }
        impl Sample for $name {
            fn sample(source: &mut Source) -> Self {
                Self($(<$kind>::sample(source),)*)
            }
        }
        impl Described for $name {
            fn kind(builder: &mut Builder) -> Kind {
                Kind::Struct {
                    name: stringify!($name).to_owned(),
                    path: concat!("fixture::", stringify!($name)).to_owned(),
                    arguments: Vec::new(),
                    doc: $doc.to_owned(),
                    tuple: true,
                    fields: vec![$(builder.field::<$kind>(
                        stringify!($number),
                        "",
                        core::mem::offset_of!($archived, $number),
                    ),)*],
                    since: Vec::new(),
                }
            }
        }
    };
    (units $name:ident, $doc:literal { $($variant:ident = $tag:literal,)* }) => {
        message! { @item #[repr(u8)] pub(crate) enum $name { $($variant = $tag,)* } }
        impl Sample for $name {
            fn sample(source: &mut Source) -> Self {
                let all = [$(Self::$variant,)*];
                all[source.below(all.len())].clone()
            }
        }
        impl Described for $name {
            fn kind(_: &mut Builder) -> Kind {
                Kind::Enum {
                    name: stringify!($name).to_owned(),
                    path: concat!("fixture::", stringify!($name)).to_owned(),
                    arguments: Vec::new(),
                    doc: $doc.to_owned(),
                    variants: vec![$(Variant {
                        name: stringify!($variant).to_owned(),
                        doc: String::new(),
                        tag: $tag,
                        tuple: false,
                        fields: Vec::new(),
                    },)*],
                    since: Vec::new(),
                }
            }
        }
    };
    (enum $name:ident, $doc:literal {
        $($variant:ident { $($field:ident: $kind:ty,)* })*
        ; $($tuple:ident ($($number:tt: $type:ty,)*))*
    }) => {
        message! { @item pub(crate) enum $name {
            $($variant { $(#[rkyv(omit_bounds)] $field: $kind,)* },)*
            $($tuple($(#[rkyv(omit_bounds)] $type,)*),)*
        } }
        impl Sample for $name {
            fn sample(source: &mut Source) -> Self {
                let makers: &[fn(&mut Source) -> Self] = &[
                    $(|source| {
                        let _ = &source;
                        Self::$variant { $($field: <$kind>::sample(source),)* }
                    },)*
                    $(|source| Self::$tuple($(<$type>::sample(source),)*),)*
                ];
                // The first ends the recursion.
                let index = if source.spend() { source.below(makers.len()) } else { 0 };
                makers[index](source)
            }
        }
        impl Described for $name {
            fn kind(builder: &mut Builder) -> Kind {
                let mut variants = vec![
                    $(Variant {
                        name: stringify!($variant).to_owned(),
                        doc: String::new(),
                        tag: 0,
                        tuple: false,
                        fields: vec![$(builder.field::<$kind>(stringify!($field), "", 0),)*],
                    },)*
                    $(Variant {
                        name: stringify!($tuple).to_owned(),
                        doc: concat!("The tuple ", stringify!($tuple), ".").to_owned(),
                        tag: 0,
                        tuple: true,
                        fields: vec![$(builder.field::<$type>(stringify!($number), "", 0),)*],
                    },)*
                ];
                for (tag, variant) in variants.iter_mut().enumerate() {
                    variant.tag = tag as u8;
                    builder.place(variant);
                }
                Kind::Enum {
                    name: stringify!($name).to_owned(),
                    path: concat!("fixture::", stringify!($name)).to_owned(),
                    arguments: Vec::new(),
                    doc: $doc.to_owned(),
                    variants,
                    since: Vec::new(),
                }
            }
        }
    };
}

pub(crate) use {described, message};
