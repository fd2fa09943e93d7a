//! The depth limit of a type is exact: rkyv's validator says so.

use core::num::NonZeroUsize;

use outrigger_layout::message::DEPTH_MAX;
use outrigger_layout::schema::{Document, Kind};
use rkyv::api::high::HighSerializer;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{Error, Failure, Strategy};
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::{Archived, Portable, Serialize};

use crate::fixture::{self, Color, Item, Scalars, Texts, Wides};
use crate::sample::{Sample, Source};

/// The least limit with which rkyv accepts the archive of a value.
fn needed<T>(value: &T) -> Option<u32>
where
    T: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
    Archived<T>:
        Portable + for<'b> CheckBytes<Strategy<Validator<ArchiveValidator<'b>, ()>, Failure>>,
{
    let archive = rkyv::to_bytes::<Error>(value).unwrap();
    let accepts = |limit: &usize| {
        let within = ArchiveValidator::with_max_depth(&archive, NonZeroUsize::new(*limit));
        let mut validator = Validator::new(within, ());
        rkyv::api::access_with_context::<Archived<T>, _, Failure>(&archive, &mut validator).is_ok()
    };
    (1..=DEPTH_MAX.get())
        .find(accepts)
        .map(|limit| limit as u32)
}

/// The depth of the struct or enum of this name.
fn depth(document: &Document, wanted: &str) -> Option<u32> {
    let is_wanted = |kind: &Kind| match kind {
        Kind::Struct { name, .. } | Kind::Enum { name, .. } => name == wanted,
        _ => false,
    };
    let found = document.types.iter().position(|seen| is_wanted(&seen.kind));
    document.depth(found.expect("a type of this name") as u32)
}

#[test]
fn the_deepest_value_of_a_type_needs_the_limit_of_the_type() {
    let document = fixture::document();
    let long = || "above eight bytes".to_owned();
    let mut source = Source::new(1, 0);
    let texts = Texts {
        names: vec![long()],
        ..Texts::sample(&mut source)
    };
    let wides = Wides {
        outcome: Err(long()),
        ..Wides::sample(&mut source)
    };
    let item = Item {
        id: 1,
        name: long(),
    };
    assert_eq!(needed(&texts), Some(4));
    assert_eq!(depth(&document, "Texts"), Some(4));
    assert_eq!(needed(&wides), depth(&document, "Wides"));
    assert_eq!(needed(&item), depth(&document, "Item"));
    assert_eq!(needed(&Color::Red), depth(&document, "Color"));
    let scalars = Scalars::sample(&mut source);
    assert_eq!(needed(&scalars), depth(&document, "Scalars"));
}

#[test]
fn a_type_that_recurses_has_no_limit_of_its_own() {
    let document = fixture::document();
    for name in ["Tree", "Chain", "Expression", "Shape", "Kitchen"] {
        assert_eq!(depth(&document, name), None, "{name}");
    }
}
