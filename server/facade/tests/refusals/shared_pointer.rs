//! A pointer that is counted.

#[outrigger::message]
struct Node {
    next: Option<std::sync::Arc<Node>>,
}

fn main() {}
