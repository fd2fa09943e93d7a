//! Parameters that are not types.

#[outrigger::message]
struct Name<'a> {
    text: &'a str,
}

#[outrigger::message]
struct Digest<const LENGTH: usize> {
    bytes: [u8; LENGTH],
}

fn main() {}
