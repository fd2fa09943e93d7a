//! Numbers whose width depends on the machine.

#[outrigger::message]
struct Page {
    index: usize,
}

#[outrigger::message]
enum Move {
    By(isize),
}

fn main() {}
