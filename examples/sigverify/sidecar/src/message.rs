//! What node and sidecar say to each other. `outrigger gen go` makes the Go of it,
//! in `node/sigverify/`.
//!
//! The same messages cross as archives, which is what the node does unless told
//! otherwise, or as JSON:
//!
//! ```text
//! request  {"algorithm": "ed25519", "key": "7d4d…", "message": "78", "signature": "d807…"}
//! reply    {"valid": true, "reason": ""}
//! ```
//!
//! A request that does not decode (no such algorithm, odd hex) is the caller's
//! mistake and fails the call. A key or signature that decodes to nonsense is
//! what a verifier is asked about every day, and is answered: `valid` is false.

use outrigger::{Archived, Error};
use serde::{Deserialize, Serialize};

/// Checks signatures.
#[outrigger::service(json)]
pub(crate) trait Sigverify {
    /// Says whether the owner of the key signed the message. On the pool, because a
    /// check takes tens of microseconds: long enough that the poller, which all
    /// callers share, should not do it itself.
    #[outrigger(pool)]
    fn verify(&self, request: &Archived<VerifyRequest>) -> Result<VerifyReply, Error>;
}

/// One question: did the owner of `key` sign `message`?
#[outrigger::message]
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct VerifyRequest {
    /// How to read the three fields below.
    pub(crate) algorithm: Algorithm,
    /// Ed25519: 32 bytes. ECDSA: a SEC1 point, 33 bytes compressed or 65 plain.
    #[serde(with = "hex::serde")]
    pub(crate) key: Vec<u8>,
    /// The message itself, not its digest.
    #[serde(with = "hex::serde")]
    pub(crate) message: Vec<u8>,
    /// Ed25519: R and S, 64 bytes. ECDSA: DER, `SEQUENCE { r INTEGER, s INTEGER }`.
    #[serde(with = "hex::serde")]
    pub(crate) signature: Vec<u8>,
}

/// The answer.
#[outrigger::message]
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct VerifyReply {
    /// Whether the signature holds.
    pub(crate) valid: bool,
    /// Why it does not, for a person to read; empty when it does.
    pub(crate) reason: String,
}

/// The signature schemes this sidecar knows.
#[outrigger::message]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Algorithm {
    /// Ed25519 as in RFC 8032.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// ECDSA on NIST P-256 (secp256r1) over a SHA-256 digest.
    #[serde(rename = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
    /// ECDSA on secp256k1 over a SHA-256 digest.
    #[serde(rename = "ecdsa-secp256k1-sha256")]
    EcdsaSecp256k1Sha256,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_decodes_from_what_the_node_sends() {
        let json =
            r#"{"algorithm":"ecdsa-p256-sha256","key":"04ff","message":"","signature":"30"}"#;
        let request: VerifyRequest = serde_json::from_str(json).unwrap();
        let expected = VerifyRequest {
            algorithm: Algorithm::EcdsaP256Sha256,
            key: vec![0x04, 0xff],
            message: vec![],
            signature: vec![0x30],
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn reply_encodes_to_what_the_node_expects() {
        let reply = VerifyReply {
            valid: false,
            reason: "no".into(),
        };
        assert_eq!(
            serde_json::to_string(&reply).unwrap(),
            r#"{"valid":false,"reason":"no"}"#
        );
    }

    #[test]
    fn unknown_algorithm_and_odd_hex_do_not_decode() {
        for json in [
            r#"{"algorithm":"rot13","key":"","message":"","signature":""}"#,
            r#"{"algorithm":"ed25519","key":"abc","message":"","signature":""}"#,
        ] {
            assert!(
                serde_json::from_str::<VerifyRequest>(json).is_err(),
                "{json}"
            );
        }
    }
}
