//! Constants of types that Go has no constants of.

mod wide {
    #[outrigger::service]
    trait Greeter {
        const NAME_MAX: u128 = 1;
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

mod unfixed {
    #[outrigger::service]
    trait Greeter {
        const NAME_MAX: usize = 1;
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

mod owned {
    #[outrigger::service]
    trait Greeter {
        const NAME: String = String::new();
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

mod list {
    #[outrigger::service]
    trait Greeter {
        const NAMES: [u8; 2] = [1, 2];
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

mod bytes {
    #[outrigger::service]
    trait Greeter {
        const NAME: &'static [u8] = b"Ada";
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

mod taken {
    #[outrigger::service]
    trait Greeter {
        const SCHEMA: u8 = 1;
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

mod made {
    #[outrigger::service]
    trait Greeter {
        const new: u8 = 1;
        fn greet(&self) -> Result<(), outrigger::Error>;
    }
}

fn main() {}
