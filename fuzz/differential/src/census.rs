//! Which of the rarer kinds of types a schema has. A random one has them all: were it
//! not so, they would be put to no test, and nobody would see it.

use outrigger_layout::schema::{Document, Kind};

/// The kinds, each with what it is.
pub const KINDS: &[&str] = &[
    "map",       // a list of entries
    "set",       // a list of members
    "niche",     // an option without a tag
    "nonzero",   // an integer
    "instance",  // of a message with parameters
    "choice",    // an enum with values
    "recursion", // a type in itself
];

/// Those of the kinds that a schema has.
///
/// ```
/// use outrigger_differential::census;
/// use outrigger_layout::schema::Document;
/// assert!(census::kinds(&Document::default()).is_empty());
/// ```
pub fn kinds(document: &Document) -> Vec<&'static str> {
    let of_type = |(number, kind): (u32, &Kind)| {
        let own = match kind {
            Kind::Map { .. } => Some("map"),
            Kind::Set { .. } => Some("set"),
            Kind::Niche { .. } => Some("niche"),
            Kind::NonZero { .. } => Some("nonzero"),
            Kind::Enum { variants, .. } => {
                let has_values = variants.iter().any(|variant| !variant.fields.is_empty());
                has_values.then_some("choice")
            }
            _ => None,
        };
        let instance = match kind {
            Kind::Struct { arguments, .. } | Kind::Enum { arguments, .. } => !arguments.is_empty(),
            _ => false,
        };
        let recursion = reached(document, number).contains(&number);
        [
            own,
            instance.then_some("instance"),
            recursion.then_some("recursion"),
        ]
    };
    let kinds = document.types.iter().map(|described| &described.kind);
    let found = (0..).zip(kinds).flat_map(of_type).flatten();
    let found = found.collect::<Vec<_>>();
    let kinds = KINDS.iter().copied();
    kinds.filter(|kind| found.contains(kind)).collect()
}

/// The types in a type.
fn reached(document: &Document, number: u32) -> Vec<u32> {
    let children = |number: u32| document.types[number as usize].kind.children();
    let mut reached = children(number);
    let mut next = 0;
    while let Some(&number) = reached.get(next) {
        for child in children(number) {
            if !reached.contains(&child) {
                reached.push(child);
            }
        }
        next += 1;
    }
    reached
}
