//! The verification itself: bytes in, verdict out. It knows nothing of
//! Outrigger, which is the point: code worth calling from Go needs no change to
//! be called.
//!
//! Which rules count is a choice in all three schemes, and each function below
//! says what it chose. The Wycheproof vectors are the referee: `make demo`
//! checks every one of them.

use thiserror::Error;

use crate::message::Algorithm;

/// Why a signature was refused. Each is a verdict, not a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Rejection {
    /// The key has a length that no key has.
    #[error("key length {0} (must be 32)")]
    KeyLength(usize),
    /// The key does not decode to a point on the curve.
    #[error("key is not a point on the curve")]
    KeyEncoding,
    /// The signature has a length that no signature has.
    #[error("signature length {0} (must be 64)")]
    SignatureLength(usize),
    /// The signature is not strict DER, or its r or s is outside 1..n.
    #[error("signature is not DER of two integers in range")]
    SignatureEncoding,
    /// All is well formed, and the equation does not hold.
    #[error("signature does not match key and message")]
    Mismatch,
}

/// Checks one signature.
pub(crate) fn verify(
    algorithm: Algorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Rejection> {
    match algorithm {
        Algorithm::Ed25519 => ed25519(key, message, signature),
        Algorithm::EcdsaP256Sha256 => ecdsa_p256(key, message, signature),
        Algorithm::EcdsaSecp256k1Sha256 => ecdsa_secp256k1(key, message, signature),
    }
}

/// Ed25519.
///
/// `verify` and `verify_strict` agree with all 151 Wycheproof vectors. They
/// differ where the vectors are silent: `verify` accepts keys of small order,
/// for which one signature fits any message. A node that takes a signature as
/// proof of authorship wants `verify_strict`. (A chain whose validators must
/// agree on every odd signature wants neither, but the rules of ZIP 215.)
fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Rejection> {
    use ed25519_dalek::{Signature, VerifyingKey};

    let key = key
        .try_into()
        .map_err(|_| Rejection::KeyLength(key.len()))?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| Rejection::KeyEncoding)?;
    let signature = signature
        .try_into()
        .map_err(|_| Rejection::SignatureLength(signature.len()))?;
    let signature = Signature::from_bytes(signature);
    key.verify_strict(message, &signature)
        .map_err(|_| Rejection::Mismatch)
}

/// ECDSA on P-256. `verify` hashes with the curve's usual digest, SHA-256.
fn ecdsa_p256(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Rejection> {
    use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};

    let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| Rejection::KeyEncoding)?;
    let signature = Signature::from_der(signature).map_err(|_| Rejection::SignatureEncoding)?;
    key.verify(message, &signature)
        .map_err(|_| Rejection::Mismatch)
}

