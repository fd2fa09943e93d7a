//! Closing a consumer that may be asleep.

use crate::sync::{AtomicBool, Ordering};

/// A boolean that models can replace.
pub trait Flag {
    /// The order of the store in `close`; weakened by the models only.
    const CLOSE: Ordering = Ordering::Release;

    /// Loads the flag.
    fn load(&self, order: Ordering) -> bool;

    /// Stores the flag.
    fn store(&self, value: bool, order: Ordering);
}

impl Flag for AtomicBool {
    fn load(&self, order: Ordering) -> bool {
        Self::load(self, order)
    }

    fn store(&self, value: bool, order: Ordering) {
        Self::store(self, value, order);
    }
}

/// Says once that no more will come. Lives in one process, beside the ring.
///
/// The closer stores the flag and then rings the consumer's doorbell
/// unconditionally; the doorbell is sticky, so no fence is needed: a consumer
/// that misses the flag is woken and looks again.
#[derive(Debug, Default)]
pub struct Closing<F = AtomicBool> {
    flag: F,
}

impl<F: Flag> Closing<F> {
    /// Not closed yet.
    pub fn new(flag: F) -> Self {
        Self { flag }
    }

    /// Closes. The caller rings the consumer's doorbell afterwards.
    pub fn close(&self) {
        // P4 release: pairs with the acquire in is_closed, so that whoever sees
        // the close also sees every message published before it.
        self.flag.store(true, F::CLOSE);
    }

    /// True once closed. The caller drains its rings once more afterwards.
    pub fn is_closed(&self) -> bool {
        // P4 acquire: pairs with the release in close.
        self.flag.load(Ordering::Acquire)
    }
}
