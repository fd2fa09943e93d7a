//! Bytes as an archive of one of the fixed types, the first of them says which: they
//! are refused, or have a value, whose archive is valid and has the same value.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use outrigger_differential::Judged;
use rkyv::util::AlignedVec;

// What the attributes name.
extern crate outrigger_differential as outrigger;

#[path = "../differential/src/fixtures/kinds.rs"]
mod kinds;

// The fixture names them so.
use kinds::{document, fixture, instance, sample, versions};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((number, archive)) = data.split_first() else {
        return Corpus::Reject;
    };
    let kind = &kinds::KINDS[usize::from(*number) % kinds::KINDS.len()];
    let judge = |bytes: &[u8]| {
        let mut aligned = AlignedVec::<16>::new();
        aligned.extend_from_slice(bytes);
        (kind.judge)(&aligned)
    };
    if let Judged::Accepted(canonical) = judge(archive) {
        assert_eq!(
            judge(&canonical),
            Judged::Accepted(canonical),
            "{}",
            kind.name
        );
    }
    Corpus::Keep
});
