//! A name that is no identifier elsewhere.

#[outrigger::service(name = "Sig-Verify")]
trait Verifier {
    fn stop(&self) -> Result<(), outrigger::Error>;
}

fn main() {}
