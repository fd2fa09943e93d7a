//! Borrowed data.

#[outrigger::message]
struct Name {
    text: &'static str,
}

fn main() {}
