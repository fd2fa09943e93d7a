//! How long to look before sleeping.

use core::time::Duration;

/// What a waiter does when there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Look without pause for a long while: lowest latency, a whole CPU.
    Spin,
    /// Look for a budget that adapts to what arrives, then sleep.
    #[default]
    Hybrid,
    /// Sleep at once: least CPU.
    Block,
}

/// Longest spin of [`Policy::Hybrid`]. When both sides sleep, a round trip costs
/// two wake-ups, some 80 microseconds on a virtual machine: the bound must lie
/// above that, or each side takes the other's wake-up for a long sleep, spins
/// less, and the two stay asleep (measured: a mean of 19 microseconds at a bound
/// of 50, where the median was 0.2). KVM's own bound is the same.
pub const HYBRID_MAX: Duration = Duration::from_micros(200);
/// First spin of [`Policy::Hybrid`] after a near miss.
const HYBRID_START: Duration = Duration::from_micros(10);
/// Longest spin of [`Policy::Spin`]; a waiter sleeps in the end.
pub const SPIN_MAX: Duration = Duration::from_millis(20);
/// A wait longer than this is idleness: it says nothing about spinning.
const IDLE: Duration = HYBRID_MAX.saturating_mul(4);
/// Wins that are remembered at most, and how many of them a lost spin costs. One
/// stall of the machine among hundreds of quick answers says nothing.
const TRUST_MAX: u8 = 16;
const TRUST_LOSS: u8 = 4;
/// Sleeps without a spin after spins were lost: first, and most.
const PAUSE_MIN: u16 = 32;
const PAUSE_MAX: u16 = 1024;

/// A spin budget that adapts as KVM's halt polling does (Linux,
/// `virt/kvm/kvm_main.c`, `kvm_vcpu_halt`): a wait that ended in sleep, but soon,
/// doubles it; a spin that ends with work leaves it.
///
/// What KVM knows and a process does not is whether the CPU is wanted by others,
/// the awaited peer among them: then each spin is lost, and only keeps the peer
/// from running. So a full spin that was lost ends spinning for 32 sleeps, for 64
/// when that happens again, up to 1024; a spin that is won ends the penalty.
///
/// ```
/// use core::time::Duration;
/// use outrigger_ringbuf::{Budget, Policy};
/// let mut budget = Budget::new(Policy::Hybrid, 2);
/// budget.slept(Duration::from_secs(1)); // idle
/// assert!(budget.limit().is_zero());
/// budget.slept(Duration::from_micros(80)); // a near miss
/// assert!(!budget.limit().is_zero());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    policy: Policy,
    limit: Duration,
    trust: u8,
    /// Sleeps left before the budget may grow again.
    pause: u16,
    /// Length of the next pause.
    next_pause: u16,
}

impl Budget {
    /// The budget of a policy on a machine where this process may use `cpus`
    /// CPUs. On one CPU spinning only keeps the peer from running: it is zero.
    pub fn new(policy: Policy, cpus: usize) -> Self {
        let policy = if cpus < 2 { Policy::Block } else { policy };
        let limit = match policy {
            Policy::Spin => SPIN_MAX,
            Policy::Hybrid => HYBRID_MAX,
            Policy::Block => Duration::ZERO,
        };
        Self {
            policy,
            limit,
            trust: 0,
            pause: 0,
            next_pause: PAUSE_MIN,
        }
    }

    /// How long to spin now.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// True if one more win would change nothing.
    pub fn is_trusted(&self) -> bool {
        self.trust == TRUST_MAX && self.next_pause == PAUSE_MIN
    }

    /// Takes note of a spin that ended with work.
    pub fn won(&mut self) {
        self.trust = (self.trust + 1).min(TRUST_MAX);
        self.next_pause = PAUSE_MIN;
    }

    /// Takes note of a wait that ended in sleep, `waited` after it began; the
    /// time spent spinning is part of it.
    pub fn slept(&mut self, waited: Duration) {
        if self.policy != Policy::Hybrid {
            return;
        }
        if self.pause > 0 {
            self.pause -= 1;
        } else if waited <= HYBRID_MAX {
            self.limit = (self.limit * 2).clamp(HYBRID_START, HYBRID_MAX);
        } else if self.trust > 0 {
            self.trust = self.trust.saturating_sub(TRUST_LOSS);
        } else if !self.limit.is_zero() {
            self.limit = Duration::ZERO;
            if waited <= IDLE {
                self.pause = self.next_pause;
                self.next_pause = (self.next_pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Duration = Duration::from_micros(80);
    const LOST: Duration = Duration::from_micros(250);

    #[test]
    fn idleness_ends_spinning_and_near_misses_bring_it_back() {
        let mut budget = Budget::new(Policy::Hybrid, 4);
        budget.slept(Duration::from_millis(5));
        assert_eq!(budget.limit(), Duration::ZERO);
        budget.slept(NEAR);
        assert_eq!(budget.limit(), HYBRID_START);
        for _ in 0..10 {
            budget.slept(NEAR);
        }
        assert_eq!(budget.limit(), HYBRID_MAX);
    }

    #[test]
    fn lost_spins_pause_spinning_for_longer_each_time_until_one_is_won() {
        let mut budget = Budget::new(Policy::Hybrid, 2);
        let sleeps_until_spinning = |budget: &mut Budget| {
            budget.slept(LOST);
            assert_eq!(budget.limit(), Duration::ZERO);
            (1..).find(|_| {
                budget.slept(NEAR);
                !budget.limit().is_zero()
            })
        };
        assert_eq!(sleeps_until_spinning(&mut budget), Some(33));
        assert_eq!(sleeps_until_spinning(&mut budget), Some(65));
        budget.won();
        budget.slept(LOST); // costs the one win
        assert_eq!(sleeps_until_spinning(&mut budget), Some(33));
    }

    #[test]
    fn one_stall_among_many_wins_changes_nothing() {
        let mut budget = Budget::new(Policy::Hybrid, 2);
        for _ in 0..100 {
            budget.won();
        }
        assert!(budget.is_trusted());
        budget.slept(Duration::from_millis(4));
        assert_eq!(budget.limit(), HYBRID_MAX);
    }

    #[test]
    fn one_cpu_never_spins() {
        assert_eq!(Budget::new(Policy::Spin, 1).limit(), Duration::ZERO);
    }
}
