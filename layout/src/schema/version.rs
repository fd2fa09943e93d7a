//! Versions of messages: what may be appended, and which peers fit all the same.
//!
//! ```text
//!   #[message(extensible)] struct, as the root of an archive:
//!
//!     version 1   [ … parts │ fields of 1 ][ pointer ]
//!     version 2   [ … parts │ fields of 1 │ fields of 2 ][ pointer ]
//!                           ◀── end, size: an Extent ──▶
//! ```
//!
//! A method is as new as the newest of what its messages reach. Its text at version
//! k leaves out what came after k; a side knows the texts of all its versions. Two
//! sides fit if their texts at the lower of both versions are the same. So there are
//! two ways to ask for a method, and a server takes both:
//!
//! | the client says | the server agrees if |
//! | --- | --- |
//! | this text is my newest: its fingerprint | it is one of the server's, newest or older |
//! | this text is one of my older ones: [`extended`] | it is the server's newest |
//!
//! With the plain fingerprint in the second case, two sides that each appended
//! something else to one message would find the version before that in common, and
//! read each other's additions.

use std::collections::BTreeSet;

use rkyv::Archive;
use sha2::{Digest, Sha256};

use crate::schema::canonical::{canonical, fingerprint};
use crate::schema::document::{Document, Kind, Method, Type};
use crate::schema::node::{Node, NodeOf, Schema, Shape};

/// Highest version of a field or variant. The lowest is 1.
pub const VERSION_MAX: u32 = 100;

/// A type that may be the root of an archive: every [`Schema`], and a message that
/// is marked `extensible`.
///
/// ```
/// use outrigger_layout::schema::Root;
/// assert_eq!(<u32 as Root>::ROOT.size, 4);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    note = "a request or reply is a struct or enum of yours marked with #[outrigger::message]; \
            another type is wrapped in such a struct"
)]
pub trait Root: Archive + 'static {
    /// The type's layout; for an extensible struct, not that of its pointer.
    const ROOT: &'static Node;
}

impl<T: Schema> Root for T {
    const ROOT: &'static Node = T::NODE;
}

/// The node of `T`, as a function for [`MethodNode`](crate::schema::MethodNode).
///
/// ```
/// use outrigger_layout::schema::{node::NodeOf, version::root};
/// let request: NodeOf = root::<u64>;
/// assert_eq!(request().size, 8);
/// ```
pub fn root<T: Root>() -> &'static Node {
    T::ROOT
}

/// How far an extensible struct of one version reaches, in bytes from its start.
///
/// ```
/// use outrigger_layout::schema::version::{Extent, extents};
/// let fields = [(0, 8, 1), (8, 1, 1), (12, 8, 3)]; // offset, size, version
/// assert_eq!(extents(&fields, 4), [
///     Extent { version: 1, end: 9, size: 12 },
///     Extent { version: 3, end: 20, size: 20 },
/// ]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The version, 1 to [`VERSION_MAX`].
    pub version: u32,
    /// Where its last field ends.
    pub end: u32,
    /// Its size: the end, with what fills it up to the alignment.
    pub size: u32,
}

/// The extents of the versions that have fields of their own, oldest first, of fields
/// in the order of declaration: offset, size and version of each.
///
/// For an example see [`Extent`].
pub fn extents(fields: &[(u32, u32, u32)], align: u32) -> Vec<Extent> {
    let mut extents: Vec<Extent> = Vec::new();
    let mut end = 0;
    for &(offset, size, version) in fields {
        end = end.max(offset + size);
        let extent = Extent {
            version,
            end,
            size: end.next_multiple_of(align),
        };
        match extents.last_mut() {
            Some(last) if last.version == version => *last = extent,
            _ => extents.push(extent),
        }
    }
    extents
}

/// The extents of an extensible struct; none for any other type.
///
/// ```
/// use outrigger_layout::schema::{Schema, version::extents_of};
/// assert!(extents_of(<String as Schema>::NODE).is_empty());
/// ```
pub fn extents_of(node: &Node) -> Vec<Extent> {
    let Shape::Struct(shape) = &node.shape else {
        return Vec::new();
    };
    let fields = shape.fields.iter().zip(shape.since);
    let row = fields.map(|(field, &since)| {
        let size = (field.node)().size;
        (field.offset as u32, size as u32, since)
    });
    extents(&row.collect::<Vec<_>>(), node.align as u32)
}

/// The fingerprints of a method's versions.
///
/// ```
/// use outrigger_layout::schema::{Fingerprints, version::extended};
/// let server = Fingerprints { newest: [2; 16], older: vec![[1; 16]] };
/// let newer_client = Fingerprints { newest: [3; 16], older: vec![[1; 16], [2; 16]] };
/// assert!(server.accepts(&[1; 16])); // an older client
/// let mut asked = newer_client.asked();
/// assert_eq!(asked.next(), Some([3; 16])); // which this server does not know
/// assert!(server.accepts(&asked.next().unwrap()));
/// // A client that appended something else to version 1 finds nothing.
/// let other = Fingerprints { newest: [9; 16], older: vec![[1; 16]] };
/// assert!(!other.asked().any(|fingerprint| server.accepts(&fingerprint)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprints {
    /// That of the newest version.
    pub newest: [u8; 16],
    /// Those of the versions before, oldest first; none stands here twice.
    pub older: Vec<[u8; 16]>,
}

