//! A program that only calls a service: nothing of it is an error or a warning.
#![deny(warnings)]

use outrigger::{Archived, Attached, Client, Error};

#[outrigger::message]
struct Person {
    name: String,
}

#[outrigger::service]
trait Greeter {
    const NAME_MAX: u32 = 64;
    const GREETING: &str = "good day";
    #[cfg(any())]
    const NEVER: u8 = "not compiled";
    fn greet(&self, person: &Archived<Person>) -> Result<Person, Error>;
    fn part(&self, person: &Archived<Person>) -> Result<(), Error>;
    fn draw(&self, person: &Archived<Person>, attached: &mut Attached<'_>) -> Result<(), Error>;
}

fn main() {
    let person = Person { name: "Ada".to_owned() };
    let connected = Client::connect("/nowhere/greeter.sock");
    let greeted = connected.map(|client| GreeterClient::new(client).greet(&person).wait().is_ok());
    assert!(greeted.is_err());
}
