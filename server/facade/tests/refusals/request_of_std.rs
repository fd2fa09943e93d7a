//! Requests and replies that are no types of one's own.

use outrigger::{Archived, Error};

#[outrigger::service]
trait Store {
    fn get(&self, key: &Archived<String>) -> Result<Option<Vec<u8>>, Error>;
}

fn main() {}
