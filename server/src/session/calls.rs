//! Calls in flight on a lane's pool, so that CANCEL finds them.

use outrigger_layout::Error;
use outrigger_ringbuf::sync::{AtomicBool, AtomicU64, Ordering};

/// One call in flight. Its correlation is 0 while the place is free.
#[derive(Debug, Default)]
pub(crate) struct Call {
    correlation: AtomicU64,
    /// Set when the caller no longer waits.
    pub(crate) cancelled: AtomicBool,
}

/// A place for each credit of a lane. The poller fills places and cancels;
/// whoever answers a call frees its place.
#[derive(Debug)]
pub(crate) struct CallTable {
    places: Box<[Call]>,
}

impl CallTable {
    /// Places for `count` calls.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            places: (0..count).map(|_| Call::default()).collect(),
        }
    }

    /// Enters a call and returns its place.
    ///
    /// # Errors
    /// PROTOCOL if the correlation is in flight already or no place is free:
    /// violations.
    pub(crate) fn enter(&self, correlation: u64) -> Result<usize, Error> {
        let mut free = None;
        for (place, call) in self.places.iter().enumerate() {
            // Acquire: pairs with the release in `leave`, so that the place's last
            // user is done with `cancelled`.
            match call.correlation.load(Ordering::Acquire) {
                0 => free = free.or(Some(place)),
                seen if seen == correlation => {
                    return Err(Error::protocol(format!(
                        "correlation {correlation} is in flight"
                    )));
                }
                _ => {}
            }
        }
        let place = free.ok_or_else(|| {
            let count = self.places.len();
            Error::protocol(format!("{} calls in flight (maximum {count})", count + 1))
        })?;
        self.places[place].cancelled.store(false, Ordering::Relaxed);
        self.places[place]
            .correlation
            .store(correlation, Ordering::Relaxed);
        Ok(place)
    }

    /// The call in a place.
    pub(crate) fn get(&self, place: usize) -> &Call {
        &self.places[place]
    }

    /// Frees a place.
    pub(crate) fn leave(&self, place: usize) {
        self.places[place].correlation.store(0, Ordering::Release);
    }

    /// Marks a call as cancelled; false if it is not in flight (any more).
    pub(crate) fn cancel(&self, correlation: u64) -> bool {
        let mut places = self.places.iter();
        let call = places.find(|call| call.correlation.load(Ordering::Relaxed) == correlation);
        // Relaxed: a hint without data. A place that is freed and taken again
        // meanwhile is taken by this very thread, so it cannot be another call.
        call.inspect(|call| call.cancelled.store(true, Ordering::Relaxed))
            .is_some()
    }
}
