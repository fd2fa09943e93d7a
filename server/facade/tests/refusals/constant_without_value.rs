//! A constant whose value each implementation would give.

#[outrigger::service]
trait Greeter {
    const NAME_MAX: u32;

    fn greet(&self) -> Result<(), outrigger::Error>;
}

fn main() {}
