//! Schemas as static data: what the attributes of messages generate.
//!
//! The numbers are `size_of`, `align_of` and `offset_of!` of the archived types:
//! the compiler that laid them out is the only authority. A field names its type
//! by a function, so that types may recurse and constants need no cycle. (facet
//! does so for its shapes, <https://docs.rs/facet>.)

use core::any::TypeId;
use core::mem::offset_of;
use core::num;
use core::time::Duration;

use rkyv::{Archive, Archived};

pub use crate::schema::adapter::{SchemaWith, node_with};
pub use crate::schema::variant::{enum_size, layout_of, layout_with, variant_offsets};

/// A type as it stands in archives.
///
/// ```
/// use outrigger_layout::schema::Schema;
/// let node = <Vec<u64> as Schema>::NODE;
/// assert_eq!((node.size, node.align), (8, 4)); // relative pointer and count
/// ```
#[derive(Debug)]
pub struct Node {
    /// Bytes of the archived type.
    pub size: usize,
    /// Its alignment.
    pub align: usize,
    /// What it is.
    pub shape: Shape,
    /// Which Rust type it is. (A function, as `TypeId::of` is no constant yet where
    /// this crate has to compile.)
    pub id: fn() -> TypeId,
}

/// Gives a type's node.
///
/// ```
/// use outrigger_layout::schema::node::{NodeOf, node};
/// let item: NodeOf = node::<u64>;
/// assert_eq!(item().size, 8);
/// ```
pub type NodeOf = fn() -> &'static Node;

