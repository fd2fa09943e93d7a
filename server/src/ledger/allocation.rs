//! Finding buffers: one, or several of which all are had or none.
//!
//! Who waits for a buffer has no other: two calls that had one each, and waited for a
//! second one, would wait for ever.

use crate::lease::Lease;
use crate::ledger::extent::{Extent, Plan, State};
use crate::ledger::{Ledger, index_of};
use outrigger_layout::segment::side;

/// Outcome of asking for buffers.
#[derive(Debug)]
pub(crate) enum Allocation {
    /// They are among the leases now, in the order of their lengths.
    Ready,
    /// Make these extents, then ask again. The bytes are reserved.
    Grow(Vec<Plan>),
    /// Ask again when something was given back. These extents may be dropped.
    Wait(Vec<u32>),
    /// They can never fit: bytes of the values or, if those would fit, of the extents for
    /// them; and bytes available.
    Never { needed: u64, available: u64 },
}

/// How many buffers of one size are wanted.
#[derive(Clone, Copy)]
struct Need {
    plan: Plan,
    count: u64,
}

/// What is needed of each size.
fn needs(side: u32, lens: &[u64]) -> impl Iterator<Item = Need> {
    lens.iter().enumerate().filter_map(move |(at, len)| {
        let plan = Plan::new(side, *len);
        let same = |other: &&u64| Plan::new(side, **other) == plan;
        let is_first = lens[..at].iter().find(same).is_none();
        let count = lens.iter().filter(same).count() as u64;
        is_first.then_some(Need { plan, count })
    })
}

impl Need {
    /// Extents for so many buffers.
    fn extents(&self, buffers: u64) -> u64 {
        buffers.div_ceil(u64::from(self.plan.buffer_count))
    }
}

impl Ledger {
    /// Takes buffers of at least these lengths, all or none.
    pub(super) fn allocate(
        &mut self,
        side: u32,
        lens: &[u64],
        may_drop: bool,
        leases: &mut Vec<Lease>,
    ) -> Allocation {
        let most = self.bytes_max.min(self.account.limit());
        let all = needs(side, lens).map(|need| need.plan.bytes() * need.extents(need.count));
        let all: u64 = all.sum();
        if all > most {
            let values: u64 = lens.iter().sum();
            return Allocation::Never {
                needed: if values > most { values } else { all },
                available: most,
            };
        }
        if self.usage.client_buffers() + lens.len() as u64 > self.buffers_max {
            return Allocation::Wait(Vec::new());
        }
        let missing = needs(side, lens).map(|need| need.plan.bytes() * self.missing(&need));
        let missing: u64 = missing.sum();
        if missing == 0 {
            let state = state_on(side);
            leases.extend(lens.iter().map(|len| {
                let lease = self.take_free(&Plan::new(side, *len), state);
                lease.expect("they were counted")
            }));
            return Allocation::Ready;
        }
        let index = index_of(side);
        let short = self.reserved[index] + missing > self.bytes_max;
        if short || self.account.charge(missing).is_err() {
            let wanted = |len| needs(side, lens).any(|need| need.plan.buffer_len == len);
            return Allocation::Wait(match (may_drop, short) {
                (false, _) => Vec::new(),
                (true, true) => self.drop_empty(side, missing, wanted),
                (true, false) => self.drop_all_empty(),
            });
        }
        self.reserved[index] += missing;
        self.usage.reserve(missing);
        let plans = needs(side, lens)
            .flat_map(|need| core::iter::repeat_n(need.plan, self.missing(&need) as usize));
        let plans: Vec<Plan> = plans.collect();
        self.growing += plans.len() as u32;
        Allocation::Grow(plans)
    }

    /// Extents that must be made for a need.
    fn missing(&self, need: &Need) -> u64 {
        let fits = self
            .extents
            .values()
            .filter(|extent| need.plan.fits(extent));
        let free: usize = fits.map(|extent| extent.free.len()).sum();
        need.extents(need.count.saturating_sub(free as u64))
    }

    /// Takes one buffer, if there is one.
    pub(super) fn take_free(&mut self, plan: &Plan, state: State) -> Option<Lease> {
        let mut extents = self.extents.iter_mut();
        let (&id, extent) = extents.find(|(_, extent)| plan.fits(extent))?;
        let index = extent.free.pop()?;
        extent.buffers[index as usize].state = state;
        self.usage.shift(State::Free, state, extent.buffer_len);
        Some(extent.lease(id, index))
    }
}

impl Plan {
    /// True if a buffer can be taken from an extent as this plan would make.
    fn fits(&self, extent: &Extent) -> bool {
        extent.is_ready() && extent.side == self.side && extent.buffer_len == self.buffer_len
    }
}

/// What becomes of a free buffer.
fn state_on(side: u32) -> State {
    if side == side::CLIENT {
        State::Granted
    } else {
        State::Filled
    }
}
