//! How deep pointers nest in archives of a type: a bound for validators.
//!
//! ```text
//!   root ─▶ Vec's elements ─▶ a string's bytes      two pointers below the root: 4
//! ```

use crate::limits::ARCHIVE_DEPTH_MAX;
use crate::schema::document::{Document, Kind};

/// What a value without pointers needs, as rkyv counts.
const FLAT: u32 = 2;

impl Document {
    /// The least depth limit with which a validator accepts all archives of a type: 2,
    /// and one more for each pointer that can stand behind another. `None` if the type
    /// recurses: then there is no such limit, and `ARCHIVE_DEPTH_MAX` is used.
    ///
    /// It means what it does in rkyv's `ArchiveValidator::with_max_depth`.
    ///
    /// ```
    /// use outrigger_layout::schema::{Document, Kind, Type};
    /// let mut document = Document::default();
    /// document.types.push(Type { size: 8, align: 4, kind: Kind::String });
    /// document.types.push(Type { size: 8, align: 4, kind: Kind::Vec { item: 0 } });
    /// assert_eq!(document.depth(1), Some(4)); // elements, and the bytes of each
    /// ```
    ///
    /// Preconditions: each number in the document names a type; see [`Document::check`].
    pub fn depth(&self, number: u32) -> Option<u32> {
        let mut marks = vec![Mark::New; self.types.len()];
        self.pointers(number, &mut marks).map(|count| FLAT + count)
    }

    /// The limit with which archives of a type are validated, in every language.
    ///
    /// ```
    /// use outrigger_layout::schema::{Document, Kind, Type};
    /// let mut document = Document::default();
    /// document.types.push(Type { size: 8, align: 4, kind: Kind::Vec { item: 0 } });
    /// assert_eq!(document.depth_limit(0), 64); // a list of lists of lists …
    /// ```
    ///
    /// Preconditions: as [`Document::depth`].
    pub fn depth_limit(&self, number: u32) -> u32 {
        self.depth(number).unwrap_or(ARCHIVE_DEPTH_MAX as u32)
    }

    /// The first type that does not recurse, and nests deeper than is ever validated.
    pub(super) fn too_deep(&self) -> Option<(u32, u32)> {
        let mut marks = vec![Mark::New; self.types.len()];
        let mut depths = (0..self.types.len() as u32).filter_map(|number| {
            let count = self.pointers(number, &mut marks)?;
            Some((number, FLAT + count))
        });
        depths.find(|(_, depth)| u64::from(*depth) > ARCHIVE_DEPTH_MAX)
    }

    /// The most pointers behind one another; `None` if there is no end of them.
    fn pointers(&self, number: u32, marks: &mut [Mark]) -> Option<u32> {
        let index = number as usize;
        match marks[index] {
            Mark::OnPath => return None,
            Mark::Done(count) => return count,
            Mark::New => marks[index] = Mark::OnPath,
        }
        let kind = &self.types[index].kind;
        let own = match kind {
            Kind::String | Kind::BoxStr => 1,
            Kind::Vec { .. } | Kind::Box { .. } | Kind::BoxSlice { .. } => 1,
            Kind::Map { .. } | Kind::Set { .. } => 1,
            // The root is a pointer to it.
            Kind::Struct { since, .. } if !since.is_empty() => 1,
            _ => 0,
        };
        let mut deepest = Some(0);
        for child in kind.parts() {
            let below = self.pointers(child, marks);
            deepest = deepest.zip(below).map(|(a, b)| a.max(b));
        }
        let count = deepest.map(|below| own + below);
        marks[index] = Mark::Done(count);
        count
    }
}

/// How far the walk through a type is, and what came of it.
#[derive(Clone, Copy)]
enum Mark {
    New,
    OnPath,
    Done(Option<u32>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::document::Type;

    fn document(kinds: Vec<Kind>) -> Document {
        let described = |kind| Type {
            size: 8,
            align: 4,
            kind,
        };
        Document {
            types: kinds.into_iter().map(described).collect(),
            ..Document::default()
        }
    }

    #[test]
    fn depth_counts_the_pointers_that_stand_behind_one_another() {
        let document = document(vec![
            Kind::U32,
            Kind::Option { item: 0 },
            Kind::BoxStr,
            Kind::Box { item: 2 },
            Kind::Result { ok: 1, err: 3 },
            Kind::BoxSlice { item: 4 },
        ]);
        let depths = (0..6).map(|number| document.depth(number));
        let wanted = [2, 2, 3, 4, 4, 5].map(Some);
        assert_eq!(depths.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn what_reaches_a_circle_has_no_depth() {
        let document = document(vec![
            Kind::Box { item: 1 },
            Kind::Option { item: 2 },
            Kind::Vec { item: 0 },
            Kind::Box { item: 1 },
            Kind::Box { item: 5 },
            Kind::U8,
        ]);
        let depths = (0..6).map(|number| document.depth(number));
        let wanted = [None, None, None, None, Some(3), Some(2)];
        assert_eq!(depths.collect::<Vec<_>>(), wanted);
        assert_eq!(document.depth_limit(3), 64);
        assert_eq!(document.depth_limit(4), 3);
    }

    #[test]
    fn a_type_that_needs_more_than_the_limit_is_refused() {
        let boxes = |count: u32| {
            let boxes = (0..count).map(|item| Kind::Box { item });
            let mut document = document(core::iter::once(Kind::U32).chain(boxes).collect());
            document.types[0].size = 4;
            document
        };
        assert_eq!(boxes(62).check(), Ok(()));
        assert_eq!(boxes(62).depth(62), Some(64));
        let error = boxes(63).check().unwrap_err();
        let words = "schema: type 63 nests 65 levels deep (maximum 64)";
        assert!(error.message().ends_with(words), "{error}");
    }
}
