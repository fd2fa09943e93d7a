//! A variant of any size would change the size of the enum.

#[outrigger::message(extensible)]
enum Mood {
    Calm,
    Busy(Box<str>),
    #[outrigger(since = 2)]
    Away(u32, u32),
}

fn main() {}
