//! Values that constants of Go cannot have.

mod not_a_number {
    #[outrigger::service]
    trait Greeter {
        const LOUDNESS: f64 = f64::NAN;
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

mod negative_zero {
    #[outrigger::service]
    trait Greeter {
        const LOUDNESS: f32 = -0.0;
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

mod other_type {
    #[outrigger::service]
    trait Greeter {
        const LOUDNESS: u8 = "loud";
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

fn main() {}
