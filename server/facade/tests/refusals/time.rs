//! A point in time.

#[outrigger::message]
enum Event {
    At(std::time::SystemTime),
}

fn main() {}
