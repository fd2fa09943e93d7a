//! What an older writer does not have is nothing, not zero.

#[outrigger::message(extensible)]
struct Visit {
    name: String,
    #[outrigger(since = 2)]
    rooms: u32,
}

fn main() {}
