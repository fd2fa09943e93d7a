//! Locks that are never poisoned for their users.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, ignoring poison: no code of a user's runs under any lock of this
/// crate, so a panic cannot leave the data half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