/// What a type is: [`Kind`](crate::schema::Kind) as static data, and laid out as
/// that says.
///
/// ```
/// use outrigger_layout::schema::{Schema, node::Shape};
/// let shape = &<Vec<u16> as Schema>::NODE.shape;
/// assert!(matches!(shape, Shape::Vec(item) if matches!(item().shape, Shape::U16)));
/// ```
#[derive(Debug)]
pub enum Shape {
    /// `()`.
    Unit,
    /// `bool`.
    Bool,
    /// `char`.
    Char,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `u128`.
    U128,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `i128`.
    I128,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `String`.
    String,
    /// `Duration`.
    Duration,
    /// `Vec` of these elements.
    Vec(NodeOf),
    /// `Box` of this content.
    Box(NodeOf),
    /// `Box<str>`.
    BoxStr,
    /// `Box` of a slice of these elements.
    BoxSlice(NodeOf),
    /// `Option` of this value.
    Option(NodeOf),
    /// `Option` of this value, which itself says that there is none (`Niche`).
    Niche(NodeOf),
    /// An integer that is not 0, otherwise as this one.
    NonZero(NodeOf),
    /// A map as a list of these entries (`AsVec`).
    Map(NodeOf),
    /// A set as a list of these keys (`AsVec`).
    Set(NodeOf),
    /// An entry of a map: its key and its value.
    Entry(&'static [FieldNode; 2]),
    /// `Result` of this value or this error.
    Result(NodeOf, NodeOf),
    /// An array of these elements, so many.
    Array(NodeOf, usize),
    /// A tuple of these elements.
    Tuple(&'static [FieldNode]),
    /// A message that is a struct.
    Struct(StructNode),
    /// A message that is an enum.
    Enum(EnumNode),
}

/// A struct.
///
/// ```
/// use outrigger_layout::schema::node::{FieldNode, StructNode, node};
/// // As #[outrigger::message] describes `pub struct Greeting { text: String }`.
/// let greeting = StructNode {
///     name: "Greeting",
///     path: "greeter::Greeting",
///     arguments: &[],
///     doc: "What to say.",
///     tuple: false,
///     fields: &[FieldNode { name: "text", doc: "", offset: 0, node: node::<String> }],
///     since: &[],
/// };
/// assert_eq!(greeting.fields[0].name, "text");
/// ```
#[derive(Debug)]
pub struct StructNode {
    /// Name without the path.
    pub name: &'static str,
    /// Module path and name.
    pub path: &'static str,
    /// The types that stand for its parameters, in the order of declaration.
    pub arguments: &'static [NodeOf],
    /// Documentation.
    pub doc: &'static str,
    /// True if the fields have no names.
    pub tuple: bool,
    /// The fields in the order of declaration.
    pub fields: &'static [FieldNode],
    /// If it is extensible, the version in which each field came; else empty.
    pub since: &'static [u32],
}

/// An enum.
///
/// ```
/// use outrigger_layout::schema::node::{EnumNode, VariantNode};
/// const AWAKE: VariantNode =
///     VariantNode { name: "Awake", doc: "", tag: 0, tuple: false, fields: &[] };
/// let mood = EnumNode {
///     name: "Mood",
///     path: "greeter::Mood",
///     arguments: &[],
///     doc: "How a person feels.",
///     variants: &[AWAKE],
///     since: &[],
/// };
/// assert_eq!(mood.variants[0].name, "Awake");
/// ```
#[derive(Debug)]
pub struct EnumNode {
    /// Name without the path.
    pub name: &'static str,
    /// Module path and name.
    pub path: &'static str,
    /// The types that stand for its parameters, in the order of declaration.
    pub arguments: &'static [NodeOf],
    /// Documentation.
    pub doc: &'static str,
    /// The variants in the order of declaration.
    pub variants: &'static [VariantNode],
    /// If it is extensible, the version in which each variant came; else empty.
    pub since: &'static [u32],
}

/// A variant of an enum.
///
/// ```
/// use outrigger_layout::schema::node::{FieldNode, VariantNode, node};
/// // As #[outrigger::message] describes the variant `Asleep { until: u64 }`.
/// let asleep = VariantNode {
///     name: "Asleep",
///     doc: "",
///     tag: 1,
///     tuple: false,
///     fields: &[FieldNode { name: "until", doc: "", offset: 8, node: node::<u64> }],
/// };
/// assert_eq!(asleep.fields[0].offset, 8); // after the tag byte, aligned
/// ```
#[derive(Debug)]
pub struct VariantNode {
    /// Its name.
    pub name: &'static str,
    /// Documentation.
    pub doc: &'static str,
    /// Value of the tag byte.
    pub tag: u8,
    /// True if the fields have no names.
    pub tuple: bool,
    /// The fields in the order of declaration.
    pub fields: &'static [FieldNode],
}

/// A field.
///
/// ```
/// use outrigger_layout::schema::node::{FieldNode, node};
/// let field = FieldNode { name: "age", doc: "In years.", offset: 8, node: node::<u8> };
/// assert_eq!((field.node)().size, 1);
/// ```
#[derive(Debug)]
pub struct FieldNode {
    /// Its name; its number in tuples.
    pub name: &'static str,
    /// Documentation.
    pub doc: &'static str,
    /// Bytes from the start of the struct or enum.
    pub offset: usize,
    /// Its type.
    pub node: NodeOf,
}

/// A type that may be part of a message: its archived layout is known.
///
/// `#[outrigger::message]` implements it; so do the types that messages are made
/// of. It is not for implementing by hand.
///
/// ```
/// use outrigger_layout::schema::Schema;
/// assert_eq!(<Option<u32> as Schema>::NODE.size, 8); // tag byte, then the value
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a message",
    label = "its layout in an archive is not known",
    note = "if `{Self}` is a struct or enum of yours, mark it with #[outrigger::message]",
    note = "a message is made of integers of fixed width, floats, bool, char, String, Duration, \
            Vec, Option, Result, Box, arrays, tuples, NonZero integers, and types marked with \
            #[outrigger::message]; a map or set needs #[outrigger(as_vec)] above the field",
    note = "a struct marked with #[outrigger::message(extensible)] is the whole of a request, \
            reply or error, and no part of another message"
)]
pub trait Schema: Archive + 'static {
    /// The type's layout.
    const NODE: &'static Node;
}

/// The node of `T`, as a function for [`FieldNode::node`].
///
/// ```
/// use outrigger_layout::schema::node::{NodeOf, node};
/// let members: [NodeOf; 2] = [node::<String>, node::<u8>];
/// assert_eq!(members.map(|member| member().size), [8, 1]);
/// ```
pub fn node<T: Schema>() -> &'static Node {
    T::NODE
}

