//! The ledger against a simple model: random moves of both sides, honest and stale
//! ones. No buffer ever has two owners, none is lost, no limit is exceeded, and after
//! the session everything is back.

use std::collections::BTreeSet;

use outrigger_layout::limits::BUFFER_MIN;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::ledger::dropping::KEPT_TICKS;
use crate::quota::Quota;

const BYTES_MAX: u64 = 3 << 20;
const UID_MAX: u64 = 5 << 20;
const BUFFERS_MAX: u16 = 6;

#[derive(Clone, Debug)]
enum Move {
    Grant(Vec<u64>, bool),
    Fill(Vec<u64>, bool),
    Map(Index),
    /// The client uses a grant; what it names may be out of bounds.
    Hold(Index, bool),
    /// A handler ends, and the buffer is granted again.
    Free(Index, bool),
    Lend(Index),
    DropFilled(Index),
    ReturnGranted(Index),
    ReturnLent(Index),
    /// The client returns or uses what is not its own any more.
    Stale(Index, bool),
    /// Another buffer of the same extent, or another extent.
    Foreign(Index, u32, u32),
    Unmap(Index),
    Recall,
    Tick,
}

fn moves() -> impl Strategy<Value = Move> {
    let len = || {
        prop_oneof![
            1..300_000_u64,
            Just(BUFFER_MIN),
            Just(65_536),
            Just(1 << 22)
        ]
    };
    let lens = || prop_oneof![3 => vec(len(), 1), 1 => vec(len(), 2..=4)];
    let index = any::<Index>;
    prop_oneof![
        4 => (lens(), any::<bool>()).prop_map(|(lens, first)| Move::Grant(lens, first)),
        3 => (lens(), any::<bool>()).prop_map(|(lens, first)| Move::Fill(lens, first)),
        5 => index().prop_map(Move::Map),
        3 => (index(), any::<bool>()).prop_map(|(at, within)| Move::Hold(at, within)),
        3 => (index(), any::<bool>()).prop_map(|(at, again)| Move::Free(at, again)),
        3 => index().prop_map(Move::Lend),
        1 => index().prop_map(Move::DropFilled),
        2 => index().prop_map(Move::ReturnGranted),
        3 => index().prop_map(Move::ReturnLent),
        1 => (index(), any::<bool>()).prop_map(|(at, hold)| Move::Stale(at, hold)),
        1 => (index(), 0..40_u32, 0..40_u32).prop_map(|(at, extent, index)| {
            Move::Foreign(at, extent, index)
        }),
        3 => index().prop_map(Move::Unmap),
        1 => Just(Move::Recall),
        1 => Just(Move::Tick),
    ]
}

/// What a session must be, told in the plainest way.
struct Model {
    quota: Arc<Quota>,
    account: Arc<Account>,
    ledger: Ledger,
    granted: Vec<Lease>,
    held: Vec<Lease>,
    filled: Vec<Lease>,
    lent: Vec<Lease>,
    /// References that are no longer valid.
    stale: Vec<BufferRef>,
    /// Extents that the client has still to map, and to unmap.
    announced: Vec<u32>,
    dropping: Vec<u32>,
    /// Of all extents: side and bytes.
    extents: BTreeMap<u32, Plan>,
}

fn pick<T>(from: &mut Vec<T>, at: &Index) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(at.index(from.len())))
}

impl Model {
    fn new() -> Self {
        let quota = Quota::new(UID_MAX, 2 * UID_MAX);
        let account = quota.open(1);
        Self {
            ledger: Ledger::new(BYTES_MAX, BUFFERS_MAX, Arc::clone(&account)),
            quota,
            account,
            granted: Vec::new(),
            held: Vec::new(),
            filled: Vec::new(),
            lent: Vec::new(),
            stale: Vec::new(),
            announced: Vec::new(),
            dropping: Vec::new(),
            extents: BTreeMap::new(),
        }
    }

    fn take(&mut self, allocation: Allocation, side: u32, lens: &[u64], leases: Vec<Lease>) {
        let count = leases.len();
        for (lease, len) in leases.iter().zip(lens) {
            assert!(lease.reference.length >= *len);
            assert_eq!(self.extents[&lease.reference.extent].side, side);
        }
        match side {
            side::CLIENT => self.granted.extend(leases),
            _ => self.filled.extend(leases),
        }
        match allocation {
            Allocation::Ready => return assert_eq!(count, lens.len()),
            Allocation::Grow(plans) => plans.into_iter().for_each(|plan| self.grow(plan)),
            Allocation::Wait(drops) => self.dropping.extend(drops),
            Allocation::Never { needed, available } => {
                assert!(needed > available);
                let all: u64 = lens.iter().map(|len| Plan::new(side, *len).bytes()).sum();
                assert!(all > available);
            }
        }
        assert_eq!(count, 0, "all or none");
    }

