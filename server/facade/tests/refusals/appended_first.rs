//! What is appended stands last.

#[outrigger::message(extensible)]
struct Visit {
    #[outrigger(since = 2)]
    late: Option<String>,
    name: String,
}

fn main() {}
