//! Attachments of a method that is asynchronous.

#[outrigger::service]
trait Images {
    async fn turn(&self, attached: &mut outrigger::Attached<'_>) -> Result<(), outrigger::Error>;
}

fn main() {}
