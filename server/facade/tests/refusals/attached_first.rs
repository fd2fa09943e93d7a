//! Attachments that are not the last parameter.

#[outrigger::message]
struct Turn {
    quarters: u8,
}

#[outrigger::service]
trait Images {
    fn turn(
        &self,
        attached: &mut outrigger::Attached<'_>,
        request: &outrigger::Archived<Turn>,
    ) -> Result<(), outrigger::Error>;
}

fn main() {}
