//! What maps, niches and integers that are not 0 must be made of.

use super::wrong;
use crate::error::Error;
use crate::schema::document::{Document, Kind, Type};

impl Document {
    /// Checks what maps, niches and integers that are not 0 are made of.
    pub(super) fn check_adapted(&self) -> Result<(), Error> {
        for (number, described) in self.types.iter().enumerate() {
            let of = |item: u32| &self.types[item as usize];
            let (item, allowed) = match &described.kind {
                Kind::Map { item } => (*item, "an entry"),
                Kind::Niche { item } => (*item, "a non_zero or a box, of the same size"),
                Kind::NonZero { item } => (*item, "an integer of 8 to 64 bits, of the same size"),
                Kind::Entry { fields } => {
                    let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
                    if names != ["key", "value"] || fields[0].offset != 0 {
                        let text = format!(
                            "type {number} is an entry of {names:?} (allowed: key, which is \
                             first, and value)"
                        );
                        return Err(wrong(text));
                    }
                    continue;
                }
                _ => continue,
            };
            let alike = (of(item).size, of(item).align) == (described.size, described.align);
            let fits = match (&described.kind, &of(item).kind) {
                (Kind::Map { .. }, Kind::Entry { .. }) => true,
                (Kind::Niche { .. }, Kind::NonZero { .. } | Kind::Box { .. }) => alike,
                (Kind::NonZero { .. }, inner) => alike && is_integer(inner),
                _ => false,
            };
            if !fits {
                let (word, inner) = (described.kind.word(), of(item).kind.word());
                let text = format!("type {number} is a {word} of {inner} (allowed: {allowed})");
                return Err(wrong(text));
            }
        }
        self.check_entries()
    }

    /// Checks that an entry stands in a map only.
    fn check_entries(&self) -> Result<(), Error> {
        let is_entry = |number: &u32| {
            let named = self.types.get(*number as usize);
            named.is_some_and(|named| matches!(named.kind, Kind::Entry { .. }))
        };
        let outside = |described: &Type| {
            let is_map = matches!(described.kind, Kind::Map { .. });
            !is_map && described.kind.children().iter().any(is_entry)
        };
        let methods = self.services.iter().flat_map(|service| &service.methods);
        let mut roots =
            methods.flat_map(|method| [Some(method.request), Some(method.reply), method.error]);
        if let Some(number) = self.types.iter().position(outside) {
            return Err(wrong(format!(
                "type {number} names an entry, as only maps do"
            )));
        }
        if roots.any(|root| root.is_some_and(|root| is_entry(&root))) {
            return Err(wrong("a method names an entry, as only maps do".to_owned()));
        }
        Ok(())
    }
}

fn is_integer(kind: &Kind) -> bool {
    let unsigned = matches!(kind, Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64);
    unsigned || matches!(kind, Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{described, document, refusal};
    use super::*;
    use crate::schema::document::Field;

    fn entry(names: [&str; 2]) -> Kind {
        let field = |name: &str, offset| Field {
            name: name.to_owned(),
            doc: String::new(),
            offset,
            type_number: 2,
        };
        Kind::Entry {
            fields: vec![field(names[0], 0), field(names[1], 4)],
        }
    }

    fn four_bytes(kind: Kind) -> Type {
        Type {
            size: 4,
            align: 4,
            kind,
        }
    }

    #[test]
    fn a_map_is_of_entries_and_nothing_else_is() {
        let with = |outer: Kind, inner: Kind| {
            let number = four_bytes(Kind::U32);
            refusal(&document(vec![described(outer), described(inner), number]))
        };
        let map = || Kind::Map { item: 1 };
        assert!(with(map(), entry(["key", "value"])).contains("s.m has fingerprint"));
        let text = "type 0 is a map of string (allowed: an entry)";
        assert!(with(map(), Kind::String).ends_with(text));
        let text = "is an entry of [\"value\", \"key\"] (allowed: key, which is first, and value)";
        assert!(with(map(), entry(["value", "key"])).ends_with(text));
        let late = Kind::Entry {
            fields: match entry(["key", "value"]) {
                Kind::Entry { fields } => fields
                    .into_iter()
                    .map(|f| Field { offset: 4, ..f })
                    .collect(),
                _ => Vec::new(),
            },
        };
        assert!(with(map(), late).contains("is an entry of [\"key\", \"value\"] ("));
        let list = with(Kind::Vec { item: 1 }, entry(["key", "value"]));
        assert!(list.ends_with("type 0 names an entry, as only maps do"));
        let map_in_itself = document(vec![
            described(Kind::Map { item: 1 }),
            described(Kind::Entry { fields: Vec::new() }),
        ]);
        assert!(refusal(&map_in_itself).contains("type 1 is an entry of [] ("));
        let root = document(vec![
            described(entry(["key", "value"])),
            described(Kind::Map { item: 0 }),
            four_bytes(Kind::U32),
        ]);
        assert!(refusal(&root).ends_with("a method names an entry, as only maps do"));
    }

    #[test]
    fn a_niche_is_of_an_integer_that_is_not_0_or_of_a_box() {
        let with = |outer: Kind, middle: Type| {
            let number = four_bytes(Kind::U32);
            refusal(&document(vec![four_bytes(outer), middle, number]))
        };
        let niche = || Kind::Niche { item: 1 };
        for (inner, allowed) in [
            (four_bytes(Kind::NonZero { item: 2 }), true),
            (four_bytes(Kind::Box { item: 2 }), true),
            (four_bytes(Kind::U32), false),
            (described(Kind::Box { item: 2 }), false),
        ] {
            let refusal = with(niche(), inner);
            assert_eq!(refusal.contains("has fingerprint"), allowed, "{refusal}");
            assert_eq!(refusal.contains("type 0 is a niche of"), !allowed);
        }
        for inner in [Kind::F32, Kind::Bool, Kind::Char, Kind::Unit] {
            let refusal = with(Kind::NonZero { item: 1 }, four_bytes(inner));
            assert!(refusal.contains("type 0 is a non_zero of"), "{refusal}");
        }
    }
}
