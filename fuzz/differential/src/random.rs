//! Numbers at random, and how much may be made of them.

/// Pseudo-random numbers (splitmix64, Steele and others 2014), and a budget that
/// ends every value.
///
/// ```
/// use outrigger_differential::Random;
/// let (mut one, mut same) = (Random::new(7), Random::new(7));
/// assert_eq!(one.next(), same.next());
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    /// How much more may be made; at 0, values end.
    pub budget: u32,
    /// True if values are rather deep than wide.
    pub deep: bool,
}

impl Random {
    /// The numbers of a seed, with no budget.
    pub const fn new(seed: u64) -> Self {
        Self {
            state: seed,
            budget: 0,
            deep: false,
        }
    }

    /// The next number.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit, 0 below 0.
    pub const fn below(&mut self, limit: usize) -> usize {
        let limit = if limit == 0 { 1 } else { limit };
        (self.next() % limit as u64) as usize
    }

    /// True once in so many times.
    pub const fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub const fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Takes one from the budget; false if nothing is left.
    pub const fn spend(&mut self) -> bool {
        let left = self.budget > 0;
        self.budget = self.budget.saturating_sub(1);
        left
    }

    /// How many elements there are, below a limit.
    pub const fn length(&mut self, limit: usize) -> usize {
        match (self.spend(), self.deep) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => self.below(limit),
        }
    }
}
