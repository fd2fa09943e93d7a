//! What may be appended to a message, so that its older readers and writers stay: the
//! rules, for the attributes at compile time and for documents.
//!
//! | appended | allowed |
//! | --- | --- |
//! | to an extensible struct | `Option` fields, behind all others; the size grows, the alignment stays |
//! | to an extensible enum | variants that are unit or one `Box`, behind all others; size and alignment stay |
//!
//! An older reader reads the beginning of a longer struct. A newer one makes room in
//! a shorter one and fills it with zeros, which are what `None` is.

use crate::error::Error;
use crate::schema::check::wrong;
use crate::schema::document::{Document, Field, Kind, Type, Variant};
use crate::schema::node::{Node, Shape, enum_size};
use crate::schema::version::VERSION_MAX;

/// Checks what a document says of versions.
///
/// # Errors
/// INVALID_ARGUMENT: what was seen, and what is allowed.
pub(super) fn check(document: &Document) -> Result<(), Error> {
    for (number, described) in document.types.iter().enumerate() {
        let refused = match &described.kind {
            Kind::Struct { since, .. } | Kind::Enum { since, .. } if since.is_empty() => continue,
            Kind::Struct { fields, since, .. } => {
                struct_refusal(document, described, fields, since)
            }
            Kind::Enum {
                variants, since, ..
            } => enum_refusal(document, described, variants, since),
            _ => continue,
        };
        if let Some(text) = refused {
            return Err(wrong(format!("type {number}: {text}")));
        }
    }
    let extensible = |number: &u32| {
        let kind = &document.types[*number as usize].kind;
        matches!(kind, Kind::Struct { since, .. } if !since.is_empty())
    };
    for (number, described) in document.types.iter().enumerate() {
        if let Some(child) = described.kind.children().into_iter().find(extensible) {
            return Err(wrong(format!(
                "type {number} has type {child} in it, which is extensible (only the root of a \
                 message may be)"
            )));
        }
    }
    Ok(())
}

/// What is wrong with the versions of so many members.
fn order_refusal(since: &[u32], count: usize) -> Option<String> {
    let ordered = since.first() == Some(&1)
        && since.is_sorted()
        && since.iter().all(|since| *since <= VERSION_MAX);
    (since.len() != count || !ordered).then(|| {
        format!("versions {since:?} of {count} members (from 1 to {VERSION_MAX}, not decreasing)")
    })
}

fn struct_refusal(
    document: &Document,
    described: &Type,
    fields: &[Field],
    since: &[u32],
) -> Option<String> {
    if let Some(text) = order_refusal(since, fields.len()) {
        return Some(text);
    }
    let kind = |field: &Field| &document.types[field.type_number as usize];
    let of = |first: bool| {
        let pairs = fields.iter().zip(since);
        pairs.filter(move |(_, since)| (**since == 1) == first)
    };
    if let Some((field, _)) = of(false).find(|(field, _)| !is_option(&kind(field).kind)) {
        let name = &field.name;
        return Some(format!("appended field {name} is no Option"));
    }
    let align = of(true).map(|(field, _)| kind(field).align).max();
    if align != Some(described.align) || described.align < 4 {
        let (seen, align) = (described.align, align.unwrap_or_default());
        return Some(format!(
            "alignment {seen}, {align} at version 1 (the same, 4 or more)"
        ));
    }
    let extents = document.extents(described);
    let grows = extents.windows(2).all(|pair| pair[0].size < pair[1].size);
    let last = extents.last().map(|extent| extent.size);
    (!grows || last != Some(described.size)).then(|| {
        let sizes = extents.iter().map(|extent| extent.size);
        let (sizes, size) = (sizes.collect::<Vec<_>>(), described.size);
        format!("sizes {sizes:?} of its versions (growing up to {size})")
    })
}

fn is_option(kind: &Kind) -> bool {
    matches!(kind, Kind::Option { .. })
}

