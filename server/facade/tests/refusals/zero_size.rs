//! Elements of no size, of which a few bytes could claim billions.

use std::collections::BTreeMap;

#[outrigger::message]
struct Nobody;

#[outrigger::message]
struct Crowd {
    members: Vec<Nobody>,
}

#[outrigger::message]
struct Pairs {
    #[outrigger(as_vec)]
    pairs: BTreeMap<[u8; 0], Nobody>,
}

fn main() {}
