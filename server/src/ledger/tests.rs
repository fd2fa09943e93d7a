//! The ledger, move by move.

use super::*;
use crate::quota::Quota;

fn ledger(bytes_max: u64) -> Ledger {
    Ledger::new(bytes_max, 256, Quota::new(1 << 40, 1 << 40).open(0))
}

fn grown(ledger: &mut Ledger, plan: Plan) -> u32 {
    let id = ledger.add(plan, Arc::new(Mapping::heap(plan.bytes() as usize)));
    ledger.mapped(id).unwrap();
    id
}

fn grant(ledger: &mut Ledger, lens: &[u64]) -> Allocation {
    ledger.grant(lens, true, &mut Vec::new())
}

fn granted(ledger: &mut Ledger, len: u64) -> Lease {
    loop {
        let mut leases = Vec::new();
        match ledger.grant(&[len], true, &mut leases) {
            Allocation::Ready => return leases.remove(0),
            Allocation::Grow(plans) => drop(grown(ledger, plans[0])),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_request_buffer_goes_round_and_its_generation_moves_on() {
    let mut ledger = ledger(1 << 24);
    let first = granted(&mut ledger, 5000);
    assert_eq!(first.reference.length, 8192);
    let named = BufferRef {
        length: 5000,
        ..first.reference
    };
    let held = ledger.hold(&named).unwrap();
    ledger.free(&held);
    let second = granted(&mut ledger, 5000);
    assert_eq!(second.reference.index, first.reference.index);
    assert_ne!(second.reference.generation, first.reference.generation);
}

#[test]
fn fb_04_a_stale_or_foreign_reference_leaves_the_successor_intact() {
    let mut ledger = ledger(1 << 24);
    let stale = granted(&mut ledger, 4096);
    ledger.give_back(&stale.reference).unwrap();
    let victim = granted(&mut ledger, 4096);
    let error = ledger.give_back(&stale.reference).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_HANDLE);
    for wrong in [
        BufferRef {
            extent: 77,
            ..victim.reference
        },
        BufferRef {
            index: 99,
            ..victim.reference
        },
    ] {
        assert_eq!(
            ledger.hold(&wrong).unwrap_err().code(),
            Code::INVALID_HANDLE
        );
    }
    assert!(ledger.hold(&victim.reference).is_ok());
}

#[test]
fn bytes_outside_the_granted_buffer_are_out_of_bounds() {
    let mut ledger = ledger(1 << 24);
    let lease = granted(&mut ledger, 4096);
    for (offset, length) in [(0, 4097), (1, 4096), (u64::MAX, 2), (8192, 1)] {
        let named = BufferRef {
            offset,
            length,
            ..lease.reference
        };
        assert_eq!(ledger.hold(&named).unwrap_err().code(), Code::OUT_OF_BOUNDS);
    }
}

#[test]
fn exhaustion_waits_drops_empty_extents_and_recovers() {
    let mut ledger = ledger(1 << 20);
    let small = granted(&mut ledger, 4096);
    let Allocation::Wait(drops) = grant(&mut ledger, &[1 << 20]) else {
        panic!()
    };
    assert!(drops.is_empty(), "the extent is in use");
    ledger.give_back(&small.reference).unwrap();
    let Allocation::Wait(drops) = grant(&mut ledger, &[1 << 20]) else {
        panic!()
    };
    assert_eq!(drops, [1]);
    ledger.dropped(1).unwrap();
    assert!(matches!(
        grant(&mut ledger, &[1 << 20]),
        Allocation::Grow(_)
    ));
    assert!(matches!(
        grant(&mut ledger, &[2 << 20]),
        Allocation::Never {
            needed: 2_097_152,
            available: 1_048_576
        }
    ));
}

#[test]
fn no_more_is_dropped_than_the_plan_needs() {
    let mut ledger = ledger(4 << 20);
    let leases: Vec<Lease> = (0..4).map(|_| granted(&mut ledger, 1 << 20)).collect();
    for lease in &leases {
        ledger.give_back(&lease.reference).unwrap();
    }
    let Allocation::Wait(drops) = grant(&mut ledger, &[2 << 20]) else {
        panic!()
    };
    assert_eq!(drops.len(), 2);
    let Allocation::Wait(drops) = grant(&mut ledger, &[2 << 20]) else {
        panic!()
    };
    assert!(drops.is_empty(), "two are on their way already");
}
#[test]
fn several_buffers_are_granted_all_or_none() {
    let mut ledger = ledger(3 << 20);
    let mut leases = Vec::new();
    let one = granted(&mut ledger, 1 << 20);
    let wanted = [1 << 20, 5000, 1 << 20];
    let short = ledger.grant(&wanted, true, &mut leases);
    assert!(
        matches!(short, Allocation::Wait(_)),
        "room for one MiB, and 5000 bytes"
    );
    assert!(leases.is_empty());
    ledger.give_back(&one.reference).unwrap();
    let Allocation::Grow(plans) = ledger.grant(&wanted, true, &mut leases) else {
        panic!()
    };
    assert_eq!(plans.len(), 2, "one MiB is free");
    let free = ledger.counts().of(State::Free).buffers;
    assert_eq!(free, 1, "and stays so until all are there");
    for plan in plans {
        grown(&mut ledger, plan);
    }
    let got = ledger.grant(&wanted, true, &mut leases);
    assert!(matches!(got, Allocation::Ready));
    let lens: Vec<u64> = leases.iter().map(|lease| lease.reference.length).collect();
    assert_eq!(lens, [1 << 20, 8192, 1 << 20], "in the order of the asking");
    let all = grant(&mut ledger, &[1 << 20; 4]);
    assert!(
        matches!(
            all,
            Allocation::Never {
                needed: 4_194_304,
                available: 3_145_728
            }
        ),
        "never together"
    );
}
