//! A tuple too long for anyone to read.

#[outrigger::message]
struct Segment {
    points: (u8, u8, u8, u8, u8, u8, u8, u8, u8),
}

fn main() {}
