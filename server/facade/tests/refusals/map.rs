//! Maps, of whose own archives rkyv accepts some that read outside; also inside
//! something else.

struct IndexMap<K, V>(K, V);

#[outrigger::message]
struct Hashed {
    rows: Vec<std::collections::HashMap<String, u32>>,
}

#[outrigger::message]
struct Sorted {
    rows: std::collections::BTreeMap<String, u32>,
}

#[outrigger::message]
struct Ordered {
    rows: IndexMap<String, u32>,
}

#[outrigger::message]
struct Nested {
    #[outrigger(as_vec)]
    rows: std::collections::BTreeMap<String, std::collections::HashMap<u8, u8>>,
}

fn main() {}
