//! Types that stand in archives in another way than their own: rkyv's `with`.
//!
//! ```text
//!   AsVec   BTreeMap<K, V>, HashMap<K, V>   a Vec of entries { key, value }
//!           BTreeSet<T>, HashSet<T>         a Vec
//!   Niche   Option<NonZeroU32>, …           the integer, 0 for none
//!           Option<Box<T>>                  the pointer, +1 for none
//!   Map<W>  Vec, Option, array              of what W does to the elements
//! ```
//!
//! A map of either kind has one node, as its archive does not tell which it was.

use core::any::TypeId;
use core::hash::BuildHasher;
use core::mem::offset_of;
use core::num;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rkyv::Archived;
use rkyv::collections::util::{Entry, EntryAdapter};
use rkyv::with::{ArchiveWith, AsVec, Map, Niche, With};

use crate::schema::node::{FieldNode, Node, Schema, Shape, node};

/// A way of rkyv's to archive a `T`, whose layout is known.
///
/// `#[outrigger::message]` asks for it at fields with `#[outrigger(as_vec)]` or
/// `#[outrigger(niche)]`.
///
/// ```
/// use std::collections::BTreeMap;
/// use outrigger_layout::schema::node::{SchemaWith, Shape};
/// use rkyv::with::AsVec;
/// let map = <AsVec as SchemaWith<BTreeMap<String, u32>>>::NODE;
/// assert!(matches!(map.shape, Shape::Map(entry) if entry().size == 12));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be archived in this way",
    label = "its layout in an archive is not known",
    note = "#[outrigger(as_vec)] is for BTreeMap, HashMap, BTreeSet and HashSet, \
            #[outrigger(niche)] for Option of a NonZero integer or of a Box; both also for \
            these within Vec, Option and arrays"
)]
pub trait SchemaWith<T>: ArchiveWith<T> + 'static {
    /// The layout.
    const NODE: &'static Node;
}

/// The node of `T` as `W` archives it, as a function for [`FieldNode::node`].
///
/// ```
/// use core::num::NonZeroU32;
/// use outrigger_layout::schema::node::{NodeOf, node, node_with};
/// use rkyv::with::Niche;
/// let niched: NodeOf = node_with::<Niche, Option<NonZeroU32>>;
/// assert_eq!((niched().size, node::<Option<NonZeroU32>>().size), (4, 8));
/// ```
pub fn node_with<W: SchemaWith<T>, T>() -> &'static Node {
    W::NODE
}

/// The node of `T` as `W` archives it, which is of this shape.
const fn shaped_with<W: ArchiveWith<T> + 'static, T: 'static>(shape: Shape) -> Node {
    Node {
        size: size_of::<W::Archived>(),
        align: align_of::<W::Archived>(),
        shape,
        id: TypeId::of::<With<T, W>>,
    }
}

/// The node of an entry, which rkyv has no type of its own for.
fn entry<K: Schema, V: Schema>() -> &'static Node {
    struct Of<K, V>(core::marker::PhantomData<(K, V)>);

    impl<K: Schema, V: Schema> Of<K, V> {
        const FIELDS: &'static [FieldNode; 2] = &[
            FieldNode {
                name: "key",
                doc: "",
                offset: offset_of!(Entry<Archived<K>, Archived<V>>, key),
                node: node::<K>,
            },
            FieldNode {
                name: "value",
                doc: "",
                offset: offset_of!(Entry<Archived<K>, Archived<V>>, value),
                node: node::<V>,
            },
        ];
        const NODE: &'static Node = &Node {
            size: size_of::<Entry<Archived<K>, Archived<V>>>(),
            align: align_of::<Entry<Archived<K>, Archived<V>>>(),
            shape: Shape::Entry(Self::FIELDS),
            id: TypeId::of::<EntryAdapter<K, V, K, V>>,
        };
    }
    Of::<K, V>::NODE
}

/// The node of a map, whose entries have a size.
const fn map<K: Schema, V: Schema>() -> Node {
    assert!(
        size_of::<Entry<Archived<K>, Archived<V>>>() > 0,
        "entries of size 0 in a map: send their number instead"
    );
    shaped_with::<AsVec, BTreeMap<K, V>>(Shape::Map(entry::<K, V>))
}

/// The node of a set, whose elements have a size.
const fn set<T: Schema>() -> Node {
    assert!(
        size_of::<Archived<T>>() > 0,
        "elements of size 0 in a set: send their number instead"
    );
    shaped_with::<AsVec, BTreeSet<T>>(Shape::Set(node::<T>))
}

impl<K: Schema, V: Schema> SchemaWith<BTreeMap<K, V>> for AsVec {
    const NODE: &'static Node = &map::<K, V>();
}

impl<K: Schema, V: Schema, H: BuildHasher + 'static> SchemaWith<HashMap<K, V, H>> for AsVec {
    const NODE: &'static Node = &map::<K, V>();
}

impl<T: Schema> SchemaWith<BTreeSet<T>> for AsVec {
    const NODE: &'static Node = &set::<T>();
}

impl<T: Schema, H: BuildHasher + 'static> SchemaWith<HashSet<T, H>> for AsVec {
    const NODE: &'static Node = &set::<T>();
}

macro_rules! niches {
    ($($kind:ident)*) => {
        $(impl SchemaWith<Option<num::$kind>> for Niche {
            const NODE: &'static Node =
                &shaped_with::<Self, Option<num::$kind>>(Shape::Niche(node::<num::$kind>));
        })*
    };
}

niches! {
    NonZeroU8 NonZeroU16 NonZeroU32 NonZeroU64 NonZeroI8 NonZeroI16 NonZeroI32 NonZeroI64
}

impl<T: Schema> SchemaWith<Option<Box<T>>> for Niche {
    const NODE: &'static Node = &shaped_with::<Self, Option<Box<T>>>(Shape::Niche(node::<Box<T>>));
}

impl<W: SchemaWith<T>, T: 'static> SchemaWith<Vec<T>> for Map<W> {
    const NODE: &'static Node = {
        assert!(
            size_of::<W::Archived>() > 0,
            "elements of size 0 in a Vec: send their number instead"
        );
        &shaped_with::<Self, Vec<T>>(Shape::Vec(node_with::<W, T>))
    };
}

impl<W: SchemaWith<T>, T: 'static> SchemaWith<Option<T>> for Map<W> {
    const NODE: &'static Node = &shaped_with::<Self, Option<T>>(Shape::Option(node_with::<W, T>));
}

impl<W: SchemaWith<T>, T: 'static, const COUNT: usize> SchemaWith<[T; COUNT]> for Map<W> {
    const NODE: &'static Node =
        &shaped_with::<Self, [T; COUNT]>(Shape::Array(node_with::<W, T>, COUNT));
}
