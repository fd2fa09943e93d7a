//! Archives with errors in them.

use crate::random::Random;

/// Numbers at which checks change their mind.
const EDGES: &[u32] = &[
    0,
    1,
    2,
    7,
    8,
    9,
    0x7f,
    0x80,
    0xff,
    0x0001_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
];

/// How far before its end errors are made more often: the root is there.
const ROOT: usize = 96;

/// The bytes with one to three errors; `other` is an archive to take parts of.
pub(crate) fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(3) {
        let len = bytes.len();
        if len == 0 {
            bytes.extend_from_slice(other);
            return;
        }
        let mut at = random.below(len);
        if random.once_in(2) {
            at = len - 1 - random.below(len.min(ROOT));
        }
        match random.below(12) {
            0 | 1 => bytes[at] = random.next() as u8,
            2 | 3 => bytes[at] ^= 1 << random.below(8),
            4 => {
                let by = random.below(17) as u8;
                bytes[at] = bytes[at].wrapping_add(by).wrapping_sub(8);
            }
            5 => {
                let near = random.below(64) as u32;
                put(bytes, at, near.wrapping_sub(32));
            }
            6 => {
                // A pointer, perhaps, to another place.
                let to = random.below(len + 1) as u32;
                put(bytes, at, to.wrapping_sub(at as u32 & !3));
            }
            7 => put(bytes, at, *random.one_of(EDGES)),
            8 => {
                let width = *random.one_of(&[1, 4, 8, 16]);
                let from = random.below(len);
                if from + width <= len && at + width <= len {
                    bytes.copy_within(from..from + width, at);
                }
            }
            9 => {
                let from = random.below(other.len());
                let width = random.below(24).min(other.len() - from).min(len - at);
                bytes[at..at + width].copy_from_slice(&other[from..from + width]);
            }
            10 => shift(random, bytes, at),
            _ if random.once_in(4) => bytes.truncate(len - random.below(len.min(20))),
            _ => bytes[at] = *random.one_of(&[0, 1, 2, 0x80, 0xbf, 0xc0, 0xff]),
        }
    }
}

/// Writes a u32 where one may stand.
fn put(bytes: &mut [u8], at: usize, value: u32) {
    let at = at & !3;
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

/// Inserts bytes, or takes some away: what follows stands elsewhere.
fn shift(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let width = *random.one_of(&[1, 4, 8, 16]);
    if random.once_in(2) {
        let filler = random.next() as u8;
        bytes.splice(at..at, core::iter::repeat_n(filler, width));
    } else {
        let end = (at + width).min(bytes.len());
        bytes.drain(at..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_differ_from_what_they_are_made_of() {
        let mut random = Random::new(1);
        let archive = (0..100).collect::<Vec<u8>>();
        let differ = (0..1000).filter(|_| {
            let mut mutant = archive.clone();
            mutate(&mut random, &mut mutant, b"another one");
            mutant != archive
        });
        assert!(differ.count() > 900);
        let mut empty = Vec::new();
        mutate(&mut random, &mut empty, b"another one");
        assert_eq!(empty, b"another one");
    }
}