fn enum_refusal(
    document: &Document,
    described: &Type,
    variants: &[Variant],
    since: &[u32],
) -> Option<String> {
    if let Some(text) = order_refusal(since, variants.len()) {
        return Some(text);
    }
    let kind = |field: &Field| &document.types[field.type_number as usize];
    let boxed = |variant: &Variant| match variant.fields.as_slice() {
        [] => true,
        [field] => matches!(
            kind(field).kind,
            Kind::Box { .. } | Kind::BoxStr | Kind::BoxSlice { .. }
        ),
        _ => false,
    };
    let mut pairs = variants.iter().zip(since);
    if let Some((variant, _)) = pairs.find(|(variant, since)| **since > 1 && !boxed(variant)) {
        let name = &variant.name;
        return Some(format!("appended variant {name} is neither unit nor a Box"));
    }
    let first = variants.iter().zip(since).filter(|(_, since)| **since == 1);
    let layouts = first.map(|(variant, _)| {
        let fields = variant.fields.iter().map(kind);
        let layout = fields.map(|field| (field.size as usize, field.align as usize));
        layout.collect::<Vec<_>>()
    });
    let layouts: Vec<_> = layouts.collect();
    let layouts: Vec<&[(usize, usize)]> = layouts.iter().map(Vec::as_slice).collect();
    let (first, size) = (enum_size(&layouts), described.size);
    (first != size as usize).then(|| format!("size {size}, {first} at version 1 (the same)"))
}

/// Checks an extensible struct at compile time: size, alignment, offset and version of
/// each field, and the struct's own size and alignment.
///
/// ```
/// use outrigger_layout::schema::appended::check_struct;
/// check_struct(&[(8, 4, 0, 1), (8, 4, 8, 2)], (16, 4)); // a String, an Option<u32>
/// ```
///
/// # Panics
/// Says what to do instead.
pub const fn check_struct(fields: &[(usize, usize, usize, u32)], layout: (usize, usize)) {
    let (mut index, mut first_align) = (0, 1);
    while index < fields.len() {
        if fields[index].3 == 1 && fields[index].1 > first_align {
            first_align = fields[index].1;
        }
        index += 1;
    }
    assert!(
        first_align >= 4,
        "an extensible message needs a field of alignment 4 or more in version 1, such as u32, \
         String or Vec"
    );
    assert!(
        first_align == layout.1,
        "an appended field raises the alignment of the message: put its content in a Box, as in \
         Option<Box<u64>>"
    );
    let (mut index, mut end, mut before) = (0, 0, 0);
    while index < fields.len() {
        let (size, _, offset, since) = fields[index];
        end = if offset + size > end {
            offset + size
        } else {
            end
        };
        index += 1;
        if index == fields.len() || fields[index].3 != since {
            let size = end.next_multiple_of(layout.1);
            assert!(
                size > before,
                "the fields of a version fit into the padding of the version before, and so the \
                 size does not tell them apart: append a larger one, such as Option<String>"
            );
            before = size;
        }
    }
}

/// Checks an extensible enum at compile time: the layouts of the fields of the first
/// version's variants, and the enum's own size and alignment.
///
/// ```
/// use outrigger_layout::schema::appended::check_enum;
/// check_enum(&[&[], &[(4, 4)]], (8, 4)); // a unit variant, one with a Box
/// ```
///
/// # Panics
/// Says what to do instead.
pub const fn check_enum(first: &[&[(usize, usize)]], layout: (usize, usize)) {
    let mut align = 1;
    let mut variant = 0;
    while variant < first.len() {
        let mut index = 0;
        while index < first[variant].len() {
            if first[variant][index].1 > align {
                align = first[variant][index].1;
            }
            index += 1;
        }
        variant += 1;
    }
    assert!(
        enum_size(first) == layout.0 && align == layout.1,
        "an appended variant changes the size or alignment of the enum: give a variant of \
         version 1 a boxed payload, such as Box<str>, from the beginning"
    );
}

/// Whether a field may be appended: as a constant, for the attribute.
///
/// ```
/// use outrigger_layout::schema::{Schema, appended::is_optional};
/// assert!(is_optional(<Option<u8> as Schema>::NODE));
/// assert!(!is_optional(<u8 as Schema>::NODE));
/// ```
pub const fn is_optional(node: &Node) -> bool {
    matches!(node.shape, Shape::Option(_))
}
