//! Methods and the ids that the server bound them to.
//!
//! A name, with the fingerprint of its messages if it is typed, is bound at its
//! first call, by a frame on the control socket; from then on its id is found here.
//! Two first calls at once both ask, and get the same id.

use std::array;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use outrigger_layout::limits::METHOD_NAME_MAX;
use outrigger_layout::{Code, Error};

use crate::lock::lock;
use crate::waiter::{Wait, Waiter};

/// 128 bits over the schema of a method's messages; zero for an untyped method.
pub(crate) type Fingerprint = [u8; 16];

/// Places of the front.
const FRONT_LEN: usize = 64;
const _: () = assert!(FRONT_LEN.is_power_of_two());

/// The bindings of one session.
#[derive(Debug)]
pub(crate) struct Bindings {
    /// The first method of each place, for a look that takes no lock and hashes no name.
    /// Nothing is ever unbound, so a place once taken says the same for ever.
    front: [OnceLock<Bound>; FRONT_LEN],
    /// All of them.
    known: RwLock<HashMap<Fingerprint, HashMap<Box<str>, u16>>>,
    pending: Mutex<Pending>,
}

/// A method and its id.
#[derive(Debug)]
struct Bound {
    name: Box<str>,
    fingerprint: Fingerprint,
    method: u16,
}

impl Bound {
    fn is(&self, name: &str, fingerprint: &Fingerprint) -> bool {
        *self.name == *name && self.fingerprint == *fingerprint
    }
}

impl Default for Bindings {
    fn default() -> Self {
        Self {
            front: array::from_fn(|_| OnceLock::new()),
            known: RwLock::default(),
            pending: Mutex::default(),
        }
    }
}

#[derive(Debug, Default)]
struct Pending {
    by_token: HashMap<u64, (Box<str>, Fingerprint, Arc<Question>)>,
    next_token: u64,
}

/// A BIND whose BOUND has not arrived, or that nobody has looked at since.
#[derive(Debug, Default)]
pub(crate) struct Question {
    state: Mutex<Answerable>,
}

#[derive(Debug, Default)]
struct Answerable {
    answer: Option<Result<u16, Error>>,
    waiter: Option<Waiter>,
}

/// Checks a name as the server does, so that a wrong one costs no round trip.
///
/// # Errors
/// NULL_POINTER for an empty name, INVALID_ARGUMENT for one too long.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::with_details(Code::NULL_POINTER, &[]));
    }
    if name.len() as u64 > METHOD_NAME_MAX {
        let len = name.len();
        return Err(Error::invalid_argument(format!(
            "method name of {len} bytes (maximum {METHOD_NAME_MAX})"
        )));
    }
    Ok(())
}

