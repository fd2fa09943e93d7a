//! The Rust half of the signature demo: a sidecar with one service, `sigverify`.
//!
//! ```text
//! Go node ═ shared memory ═▶ dispatch ─▶ Verifier ─▶ verify::verify ─▶ dalek, p256, k256
//! ```
//!
//! Everything Outrigger asks of a sidecar stands in this file and in `message.rs`.
//! Try `sigverify-sidecar serve --socket /tmp/sigverify.sock`.

mod message;
mod verify;

use std::process::ExitCode;

use outrigger::{Archived, Error, Message, Server};

use crate::message::{Algorithm, Sigverify, SigverifyServer, VerifyReply, VerifyRequest};

fn main() -> ExitCode {
    Server::builder()
        .service(SigverifyServer::new(Verifier))
        .cli()
}

/// The implementation, which has no state.
struct Verifier;

impl Sigverify for Verifier {
    /// Answers one call. A refused signature is an answer, so this never fails.
    fn verify(&self, request: &Archived<VerifyRequest>) -> Result<VerifyReply, Error> {
        let verdict = verify::verify(
            Algorithm::load(&request.algorithm)?,
            &request.key,
            &request.message,
            &request.signature,
        );
        let reason = verdict.err().map(|why| why.to_string());
        Ok(VerifyReply {
            valid: verdict.is_ok(),
            reason: reason.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use outrigger::generate;

    use super::*;

    #[test]
    fn the_node_s_go_package_is_fresh() {
        let builder = Server::builder().service(SigverifyServer::new(Verifier));
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../node");
        generate::check_go(&builder.registry().schema(), folder.as_ref())
            .expect("`go -C examples/sigverify/node generate` writes it");
    }
}
