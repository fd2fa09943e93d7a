//! Ways to archive a field that its type does not have, or that are not ours.

#[outrigger::message]
struct Listed {
    #[outrigger(as_vec)]
    name: String,
}

#[outrigger::message]
struct Niched {
    #[outrigger(niche)]
    number: Option<u32>,
}

#[outrigger::message]
struct Both {
    #[outrigger(as_vec, niche)]
    number: Option<std::num::NonZeroU32>,
}

#[outrigger::message]
struct Unknown {
    #[outrigger(as_map)]
    number: u32,
}

#[outrigger::message]
struct Foreign {
    #[rkyv(with = rkyv::with::Inline)]
    number: u32,
}

#[outrigger::message]
struct Skipped {
    #[rkyv(omit_bounds)]
    number: u32,
}

fn main() {}
