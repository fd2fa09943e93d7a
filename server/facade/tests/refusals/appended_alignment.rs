//! An older struct would stand at the wrong place for its newer alignment.

#[outrigger::message(extensible)]
struct Visit {
    name: String,
    #[outrigger(since = 2)]
    until: Option<u64>,
}

fn main() {}
