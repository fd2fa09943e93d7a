//! A number whose width depends on the machine.

#[outrigger::message]
struct Page {
    index: usize,
}

fn main() {}
