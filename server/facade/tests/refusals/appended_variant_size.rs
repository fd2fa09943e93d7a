//! Without a boxed variant from the beginning there is no room for one.

#[outrigger::message(extensible)]
enum Mood {
    Calm,
    Busy,
    #[outrigger(since = 2)]
    Away(Box<str>),
}

fn main() {}
