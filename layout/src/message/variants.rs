//! A variant that a message does not have: which ones it has.

use core::any::TypeId;

use crate::error::Error;
use crate::schema::Node;
use crate::schema::node::{EnumNode, Shape};
use crate::schema::version::members;

/// Completes rkyv's words for an unknown variant by the tags of the enum.
#[cold]
pub(super) fn explained(error: Error, root: &Node) -> Error {
    let Some((tag, name)) = unknown(error.message()) else {
        return error;
    };
    let mut seen = Vec::new();
    let mut tags = None;
    enums(root, &mut seen, &mut |found| {
        let known = || found.variants.iter().map(|variant| variant.tag);
        if found.name == name && !known().any(|known| known == tag) {
            tags.get_or_insert_with(|| known().map(|tag| tag.to_string()).collect::<Vec<_>>());
        }
    });
    match tags {
        Some(tags) => {
            let text = format!("{} (allowed: {})", error.message(), tags.join(", "));
            Error::new(error.code(), text)
        }
        None => error,
    }
}

/// The tag and the enum in rkyv's words.
fn unknown(text: &str) -> Option<(u8, &str)> {
    let (_, rest) = text.split_once("invalid discriminant '")?;
    let (tag, rest) = rest.split_once("' for enum '")?;
    let (name, _) = rest.split_once('\'')?;
    Some((tag.parse().ok()?, name.strip_prefix("Archived")?))
}

/// Visits all enums that a type reaches.
fn enums(node: &Node, seen: &mut Vec<TypeId>, visit: &mut impl FnMut(&EnumNode)) {
    let id = (node.id)();
    if seen.contains(&id) {
        return;
    }
    seen.push(id);
    if let Shape::Enum(found) = &node.shape {
        visit(found);
    }
    for member in members(node) {
        enums(member(), seen, visit);
    }
}
