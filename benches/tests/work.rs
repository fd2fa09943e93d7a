//! The Rust half of `bench-rkyv`. (A process of its own: what it allocates is counted.)

use std::time::Duration;

use outrigger_benches::order::Order;
use outrigger_benches::work::{Step, Work};

const SLICE: Duration = Duration::from_micros(300);

#[test]
fn every_step_makes_the_same_message() {
    for items in [0, 1, 16] {
        let mut work = Work::new(Order::of(items)).unwrap();
        let wanted = work.measure(Step::Check, SLICE).unwrap().sum;
        for step in Step::ALL {
            let cost = work.measure(step, SLICE).unwrap();
            assert_eq!(cost.sum, wanted, "{step:?} of {items} items");
            assert!(cost.ns > 0.0, "{step:?} of {items} items: {cost:?}");
        }
    }
}

#[test]
fn another_message_has_another_sum() {
    let sum_of = |order: Order| {
        let mut work = Work::new(order).unwrap();
        work.measure(Step::Read, SLICE).unwrap().sum
    };
    let mut changed = Order::of(2);
    changed.items[1].name = "part 000000002".to_owned();
    assert_ne!(sum_of(changed), sum_of(Order::of(2)));
}

#[test]
fn the_messages_have_about_the_sizes_that_are_promised() {
    for (items, about) in [(2, 200), (16, 700), (1000, 27_000)] {
        let work = Work::new(Order::of(items)).unwrap();
        let len = work.archive().len();
        assert!(
            len.abs_diff(about) * 20 < about,
            "{len} bytes (about {about})"
        );
    }
}
