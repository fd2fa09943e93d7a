//! A type in a message that is no message itself: the first error says what to do.

struct Plain {
    number: u32,
}

#[outrigger::message]
struct Holder {
    plain: Vec<Plain>,
}

fn main() {}
