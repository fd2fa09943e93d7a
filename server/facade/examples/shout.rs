//! The sidecar of the README's section "Without types"; a test compares the two.

use outrigger::{Context, Error, Server, handler};

fn shout(_: &Context<'_>, text: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(text.to_ascii_uppercase())
}

fn main() -> std::process::ExitCode {
    Server::builder()
        .handler("shout", handler::bytes(shout))
        .cli()
}
