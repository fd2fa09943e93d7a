//! Two versions of one size could not be told apart.

#[outrigger::message(extensible)]
struct Visit {
    name: String,
    quiet: bool,
    #[outrigger(since = 2)]
    late: Option<bool>,
}

fn main() {}