impl Fingerprints {
    /// Those of a method of a document.
    ///
    /// # Panics
    /// As [`canonical`].
    pub fn of(document: &Document, method: &Method) -> Self {
        let newest = fingerprint(&canonical(document, method));
        let mut older = Vec::new();
        let versions = document.versions(method);
        for &version in versions.iter().rev().skip(1).rev() {
            let text = canonical(&document.at(version), method);
            let fingerprint = fingerprint(&text);
            if fingerprint != newest && older.last() != Some(&fingerprint) {
                older.push(fingerprint);
            }
        }
        Self { newest, older }
    }

    /// Whether a server of these versions answers a client that asks for `asked`.
    pub fn accepts(&self, asked: &[u8; 16]) -> bool {
        self.newest == *asked || self.older.contains(asked) || extended(&self.newest) == *asked
    }

    /// What a client of these versions asks for, one after the other.
    pub fn asked(&self) -> impl Iterator<Item = [u8; 16]> + '_ {
        let older = self.older.iter().rev().map(extended);
        core::iter::once(self.newest).chain(older)
    }
}

/// What a client asks for whose own messages are newer than that fingerprint: the
/// first 128 bits of SHA-256 over the word `extended` and the 16 bytes.
///
/// ```
/// use outrigger_layout::schema::{hex, version::extended};
/// assert_ne!(extended(&[1; 16]), [1; 16]);
/// assert_ne!(extended(&[1; 16]), extended(&[2; 16]));
/// ```
pub fn extended(fingerprint: &[u8; 16]) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update("extended")
        .chain_update(fingerprint)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}

impl Document {
    /// The versions in which something came that this method reaches, in order.
    /// There is one at least.
    pub(crate) fn versions(&self, method: &Method) -> BTreeSet<u32> {
        let mut versions = BTreeSet::from([1]);
        let mut seen = BTreeSet::new();
        let roots = [Some(method.request), Some(method.reply), method.error];
        let mut left: Vec<u32> = roots.into_iter().flatten().collect();
        while let Some(number) = left.pop() {
            if !seen.insert(number) {
                continue;
            }
            let kind = &self.types[number as usize].kind;
            if let Kind::Struct { since, .. } | Kind::Enum { since, .. } = kind {
                versions.extend(since);
            }
            left.extend(kind.children());
        }
        versions
    }

    /// The document as it was at a version: without what came later.
    pub(crate) fn at(&self, version: u32) -> Self {
        let types = self.types.iter().map(|described| match &described.kind {
            Kind::Struct { .. } | Kind::Enum { .. } => self.type_at(described, version),
            _ => described.clone(),
        });
        Self {
            types: types.collect(),
            ..self.clone()
        }
    }

    fn type_at(&self, described: &Type, version: u32) -> Type {
        let mut older = described.clone();
        let extents = self.extents(described);
        match &mut older.kind {
            Kind::Struct { fields, since, .. } => keep(fields, since, version),
            Kind::Enum {
                variants, since, ..
            } => keep(variants, since, version),
            _ => {}
        }
        let extent = extents
            .iter()
            .rev()
            .find(|extent| extent.version <= version);
        older.size = extent.map_or(described.size, |extent| extent.size);
        older
    }

    /// The extents of an extensible struct; none for any other type.
    pub(crate) fn extents(&self, described: &Type) -> Vec<Extent> {
        let Kind::Struct { fields, since, .. } = &described.kind else {
            return Vec::new();
        };
        let fields = fields.iter().zip(since);
        let row = fields.map(|(field, &since)| {
            let size = self.types[field.type_number as usize].size;
            (field.offset, size, since)
        });
        extents(&row.collect::<Vec<_>>(), described.align)
    }
}

/// Leaves out what came after a version.
fn keep<T>(members: &mut Vec<T>, since: &mut Vec<u32>, version: u32) {
    let kept = since.iter().take_while(|since| **since <= version).count();
    if !since.is_empty() {
        members.truncate(kept);
        since.truncate(kept);
    }
}

/// The nodes that a node's type is made of.
pub(crate) fn members(node: &Node) -> Vec<NodeOf> {
    match &node.shape {
        Shape::Vec(item) | Shape::Box(item) | Shape::BoxSlice(item) => vec![*item],
        Shape::Option(item) | Shape::Array(item, _) => vec![*item],
        Shape::Result(ok, err) => vec![*ok, *err],
        Shape::Tuple(fields) => fields.iter().map(|field| field.node).collect(),
        Shape::Struct(shape) => shape.fields.iter().map(|field| field.node).collect(),
        Shape::Enum(shape) => {
            let fields = shape.variants.iter().flat_map(|variant| variant.fields);
            fields.map(|field| field.node).collect()
        }
        _ => Vec::new(),
    }
}
