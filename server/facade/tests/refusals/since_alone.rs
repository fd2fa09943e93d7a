//! Versions are for messages that say that they grow.

#[outrigger::message]
struct Visit {
    name: String,
    #[outrigger(since = 2)]
    late: Option<String>,
}

fn main() {}
