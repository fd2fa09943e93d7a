//! Values and mutants, with rkyv's verdicts, for Go.

use std::io::{self, Write};

use rkyv::util::AlignedVec;

use crate::frames::{Origin, write_case, write_end, write_kinds};
use crate::hostile;
use crate::kind::{Judged, Kind};
use crate::mutant::mutate;
use crate::random::Random;

/// Mutants of each value.
const MUTANTS: u64 = 200;

/// Longest value that is mutated that often; of a longer one there are fewer.
const LEN_USUAL: u64 = 2048;

/// How much goes into a value.
const BUDGETS: &[u32] = &[0, 4, 16, 48, 48, 150];

/// How deep a deep value is, about the limit.
const DEPTHS: &[u32] = &[20, 58, 60, 62, 63, 64, 65, 80, 120];

/// Writes values of all kinds in turn and mutants of them, until there were so many
/// mutants.
pub(crate) fn stream(
    output: &mut impl Write,
    kinds: &[Kind],
    seed: u64,
    mutants: u64,
) -> io::Result<()> {
    write_kinds(output, kinds)?;
    let mut random = Random::new(seed);
    let (mut cases, mut made, mut number) = (0, 0, 0);
    let mut other = Vec::new();
    while made < mutants || number < kinds.len() * BUDGETS.len() {
        let index = number % kinds.len();
        let archive = value(&mut random, &kinds[index], number / kinds.len());
        let mut put = |origin, bytes: &[u8]| {
            cases += 1;
            let mut aligned = AlignedVec::<16>::new();
            aligned.extend_from_slice(bytes);
            let canonical = match (kinds[index].judge)(&aligned) {
                Judged::Accepted(canonical) => Some(canonical),
                Judged::Refused => None,
            };
            if let (Origin::Value, Some(canonical)) = (origin, &canonical) {
                assert!(canonical == bytes, "rkyv writes its own value in two ways");
            }
            write_case(output, index, origin, bytes, canonical.as_deref())
        };
        put(Origin::Value, &archive)?;
        put(Origin::Foreign, &other)?;
        if number < kinds.len() {
            for map in hostile::maps() {
                for end in 0..=map.len() {
                    put(Origin::Foreign, &map[..end])?;
                }
            }
        }
        let usual = MUTANTS * LEN_USUAL / LEN_USUAL.max(archive.len() as u64);
        let wanted = usual.max(8).min(mutants.saturating_sub(made));
        for _ in 0..wanted {
            let mut mutant = archive.clone();
            mutate(&mut random, &mut mutant, &other);
            put(Origin::Mutant, &mutant)?;
        }
        made += wanted;
        number += 1;
        other = archive;
    }
    write_end(output, cases)
}

/// The archive of a value: every other round a deep one.
fn value(random: &mut Random, kind: &Kind, round: usize) -> Vec<u8> {
    random.deep = round % 4 == 3;
    random.budget = if random.deep {
        *random.one_of(DEPTHS)
    } else {
        BUDGETS[round % BUDGETS.len()]
    };
    (kind.sample)(random)
}
