//! A type with parameters.

#[outrigger::message]
struct Page<T> {
    items: Vec<T>,
}

fn main() {}