    fn grow(&mut self, plan: Plan) {
        // Memory runs out now and then.
        if self.announced.len() % 3 == 2 {
            return self.ledger.abandon(&plan);
        }
        let id = self.ledger.add(plan, Arc::new(Mapping::heap(128)));
        self.announced.push(id);
        assert!(
            self.extents.insert(id, plan).is_none(),
            "ids are never reused"
        );
    }

    fn freed(&mut self, lease: &Lease) {
        self.stale.push(lease.reference);
    }

    fn make(&mut self, one: &Move) {
        match one {
            Move::Grant(lens, first) => {
                let mut leases = Vec::new();
                let allocation = self.ledger.grant(lens, *first, &mut leases);
                self.take(allocation, side::CLIENT, lens, leases);
            }
            Move::Fill(lens, first) => {
                let mut leases = Vec::new();
                let allocation = self.ledger.fill(lens, *first, &mut leases);
                self.take(allocation, side::SERVER, lens, leases);
            }
            Move::Map(at) => {
                if let Some(id) = pick(&mut self.announced, at) {
                    self.ledger.mapped(id).unwrap();
                    assert!(self.ledger.mapped(id).is_err(), "once");
                }
            }
            Move::Recall => drop(self.ledger.recall()),
            Move::Tick => {
                let drops = self.ledger.tick();
                self.dropping.extend(drops);
            }
            Move::Unmap(at) => {
                if let Some(id) = pick(&mut self.dropping, at) {
                    drop(self.ledger.dropped(id).unwrap());
                    assert!(self.ledger.dropped(id).is_err(), "once");
                    self.extents.remove(&id);
                }
            }
            Move::Stale(..) | Move::Foreign(..) => self.wrong(one),
            _ => self.pass_on(one),
        }
    }

    /// A buffer goes from one owner to the next.
    fn pass_on(&mut self, one: &Move) {
        match one {
            Move::Hold(at, within) => {
                let Some(lease) = pick(&mut self.granted, at) else {
                    return;
                };
                let mut named = lease.reference;
                if *within {
                    named.length -= 1;
                    self.held.push(self.ledger.hold(&named).unwrap());
                } else {
                    named.offset += 1;
                    let error = self.ledger.hold(&named).unwrap_err();
                    assert_eq!(error.code(), Code::OUT_OF_BOUNDS);
                    self.granted.push(lease);
                }
            }
            Move::Free(at, again) => {
                let Some(lease) = pick(&mut self.held, at) else {
                    return;
                };
                assert_eq!(self.ledger.free(&lease), State::Held);
                self.freed(&lease);
                if *again && let Some(stocked) = self.ledger.stock(lease.reference.length) {
                    self.granted.push(stocked);
                }
            }
            Move::Lend(at) => {
                if let Some(lease) = pick(&mut self.filled, at) {
                    self.ledger.lend(&lease, 7);
                    self.lent.push(lease);
                }
            }
            Move::DropFilled(at) => {
                if let Some(lease) = pick(&mut self.filled, at) {
                    assert_eq!(self.ledger.free(&lease), State::Filled);
                    self.freed(&lease);
                }
            }
            Move::ReturnGranted(at) | Move::ReturnLent(at) => {
                let from = match one {
                    Move::ReturnLent(_) => &mut self.lent,
                    _ => &mut self.granted,
                };
                if let Some(lease) = pick(from, at) {
                    self.ledger.give_back(&lease.reference).unwrap();
                    self.freed(&lease);
                }
            }
            other => unreachable!("{other:?}"),
        }
    }

    /// The client names what is not its own: refused, and nothing changes.
    fn wrong(&mut self, one: &Move) {
        let named = match one {
            Move::Stale(at, _) if !self.stale.is_empty() => *at.get(&self.stale),
            Move::Foreign(at, extent, index) => {
                let own = self.granted.iter().chain(&self.lent);
                let own: Vec<BufferRef> = own.map(|lease| lease.reference).collect();
                let generation = match own.is_empty() {
                    true => 1,
                    false => at.get(&own).generation,
                };
                let (extent, index) = (*extent, *index);
                let is = |one: &BufferRef| (one.extent, one.index) == (extent, index);
                if own.iter().any(is) {
                    return;
                }
                BufferRef {
                    extent,
                    index,
                    generation,
                    ..bytemuck::Zeroable::zeroed()
                }
            }
            _ => return,
        };
        let before = self.ledger.usage();
        let error = match one {
            Move::Stale(_, true) => self.ledger.hold(&named).map(drop),
            _ => self.ledger.give_back(&named),
        };
        assert_eq!(error.unwrap_err().code(), Code::INVALID_HANDLE);
        assert_eq!(self.ledger.usage(), before, "the victims are intact");
    }

