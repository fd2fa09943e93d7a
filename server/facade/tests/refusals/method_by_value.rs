//! A request that is not the archived one.

#[outrigger::message]
struct Greeting {
    name: String,
}

#[outrigger::service]
trait Greeter {
    fn greet(&self, request: Greeting) -> Result<Greeting, outrigger::Error>;
}

fn main() {}
