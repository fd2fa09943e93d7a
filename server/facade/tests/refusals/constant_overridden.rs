//! An implementation that disagrees with what clients were told.

#[outrigger::service]
trait Greeter {
    const NAME_MAX: u32 = 64;

    fn greet(&self) -> Result<(), outrigger::Error>;
}

struct Polite;

impl Greeter for Polite {
    const NAME_MAX: u32 = 65;

    fn greet(&self) -> Result<(), outrigger::Error> {
        Ok(())
    }
}

fn main() {}
