//! The attribute of a service on something else than its trait.

struct Polite;

#[outrigger::service]
impl Polite {
    fn greet(&self) {}
}

#[outrigger::service]
struct Greeter;

fn main() {}
