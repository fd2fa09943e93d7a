//! Pointers that are counted.

#[outrigger::message]
struct Node {
    next: Option<std::sync::Arc<Node>>,
}

#[outrigger::message]
struct Local {
    next: Vec<std::rc::Rc<Local>>,
}

#[outrigger::message]
struct Child {
    parent: std::rc::Weak<Child>,
}

fn main() {}