    fn owned(&self) -> impl Iterator<Item = &Lease> {
        let owned = self.granted.iter().chain(&self.held);
        owned.chain(&self.filled).chain(&self.lent)
    }

    fn check(&self) -> Result<(), proptest::test_runner::TestCaseError> {
        let usage = self.ledger.usage();
        let mut seen = BTreeSet::new();
        for lease in self.owned() {
            let BufferRef { extent, index, .. } = lease.reference;
            prop_assert!(seen.insert((extent, index)), "two owners: {lease:?}");
            prop_assert!(!self.announced.contains(&extent), "not mapped yet");
            prop_assert!(!self.dropping.contains(&extent), "being dropped");
        }
        let owners = [
            (State::Granted, self.granted.len()),
            (State::Held, self.held.len()),
            (State::Filled, self.filled.len()),
            (State::Lent, self.lent.len()),
        ];
        for (state, count) in owners {
            prop_assert_eq!(usage.of(state).buffers, count as u64, "{:?}", state);
        }
        let buffers = self
            .extents
            .values()
            .map(|plan| u64::from(plan.buffer_count));
        prop_assert_eq!(usage.all(), buffers.sum::<u64>(), "none is lost");
        let of_side = |side| {
            let plans = self.extents.values().filter(move |plan| plan.side == side);
            plans.map(Plan::bytes).sum::<u64>()
        };
        let (server, client) = (of_side(side::SERVER), of_side(side::CLIENT));
        prop_assert!(server <= BYTES_MAX && client <= BYTES_MAX);
        prop_assert_eq!(usage.bytes, server + client);
        prop_assert_eq!(self.account.charged(), usage.bytes);
        prop_assert!(usage.bytes <= UID_MAX);
        prop_assert!(usage.client_buffers() <= u64::from(BUFFERS_MAX));
        prop_assert!(usage.in_stock <= self.granted.len() as u64);
        prop_assert!(usage.in_stock <= u64::from(BUFFERS_MAX) / 2);
        prop_assert_eq!(usage.oldest_lent_ns.is_some(), !self.lent.is_empty());
        Ok(())
    }

    /// Everybody gives back what they have; then every extent can go.
    fn end(mut self) -> Result<(), proptest::test_runner::TestCaseError> {
        for lease in self.granted.drain(..).chain(self.lent.drain(..)) {
            self.ledger.give_back(&lease.reference).unwrap();
        }
        for lease in self.held.drain(..).chain(self.filled.drain(..)) {
            self.ledger.free(&lease);
        }
        prop_assert_eq!(self.ledger.usage().in_use(), 0);
        prop_assert_eq!(self.ledger.usage().in_stock, 0);
        for id in self.announced.drain(..) {
            self.ledger.mapped(id).unwrap();
        }
        prop_assert!(!self.ledger.is_growing());
        for _ in 0..KEPT_TICKS {
            self.dropping.extend(self.ledger.tick());
        }
        for id in self.dropping.drain(..) {
            drop(self.ledger.dropped(id).unwrap());
        }
        prop_assert!(!self.ledger.needs_tick());
        let usage = self.ledger.usage();
        prop_assert_eq!((usage.extents, usage.bytes, usage.all()), (0, 0, 0));
        prop_assert_eq!(self.quota.used().0, 0);
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_buffer_has_two_owners_none_is_lost_and_no_limit_is_exceeded(
        moves in vec(moves(), 1..300)
    ) {
        let mut model = Model::new();
        for one in &moves {
            model.make(one);
            model.check()?;
        }
        model.end()?;
    }

    #[test]
    fn a_session_that_ends_at_any_point_gives_all_of_its_memory_back(
        moves in vec(moves(), 1..100)
    ) {
        let mut model = Model::new();
        moves.iter().for_each(|one| model.make(one));
        let quota = Arc::clone(&model.quota);
        drop(model);
        prop_assert_eq!(quota.used().0, 0);
    }
}
