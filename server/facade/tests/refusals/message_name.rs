//! Names that are no names, and arguments that are none.

#[outrigger::message(name = "two words")]
struct First(u8);

#[outrigger::message(name = "1st")]
struct Second(u8);

#[outrigger::message(title = "Third")]
struct Third(u8);

fn main() {}