/// ECDSA on secp256k1. `verify` hashes with the curve's usual digest, SHA-256.
///
/// If (r, s) is a signature then (r, n - s) is one too. Plain ECDSA, and the
/// plain Wycheproof file, accept both. Bitcoin made the larger s ("high S")
/// invalid, to stop third parties from changing a transaction's id, and k256
/// follows Bitcoin. Hence `normalize_s`, which replaces a high s by n - s;
/// without it 72 of the file's 476 vectors disagree. Drop it for Bitcoin's
/// rule.
fn ecdsa_secp256k1(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Rejection> {
    use k256::ecdsa::{Signature, VerifyingKey, signature::Verifier};

    let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| Rejection::KeyEncoding)?;
    let signature = Signature::from_der(signature).map_err(|_| Rejection::SignatureEncoding)?;
    key.verify(message, &signature.normalize_s())
        .map_err(|_| Rejection::Mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Algorithm; 3] = [
        Algorithm::Ed25519,
        Algorithm::EcdsaP256Sha256,
        Algorithm::EcdsaSecp256k1Sha256,
    ];
    const ECDSA: [Algorithm; 2] = [Algorithm::EcdsaP256Sha256, Algorithm::EcdsaSecp256k1Sha256];
    const MESSAGE: &[u8] = b"lashed alongside";
    const SECRET: [u8; 32] = [7; 32];

    /// A key, and its signature of `MESSAGE`.
    fn signed(algorithm: Algorithm) -> (Vec<u8>, Vec<u8>) {
        match algorithm {
            Algorithm::Ed25519 => {
                use ed25519_dalek::{Signer, SigningKey};
                let secret = SigningKey::from_bytes(&SECRET);
                (
                    secret.verifying_key().to_bytes().to_vec(),
                    secret.sign(MESSAGE).to_bytes().to_vec(),
                )
            }
            Algorithm::EcdsaP256Sha256 => {
                use p256::ecdsa::{Signature, SigningKey, signature::Signer};
                let secret = SigningKey::from_slice(&SECRET).unwrap();
                let signature: Signature = secret.sign(MESSAGE);
                let key = secret.verifying_key().to_sec1_point(false);
                (
                    key.as_bytes().to_vec(),
                    signature.to_der().as_bytes().to_vec(),
                )
            }
            Algorithm::EcdsaSecp256k1Sha256 => {
                use k256::ecdsa::{Signature, SigningKey, signature::Signer};
                let secret = SigningKey::from_slice(&SECRET).unwrap();
                let signature: Signature = secret.sign(MESSAGE);
                let key = secret.verifying_key().to_sec1_point(false);
                (
                    key.as_bytes().to_vec(),
                    signature.to_der().as_bytes().to_vec(),
                )
            }
        }
    }

    #[test]
    fn good_signature_is_accepted() {
        for algorithm in ALL {
            let (key, signature) = signed(algorithm);
            assert_eq!(
                verify(algorithm, &key, MESSAGE, &signature),
                Ok(()),
                "{algorithm:?}"
            );
        }
    }

    #[test]
    fn other_message_is_a_mismatch() {
        for algorithm in ALL {
            let (key, signature) = signed(algorithm);
            let verdict = verify(algorithm, &key, b"another", &signature);
            assert_eq!(verdict, Err(Rejection::Mismatch), "{algorithm:?}");
        }
    }

    #[test]
    fn other_key_is_a_mismatch() {
        use ed25519_dalek::SigningKey;
        let (_, signature) = signed(Algorithm::Ed25519);
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
        let verdict = verify(Algorithm::Ed25519, &other, MESSAGE, &signature);
        assert_eq!(verdict, Err(Rejection::Mismatch));
    }

    #[test]
    fn p256_accepts_s_and_its_negative() {
        use p256::ecdsa::Signature;

        let (key, signature) = signed(Algorithm::EcdsaP256Sha256);
        let (r, s) = Signature::from_der(&signature).unwrap().split_scalars();
        let negative = Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
        let verdict = ecdsa_p256(&key, MESSAGE, negative.to_der().as_bytes());
        assert_eq!(verdict, Ok(()));
    }

    /// k256 signs with a low s always, so its negative is high.
    #[test]
    fn secp256k1_accepts_high_s() {
        use k256::ecdsa::{Signature, VerifyingKey, signature::Verifier};

        let (key, low) = signed(Algorithm::EcdsaSecp256k1Sha256);
        let (r, s) = Signature::from_der(&low).unwrap().split_scalars();
        let high = Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
        let strict = VerifyingKey::from_sec1_bytes(&key).unwrap();
        assert!(
            strict.verify(MESSAGE, &high).is_err(),
            "k256 follows Bitcoin no more?"
        );

        let verdict = ecdsa_secp256k1(&key, MESSAGE, high.to_der().as_bytes());
        assert_eq!(verdict, Ok(()));
    }

    #[test]
    fn malformed_der_is_a_verdict() {
        for algorithm in ECDSA {
            let (key, good) = signed(algorithm);
            let trailing = [good.as_slice(), &[0]].concat();
            let zero = [0x30, 6, 2, 1, 0, 2, 1, 0];
            for bad in [
                &[][..],
                b"x",
                &[0x30],
                &good[..good.len() - 1],
                &trailing,
                &zero,
            ] {
                let verdict = verify(algorithm, &key, MESSAGE, bad);
                assert_eq!(
                    verdict,
                    Err(Rejection::SignatureEncoding),
                    "{algorithm:?} {bad:?}"
                );
            }
        }
    }

    #[test]
    fn wrong_lengths_are_verdicts() {
        let (key, signature) = signed(Algorithm::Ed25519);
        let short_key = verify(Algorithm::Ed25519, &key[1..], MESSAGE, &signature);
        assert_eq!(short_key, Err(Rejection::KeyLength(31)));
        let short_signature = verify(Algorithm::Ed25519, &key, MESSAGE, &signature[1..]);
        assert_eq!(short_signature, Err(Rejection::SignatureLength(63)));
        for algorithm in ECDSA {
            let (key, signature) = signed(algorithm);
            let verdict = verify(algorithm, &key[..64], MESSAGE, &signature);
            assert_eq!(verdict, Err(Rejection::KeyEncoding), "{algorithm:?}");
        }
    }

    #[test]
    fn point_off_the_curve_is_a_verdict() {
        for algorithm in ECDSA {
            let (mut key, signature) = signed(algorithm);
            *key.last_mut().unwrap() ^= 1;
            let verdict = verify(algorithm, &key, MESSAGE, &signature);
            assert_eq!(verdict, Err(Rejection::KeyEncoding), "{algorithm:?}");
        }
    }

    /// With the neutral point as key and as R, and S = 0, the Ed25519 equation
    /// holds for every message. `verify` says yes to this; `verify_strict` must
    /// not.
    #[test]
    fn key_of_small_order_is_refused() {
        use ed25519_dalek::{Signature, Verifier, VerifyingKey};

        let mut neutral = [0; 32];
        neutral[0] = 1;
        let signature = [neutral, [0; 32]].concat();
        let lax = VerifyingKey::from_bytes(&neutral).unwrap();
        assert!(
            lax.verify(MESSAGE, &Signature::from_slice(&signature).unwrap())
                .is_ok()
        );

        let verdict = verify(Algorithm::Ed25519, &neutral, MESSAGE, &signature);
        assert_eq!(verdict, Err(Rejection::Mismatch));
    }

    #[test]
    fn reason_says_what_was_seen_and_what_is_allowed() {
        assert_eq!(
            Rejection::SignatureLength(63).to_string(),
            "signature length 63 (must be 64)"
        );
    }
}
