//! Values at random, the same on every run, and archives with errors in them.
//!
//! The Go test makes the same errors from the same numbers: see `mutants_test.go`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::num::{NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32};
use std::time::Duration;

use uuid::Uuid;

/// A source of numbers: xorshift64*. The Go test has the same.
pub(crate) struct Source {
    state: u64,
    /// How much more may be made; at 0, values end.
    pub(crate) budget: u32,
}

impl Source {
    pub(crate) fn new(seed: u64, budget: u32) -> Self {
        let state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1);
        Self { state, budget }
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }

    /// Takes one from the budget; false if nothing is left.
    pub(crate) fn spend(&mut self) -> bool {
        let left = self.budget > 0;
        self.budget = self.budget.saturating_sub(1);
        left
    }

    pub(crate) fn length(&mut self, bound: usize) -> usize {
        if self.spend() { self.below(bound) } else { 0 }
    }

    fn wide(&mut self) -> u64 {
        u64::from(self.next()) << 32 | u64::from(self.next())
    }
}

/// A value at random.
pub(crate) trait Sample: Sized {
    fn sample(source: &mut Source) -> Self;
}

macro_rules! numbers {
    ($($kind:ty)*) => {
        $(impl Sample for $kind {
            fn sample(source: &mut Source) -> Self {
                // Often a small one.
                let value = source.wide();
                (if value & 1 == 0 { value } else { value >> 60 }) as Self
            }
        })*
    };
}

numbers! { u8 u16 u32 u64 i8 i16 i32 i64 }

macro_rules! non_zeros {
    ($($kind:ident)*) => {
        $(impl Sample for $kind {
            fn sample(source: &mut Source) -> Self {
                Self::new(Sample::sample(source)).unwrap_or(Self::MIN)
            }
        })*
    };
}

non_zeros! { NonZeroU8 NonZeroU16 NonZeroU32 NonZeroI64 }

impl Sample for Uuid {
    fn sample(source: &mut Source) -> Self {
        Self::from_bytes(Sample::sample(source))
    }
}

impl<K: Sample + Ord, V: Sample> Sample for BTreeMap<K, V> {
    fn sample(source: &mut Source) -> Self {
        Vec::sample(source).into_iter().collect()
    }
}

impl<T: Sample + Ord> Sample for BTreeSet<T> {
    fn sample(source: &mut Source) -> Self {
        Vec::sample(source).into_iter().collect()
    }
}

// One at most: with more of them, the bytes would be others at each run.
impl<K: Sample + Eq + Hash, V: Sample> Sample for HashMap<K, V> {
    fn sample(source: &mut Source) -> Self {
        Option::sample(source).into_iter().collect()
    }
}

impl<T: Sample + Eq + Hash> Sample for HashSet<T> {
    fn sample(source: &mut Source) -> Self {
        Option::sample(source).into_iter().collect()
    }
}

impl Sample for u128 {
    fn sample(source: &mut Source) -> Self {
        Self::from(u64::sample(source)) << 64 | Self::from(source.wide())
    }
}

impl Sample for i128 {
    fn sample(source: &mut Source) -> Self {
        u128::sample(source) as Self
    }
}

impl Sample for () {
    fn sample(_: &mut Source) -> Self {}
}

impl Sample for bool {
    fn sample(source: &mut Source) -> Self {
        source.below(2) == 1
    }
}

impl Sample for char {
    fn sample(source: &mut Source) -> Self {
        [
            'a',
            '\0',
            'ß',
            '€',
            '\u{d7ff}',
            '\u{e000}',
            '🦀',
            '\u{10ffff}',
        ][source.below(8)]
    }
}

impl Sample for f32 {
    fn sample(source: &mut Source) -> Self {
        // Bits of every kind, infinities and silent NaNs among them.
        [0.5, -0.0, Self::INFINITY, Self::NAN, 1e-40, 3.25e7][source.below(6)]
    }
}

impl Sample for f64 {
    fn sample(source: &mut Source) -> Self {
        [0.5, -0.0, Self::INFINITY, Self::NAN, 5e-324, -2.5e300][source.below(6)]
    }
}

impl Sample for Duration {
    fn sample(source: &mut Source) -> Self {
        let nanos = [0, 1, 500_000_000, 999_999_999][source.below(4)];
        Self::new(u64::sample(source), nanos)
    }
}

impl Sample for String {
    fn sample(source: &mut Source) -> Self {
        let bound = [1, 5, 9, 12, 64, 66][source.below(6)];
        (0..source.length(bound))
            .map(|_| char::sample(source))
            .collect()
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(source: &mut Source) -> Self {
        (0..source.length(4)).map(|_| T::sample(source)).collect()
    }
}

impl Sample for Box<str> {
    fn sample(source: &mut Source) -> Self {
        String::sample(source).into()
    }
}

impl<T: Sample> Sample for Box<[T]> {
    fn sample(source: &mut Source) -> Self {
        Vec::sample(source).into()
    }
}

impl<T: Sample> Sample for Box<T> {
    fn sample(source: &mut Source) -> Self {
        Self::new(T::sample(source))
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(source: &mut Source) -> Self {
        (source.spend() && source.below(3) > 0).then(|| T::sample(source))
    }
}

impl<T: Sample, E: Sample> Sample for Result<T, E> {
    fn sample(source: &mut Source) -> Self {
        if source.below(2) == 0 {
            Ok(T::sample(source))
        } else {
            Err(E::sample(source))
        }
    }
}

impl<T: Sample, const COUNT: usize> Sample for [T; COUNT] {
    fn sample(source: &mut Source) -> Self {
        std::array::from_fn(|_| T::sample(source))
    }
}

macro_rules! tuples {
    ($($($kind:ident)*;)*) => {
        $(impl<$($kind: Sample),*> Sample for ($($kind,)*) {
            fn sample(source: &mut Source) -> Self {
                ($($kind::sample(source),)*)
            }
        })*
    };
}

tuples! { A B; A B C; A B C D E F G H; }

/// The archive with one to three errors, most of them near the root.
pub(crate) fn mutant(source: &mut Source, archive: &[u8]) -> Vec<u8> {
    let mut bytes = archive.to_vec();
    for _ in 0..1 + source.below(3) {
        let length = bytes.len();
        if length == 0 {
            break;
        }
        let mut at = source.below(length);
        if source.below(2) == 0 {
            at = length - 1 - source.below(length.min(96));
        }
        match source.below(5) {
            0 => bytes[at] = source.next() as u8,
            1 => {
                let by = source.below(17) as u8;
                bytes[at] = bytes[at].wrapping_add(by).wrapping_sub(8);
            }
            2 => {
                let value = (source.below(64) as i32 - 32).to_le_bytes();
                let at = at & !3;
                if at + 4 <= length {
                    bytes[at..at + 4].copy_from_slice(&value);
                }
            }
            3 => {
                let from = source.below(length);
                if from + 8 <= length && at + 8 <= length {
                    bytes.copy_within(from..from + 8, at);
                }
            }
            _ if source.below(4) == 0 => bytes.truncate(length - source.below(length.min(12))),
            _ => bytes[at] ^= 1 << source.below(8),
        }
    }
    bytes
}
