//! The Rust half of the signature demo: a sidecar with one method,
//! `sigverify.verify`.
//!
//! ```text
//! Go node ═ shared memory ═▶ dispatch ─▶ answer ─▶ verify::verify ─▶ dalek, p256, k256
//! ```
//!
//! Everything Outrigger asks of a sidecar stands in this file. Try
//! `sigverify-sidecar serve --socket /tmp/sigverify.sock`.

mod message;
mod verify;

use std::process::ExitCode;

use outrigger::{Context, Error, Server, handler};

use crate::message::{METHOD, VerifyReply, VerifyRequest};

fn main() -> ExitCode {
    // On the pool, because a check takes tens of microseconds: long enough that
    // the poller, which all callers share, should not do it itself.
    Server::builder()
        .handler(METHOD, handler::json(answer).on_pool())
        .cli()
}

/// Answers one call. A refused signature is an answer, so this never fails.
fn answer(_: &Context<'_>, request: VerifyRequest) -> Result<VerifyReply, Error> {
    let verdict = verify::verify(
        request.algorithm,
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
