//! Which version of a method client and server agreed upon.
//!
//! ```text
//!   newest ── VERSION_MISMATCH ──▶ older, extended ── VERSION_MISMATCH ──▶ … ──▶ error
//!                                        └── anything else: remembered
//! ```
//!
//! What is remembered is only where to begin: if the server has another handler since,
//! it refuses, and all versions are asked for once more.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use outrigger_layout::schema::Fingerprints;
use outrigger_layout::{Code, Error};

use crate::binding::Fingerprint;

/// The agreements of one session, by newest fingerprint and name.
#[derive(Debug, Default)]
pub(crate) struct Agreements {
    older: RwLock<HashMap<Fingerprint, HashMap<&'static str, Fingerprint>>>,
}

impl Agreements {
    /// What to ask for first.
    pub(crate) fn begin(&self, name: &'static str, known: &Fingerprints) -> Fingerprint {
        if known.older.is_empty() {
            return known.newest;
        }
        let older = self.older.read().unwrap_or_else(PoisonError::into_inner);
        let agreed = older.get(&known.newest).and_then(|names| names.get(name));
        agreed.copied().unwrap_or(known.newest)
    }

    /// Remembers what the server did not refuse.
    pub(crate) fn remember(&self, name: &'static str, known: &Fingerprints, asked: Fingerprint) {
        let mut older = self.older.write().unwrap_or_else(PoisonError::into_inner);
        older.entry(known.newest).or_default().insert(name, asked);
    }
}

/// Whether the server has another version, and did not call the method.
pub(crate) fn is_mismatch<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(error) if error.code() == Code::VERSION_MISMATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_agreed_upon_is_asked_for_first_from_then_on() {
        let agreements = Agreements::default();
        let known = Fingerprints {
            newest: [2; 16],
            older: vec![[1; 16]],
        };
        assert_eq!(agreements.begin("a.b", &known), [2; 16]);
        agreements.remember("a.b", &known, [7; 16]);
        assert_eq!(agreements.begin("a.b", &known), [7; 16]);
        assert_eq!(agreements.begin("a.c", &known), [2; 16], "another method");
        agreements.remember("a.b", &known, [2; 16]);
        assert_eq!(agreements.begin("a.b", &known), [2; 16]);
    }
}
