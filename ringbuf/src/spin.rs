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

/// Longest spin of [`Policy::Hybrid`]: about what one wake-up costs on a
/// virtual machine, so that spinning at worst doubles a wait.
pub const HYBRID_MAX: Duration = Duration::from_micros(50);
/// First spin of [`Policy::Hybrid`] after a near miss.
const HYBRID_START: Duration = Duration::from_micros(5);
/// Longest spin of [`Policy::Spin`]; a waiter sleeps in the end.
pub const SPIN_MAX: Duration = Duration::from_millis(20);

/// A spin budget that adapts as KVM's halt polling does: a sleep that a longer
/// spin would have avoided doubles it, a long sleep halves it, a hit leaves it.
/// (Linux, `virt/kvm/kvm_main.c`, `kvm_vcpu_halt`.)
///
/// ```
/// use core::time::Duration;
/// use outrigger_ringbuf::{Budget, Policy};
/// let mut budget = Budget::new(Policy::Hybrid, 2);
/// budget.slept(Duration::from_micros(20)); // a near miss
/// assert!(!budget.limit().is_zero());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    policy: Policy,
    limit: Duration,
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
        Self { policy, limit }
    }

    /// How long to spin now.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Takes note of a sleep that ended with work, `blocked` after it began.
    pub fn slept(&mut self, blocked: Duration) {
        if self.policy != Policy::Hybrid {
            return;
        }
        if blocked <= HYBRID_MAX {
            self.limit = (self.limit * 2).clamp(HYBRID_START, HYBRID_MAX);
        } else {
            self.limit /= 2;
            if self.limit < HYBRID_START {
                self.limit = Duration::ZERO;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_grows_and_long_sleeps_shrink_to_zero() {
        let mut budget = Budget::new(Policy::Hybrid, 4);
        for _ in 0..10 {
            budget.slept(Duration::from_millis(5));
        }
        assert_eq!(budget.limit(), Duration::ZERO);
        budget.slept(Duration::from_micros(30));
        assert_eq!(budget.limit(), HYBRID_START);
        for _ in 0..10 {
            budget.slept(Duration::from_micros(30));
        }
        assert_eq!(budget.limit(), HYBRID_MAX);
    }

    #[test]
    fn one_cpu_never_spins() {
        assert_eq!(Budget::new(Policy::Spin, 1).limit(), Duration::ZERO);
    }
}
