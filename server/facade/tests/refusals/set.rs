//! Sets, which are maps in an archive of their own.

struct IndexSet<T>(T);

#[outrigger::message]
struct Hashed {
    names: std::collections::HashSet<String>,
}

#[outrigger::message]
struct Sorted {
    names: Option<std::collections::BTreeSet<String>>,
}

#[outrigger::message]
struct Ordered {
    names: IndexSet<String>,
}

fn main() {}
