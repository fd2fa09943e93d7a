//! Attachments of a method that is to run on the thread that reads requests.

#[outrigger::service]
trait Images {
    #[outrigger(inline)]
    fn turn(&self, attached: &mut outrigger::Attached<'_>) -> Result<(), outrigger::Error>;
}

fn main() {}
