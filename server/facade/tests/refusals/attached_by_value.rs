//! Attachments by value.

#[outrigger::service]
trait Images {
    fn turn(&self, attached: outrigger::Attached<'_>) -> Result<(), outrigger::Error>;
}

fn main() {}
