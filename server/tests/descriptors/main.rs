//! Random messages about buffers, most of them nearly right: no answer but a reply or a
//! violation with its code, no panic, and no buffer that two have.

mod client;

use outrigger_layout::Code;
use proptest::collection::vec;
use proptest::prelude::*;

use client::{Client, Move, PARTS, Spoil};

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let any_u64 = prop_oneof![0_u64..10, 4000_u64..70_000, any::<u64>()];
    let spoil = (0_u8..60, any_u64).prop_map(|(field, by)| Spoil { field, by });
    let part = (any::<usize>(), spoil.clone());
    let parts = prop_oneof![2 => vec(part.clone(), 1), 1 => vec(part, 1..=PARTS)];
    let lengths = prop_oneof![2 => vec(1_u64..300_000, 1), 1 => vec(1_u64..300_000, 1..=PARTS)];
    let one = prop_oneof![
        4 => lengths.prop_map(Move::Ask),
        6 => (any::<bool>(), parts).prop_map(|(value, parts)| Move::Call(value, parts)),
        4 => (any::<usize>(), spoil).prop_map(|(at, spoil)| Move::Return(at, spoil)),
        1 => (any::<bool>(), any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..33))
            .prop_map(|(ring, kind, flags, bytes)| Move::Any(ring, kind, flags, bytes)),
    ];
    vec(one, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sm_04_no_descriptor_reaches_what_is_not_the_clients_own(moves in moves()) {
        let mut client = Client::new();
        for next in moves {
            if let Err(error) = client.act(next) {
                let allowed = [Code::PROTOCOL, Code::INVALID_HANDLE, Code::OUT_OF_BOUNDS];
                prop_assert!(allowed.contains(&error.code()), "{error}");
                return Ok(());
            }
        }
    }
}