/// The node of `T`, whose archived type is of this shape.
///
/// ```
/// use outrigger_layout::schema::node::{Shape, shaped};
/// assert_eq!(shaped::<u16>(Shape::U16).size, 2);
/// ```
pub const fn shaped<T: Archive + 'static>(shape: Shape) -> Node {
    Node {
        size: size_of::<Archived<T>>(),
        align: align_of::<Archived<T>>(),
        shape,
        id: TypeId::of::<T>,
    }
}

macro_rules! leaves {
    ($($kind:ty => $shape:ident,)*) => {
        $(impl Schema for $kind {
            const NODE: &'static Node = &shaped::<Self>(Shape::$shape);
        })*
    };
}

leaves! {
    () => Unit,
    bool => Bool,
    char => Char,
    u8 => U8,
    u16 => U16,
    u32 => U32,
    u64 => U64,
    u128 => U128,
    i8 => I8,
    i16 => I16,
    i32 => I32,
    i64 => I64,
    i128 => I128,
    f32 => F32,
    f64 => F64,
    String => String,
    Duration => Duration,
    Box<str> => BoxStr,
}

macro_rules! non_zeros {
    ($($kind:ident of $number:ident,)*) => {
        $(impl Schema for num::$kind {
            const NODE: &'static Node = &shaped::<Self>(Shape::NonZero(node::<$number>));
        })*
    };
}

non_zeros! {
    NonZeroU8 of u8,
    NonZeroU16 of u16,
    NonZeroU32 of u32,
    NonZeroU64 of u64,
    NonZeroI8 of i8,
    NonZeroI16 of i16,
    NonZeroI32 of i32,
    NonZeroI64 of i64,
}

/// A UUID is its 16 bytes, and nothing else: Go has `[16]byte` for it.
#[cfg(feature = "uuid")]
impl Schema for uuid::Uuid {
    const NODE: &'static Node = {
        let (wanted, archived) = (layout_of::<[u8; 16]>(), layout_of::<Self>());
        assert!(
            wanted.0 == archived.0 && wanted.1 == archived.1,
            "rkyv lays a Uuid out in another way than its schema says"
        );
        <[u8; 16]>::NODE
    };
}

impl<T: Schema> Schema for Vec<T> {
    const NODE: &'static Node = {
        // Such a vector may claim 2^32 elements in eight bytes.
        assert!(
            size_of::<Archived<T>>() > 0,
            "elements of size 0 in a Vec: send their number instead"
        );
        &shaped::<Self>(Shape::Vec(node::<T>))
    };
}

impl<T: Schema> Schema for Box<[T]> {
    const NODE: &'static Node = {
        // Such a vector may claim 2^32 elements in eight bytes.
        assert!(
            size_of::<Archived<T>>() > 0,
            "elements of size 0 in a slice: send their number instead"
        );
        &shaped::<Self>(Shape::BoxSlice(node::<T>))
    };
}

impl<T: Schema> Schema for Box<T> {
    const NODE: &'static Node = &shaped::<Self>(Shape::Box(node::<T>));
}

impl<T: Schema> Schema for Option<T> {
    const NODE: &'static Node = &shaped::<Self>(Shape::Option(node::<T>));
}

impl<T: Schema, E: Schema> Schema for Result<T, E> {
    const NODE: &'static Node = {
        assert!(
            enum_size(&[&[layout_of::<T>()], &[layout_of::<E>()]]) == size_of::<Archived<Self>>(),
            "rkyv lays a Result out in another way than its schema says"
        );
        &shaped::<Self>(Shape::Result(node::<T>, node::<E>))
    };
}

impl<T: Schema, const COUNT: usize> Schema for [T; COUNT] {
    const NODE: &'static Node = &shaped::<Self>(Shape::Array(node::<T>, COUNT));
}

macro_rules! tuples {
    ($($($kind:ident $number:tt),*;)*) => {
        $(impl<$($kind: Schema),*> Schema for ($($kind,)*) {
            const NODE: &'static Node = &shaped::<Self>(Shape::Tuple(&[$(FieldNode {
                name: stringify!($number),
                doc: "",
                offset: offset_of!(Archived<Self>, $number),
                node: node::<$kind>,
            }),*]));
        })*
    };
}

tuples! {
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}
