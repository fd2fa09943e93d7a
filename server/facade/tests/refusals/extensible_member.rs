//! A struct that may grow has no fixed place in another message.

#[outrigger::message(extensible)]
struct Visit {
    name: String,
}

#[outrigger::message]
struct Diary {
    visits: Vec<Visit>,
}

fn main() {}
