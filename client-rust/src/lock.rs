//! Locks whose poison means nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. What this crate keeps behind its locks is consistent after each
/// statement, and user code never runs under one, so poison says nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
