//! A method whose name the client needs itself.

#[outrigger::message]
struct Page {
    number: u32,
}

#[outrigger::service]
trait Pages {
    fn new(&self, page: &outrigger::Archived<Page>) -> Result<Page, outrigger::Error>;
}

fn main() {}