impl Bindings {
    /// The id of a method, if it is bound.
    pub(crate) fn find(&self, name: &str, fingerprint: &Fingerprint) -> Option<u16> {
        let place = self.front[place_of(name, fingerprint)].get();
        if let Some(bound) = place.filter(|bound| bound.is(name, fingerprint)) {
            return Some(bound.method);
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(fingerprint)?.get(name).copied()
    }

    /// Takes up a question; gives the token for BIND.
    pub(crate) fn ask(&self, name: &str, fingerprint: &Fingerprint) -> (u64, Arc<Question>) {
        let question = Arc::new(Question::default());
        let mut pending = lock(&self.pending);
        pending.next_token += 1;
        let token = pending.next_token;
        pending
            .by_token
            .insert(token, (name.into(), *fingerprint, Arc::clone(&question)));
        (token, question)
    }

    /// Takes the answer in BOUND.
    ///
    /// # Errors
    /// PROTOCOL if nothing was asked with this token.
    pub(crate) fn answer(&self, token: u64, answer: Result<u16, Error>) -> Result<(), Error> {
        let asked = lock(&self.pending).by_token.remove(&token);
        let (name, fingerprint, question) = asked
            .ok_or_else(|| Error::protocol(format!("BOUND of token {token} (it was not asked)")))?;
        if let Ok(method) = answer {
            // Taken by another before: this one is found below.
            let _ = self.front[place_of(&name, &fingerprint)].set(Bound {
                name: name.clone(),
                fingerprint,
                method,
            });
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.entry(fingerprint).or_default().insert(name, method);
        }
        let mut state = lock(&question.state);
        state.answer = Some(answer);
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        Ok(())
    }

    /// Takes all waiters: something changed that concerns each of them.
    pub(crate) fn take_all(&self) -> Vec<Waiter> {
        let pending = lock(&self.pending);
        let questions = pending.by_token.values();
        questions
            .filter_map(|(_, _, question)| lock(&question.state).waiter.take())
            .collect()
    }
}

/// Where a method stands in the front: by its fingerprint, which is a hash itself, and the
/// end of its name, in which methods of one service differ.
fn place_of(name: &str, fingerprint: &Fingerprint) -> usize {
    const WORD: usize = size_of::<u64>();
    /// 2^64 by the golden ratio, which spreads what differs in a few bits (Knuth, The Art of
    /// Computer Programming 3, section 6.4: multiplicative hashing).
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (name, mut end, mut hash) = (name.as_bytes(), [0; WORD], [0; WORD]);
    let len = name.len().min(WORD);
    end[..len].copy_from_slice(&name[name.len() - len..]);
    hash.copy_from_slice(&fingerprint[..WORD]);
    let mixed = u64::from_le_bytes(end) ^ u64::from_le_bytes(hash) ^ name.len() as u64;
    (mixed.wrapping_mul(SPREAD) >> (u64::BITS - FRONT_LEN.ilog2())) as usize
}

impl Question {
    /// The answer, if it has come; else leaves a waiter.
    pub(crate) fn poll(&self, wait: Wait<'_>) -> Option<Result<u16, Error>> {
        let mut state = lock(&self.state);
        if state.answer.is_none() {
            state.waiter = wait.waiter();
        }
        state.answer.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reaches_its_question_and_later_calls() {
        let bindings = Bindings::default();
        let (first, question) = bindings.ask("echo", &[0; 16]);
        let (second, other) = bindings.ask("other", &[0; 16]);
        assert_ne!(first, second);
        assert!(question.poll(Wait::Thread).is_none());
        bindings.answer(first, Ok(7)).unwrap();
        assert_eq!(question.poll(Wait::Look), Some(Ok(7)));
        assert_eq!(bindings.find("echo", &[0; 16]), Some(7));
        assert_eq!(bindings.find("echo", &[1; 16]), None, "another fingerprint");
        let full = Error::resource_exhausted("methods");
        bindings.answer(second, Err(full.clone())).unwrap();
        assert_eq!(other.poll(Wait::Look), Some(Err(full)));
        assert_eq!(bindings.find("other", &[0; 16]), None);
        assert!(bindings.answer(second, Ok(1)).is_err(), "answered twice");
    }

    #[test]
    fn methods_that_share_a_place_are_all_found() {
        let bindings = Bindings::default();
        let names: Vec<_> = (0..10 * FRONT_LEN).map(|n| format!("many.{n}")).collect();
        for (name, method) in names.iter().zip(1..) {
            let (token, _) = bindings.ask(name, &[0; 16]);
            bindings.answer(token, Ok(method)).unwrap();
        }
        let taken = bindings.front.iter().flat_map(OnceLock::get).count();
        assert!(
            taken > FRONT_LEN / 2,
            "{taken} places for {} names",
            names.len()
        );
        for (name, method) in names.iter().zip(1..) {
            assert_eq!(bindings.find(name, &[0; 16]), Some(method));
            assert_eq!(bindings.find(name, &[1; 16]), None);
        }
        let (token, _) = bindings.ask(&names[0], &[1; 16]);
        bindings.answer(token, Ok(u16::MAX)).unwrap();
        assert_eq!(bindings.find(&names[0], &[1; 16]), Some(u16::MAX));
        assert_eq!(bindings.find(&names[0], &[0; 16]), Some(1));
    }

    #[test]
    fn fb_13_an_empty_name_is_null_pointer_and_a_long_one_invalid() {
        let error = check_name("").unwrap_err();
        assert_eq!(
            error.to_string(),
            "outrigger: null_pointer: null pointer received"
        );
        assert!(check_name(&"x".repeat(255)).is_ok());
        let error = check_name(&"x".repeat(256)).unwrap_err();
        assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    }
}
