//! A map, inside something else.

#[outrigger::message]
struct Index {
    rows: Vec<std::collections::HashMap<String, u32>>,
}

fn main() {}
