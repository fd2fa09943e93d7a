//! Random numbers that can be had again: a test prints its seed, and takes it
//! back from `OUTRIGGER_SEED`.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Where a test's randomness comes from (splitmix64, Steele et al. 2014).
pub(crate) struct Seed(u64);

impl Seed {
    /// The seed in `OUTRIGGER_SEED`, or a new one; printed either way, so that a
    /// failed test shows it.
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("OUTRIGGER_SEED") {
            Ok(text) => text.parse().expect("OUTRIGGER_SEED is a u64"),
            Err(_) => RandomState::new().build_hasher().finish(),
        };
        println!("to run this again: OUTRIGGER_SEED={seed}");
        Self(seed)
    }

    /// Any u64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
