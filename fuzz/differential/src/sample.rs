//! Values at random, of every type that messages are made of.

use core::num;
use core::time::Duration;

use crate::random::Random;

/// A value at random. Once the budget is spent it is the smallest of its type, so
/// that types may recurse.
///
/// ```
/// use outrigger_differential::{Random, Sample};
/// let mut random = Random::new(1);
/// assert_eq!(Vec::<String>::sample(&mut random), [""; 0]); // no budget
/// random.budget = 100;
/// assert_eq!(<[u8; 4]>::sample(&mut random).len(), 4);
/// ```
pub trait Sample: Sized {
    /// Makes one.
    fn sample(random: &mut Random) -> Self;
}

macro_rules! numbers {
    ($($kind:ident)*) => {
        $(impl Sample for $kind {
            fn sample(random: &mut Random) -> Self {
                match random.below(4) {
                    0 => (random.next() >> 60) as Self,
                    1 => *random.one_of(&[Self::MIN, Self::MAX]),
                    _ => (u128::from(random.next()) << 64 | u128::from(random.next())) as Self,
                }
            }
        })*
    };
}

numbers! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 }

macro_rules! non_zeros {
    ($($kind:ident)*) => {
        $(impl Sample for num::$kind {
            fn sample(random: &mut Random) -> Self {
                Self::new(Sample::sample(random)).unwrap_or(Self::MIN)
            }
        })*
    };
}

non_zeros! {
    NonZeroU8 NonZeroU16 NonZeroU32 NonZeroU64 NonZeroI8 NonZeroI16 NonZeroI32 NonZeroI64
}

impl Sample for () {
    fn sample(_: &mut Random) -> Self {}
}

impl Sample for bool {
    fn sample(random: &mut Random) -> Self {
        random.once_in(2)
    }
}

impl Sample for char {
    fn sample(random: &mut Random) -> Self {
        *random.one_of(&[
            'a',
            '\0',
            '\u{df}',
            '\u{20ac}',
            '\u{d7ff}',
            '\u{e000}',
            Self::MAX,
        ])
    }
}

impl Sample for f32 {
    fn sample(random: &mut Random) -> Self {
        // Every bit pattern but signalling NaNs, which a copy may make silent.
        let value = Self::from_bits(random.next() as u32);
        if value.is_nan() { Self::NAN } else { value }
    }
}

impl Sample for f64 {
    fn sample(random: &mut Random) -> Self {
        let value = Self::from_bits(random.next());
        if value.is_nan() { Self::NAN } else { value }
    }
}

impl Sample for Duration {
    fn sample(random: &mut Random) -> Self {
        let nanos = *random.one_of(&[0, 1, 500_000_000, 999_999_999]);
        Self::new(u64::sample(random), nanos)
    }
}

impl Sample for String {
    fn sample(random: &mut Random) -> Self {
        // About the lengths at which their form changes.
        let limit = *random.one_of(&[1, 5, 9, 10, 12, 64, 66, 300]);
        let ascii = random.once_in(2);
        let wide = random.length(limit);
        let count = if random.deep { limit - 1 } else { wide };
        let letter = |_| if ascii { 'x' } else { char::sample(random) };
        (0..count).map(letter).collect()
    }
}

impl Sample for Box<str> {
    fn sample(random: &mut Random) -> Self {
        String::sample(random).into()
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(random: &mut Random) -> Self {
        let limit = *random.one_of(&[2, 4, 4, 9, 40]);
        (0..random.length(limit))
            .map(|_| T::sample(random))
            .collect()
    }
}

impl<T: Sample> Sample for Box<[T]> {
    fn sample(random: &mut Random) -> Self {
        Vec::sample(random).into()
    }
}

impl<T: Sample> Sample for Box<T> {
    fn sample(random: &mut Random) -> Self {
        Self::new(T::sample(random))
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(random: &mut Random) -> Self {
        let some = random.spend() && (random.deep || random.below(3) > 0);
        some.then(|| T::sample(random))
    }
}

impl<T: Sample, E: Sample> Sample for Result<T, E> {
    fn sample(random: &mut Random) -> Self {
        if random.once_in(2) {
            Ok(T::sample(random))
        } else {
            Err(E::sample(random))
        }
    }
}

impl<T: Sample, const COUNT: usize> Sample for [T; COUNT] {
    fn sample(random: &mut Random) -> Self {
        core::array::from_fn(|_| T::sample(random))
    }
}

macro_rules! tuples {
    ($($($kind:ident)*;)*) => {
        $(impl<$($kind: Sample),*> Sample for ($($kind,)*) {
            fn sample(random: &mut Random) -> Self {
                ($($kind::sample(random),)*)
            }
        })*
    };
}

tuples! { A B; A B C; A B C D; A B C D E; A B C D E F; A B C D E F G; A B C D E F G H; }
