//! A method that cannot fail.

#[outrigger::message]
struct Greeting {
    name: String,
}

#[outrigger::service]
trait Greeter {
    fn greet(&self, request: &outrigger::Archived<Greeting>) -> Greeting;
}

fn main() {}
