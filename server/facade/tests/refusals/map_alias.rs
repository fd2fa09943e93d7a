//! A map under another name, which the attribute cannot see: its layout is not known.

type Rows = std::collections::BTreeMap<u8, u32>;

#[outrigger::message]
struct Index {
    rows: Rows,
}

fn main() {}
