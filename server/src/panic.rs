//! Panics of handlers become code 5 of that call, and nothing else.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use outrigger_layout::Error;

/// Runs `handler`; a panic becomes [`Error::panic`] with its text.
///
/// Why unwinding is sound here: what a handler leaves half-done is its own state, which it
/// guards by its own locks (a poisoned one is LOCK_POISONED); the buffers it was
/// lent are discarded by the caller.
pub(crate) fn caught<T>(handler: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(handler)) {
        Ok(outcome) => outcome,
        Err(payload) => {
            let error = Error::panic(text_of(&*payload));
            discard(payload);
            Err(error)
        }
    }
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "unknown panic payload"
    }
}

/// Drops a panic's payload; if that panics too, the second payload is leaked,
/// for dropping it may panic again without end.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_1_and_p_4_the_text_of_a_panic_or_that_it_has_none() {
        let error = caught::<()>(|| panic!("kaboom")).unwrap_err();
        assert_eq!(error.message(), "panic caught at FFI boundary: kaboom");
        let error = caught::<()>(|| std::panic::panic_any(7)).unwrap_err();
        assert!(error.message().ends_with("unknown panic payload"));
    }

    #[test]
    fn p_5_a_payload_whose_drop_panics_is_survived() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::panic_any(Self);
            }
        }
        assert!(caught::<()>(|| std::panic::panic_any(Bomb)).is_err());
    }
}
