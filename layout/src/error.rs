//! The error that crosses the border: a [`Code`] and a message.

use core::fmt;

use crate::code::Code;

/// A failed call: a code of the stable table and a message for people.
///
/// Both sides print it alike: `outrigger: not_found: not found: nope`.
///
/// ```
/// use outrigger_layout::{Code, Error};
/// let error = Error::not_found("nope");
/// assert_eq!(error.code(), Code::NOT_FOUND);
/// assert_eq!(error.to_string(), "outrigger: not_found: not found: nope");
/// ```
///
/// One pointer wide, so that the result of a call that succeeded is a register.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    code: Code,
    message: String,
    /// The archive of a method's own error.
    detail: Option<Box<[u8]>>,
}

impl Error {
    /// An error of any code with a message of the caller's. An empty message
    /// becomes `unknown error`, so that no failure is ever without a text.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        let message = if message.is_empty() {
            "unknown error".to_owned()
        } else {
            message
        };
        Self {
            inner: Box::new(Inner {
                code,
                message,
                detail: None,
            }),
        }
    }

    /// The code's own sentence, its `{}` replaced by `details` in order.
    pub fn with_details(code: Code, details: &[&dyn fmt::Display]) -> Self {
        let template = code.info().map_or("unknown error: {}", |row| row.template);
        let mut message = String::new();
        let mut details = details.iter();
        for (index, part) in template.split("{}").enumerate() {
            if index > 0
                && let Some(detail) = details.next()
            {
                message.push_str(&detail.to_string());
            }
            message.push_str(part);
        }
        Self::new(code, message)
    }

    /// BUFFER_TOO_SMALL: the payload never fits.
    pub fn buffer_too_small(needed: u64, available: u64) -> Self {
        Self::with_details(Code::BUFFER_TOO_SMALL, &[&needed, &available])
    }

    /// INVALID_UTF8 in `what`.
    pub fn invalid_utf8(what: &str) -> Self {
        Self::with_details(Code::INVALID_UTF8, &[&what])
    }

    /// SERIALIZATION with the decoder's own words.
    pub fn serialization(detail: impl fmt::Display) -> Self {
        Self::with_details(Code::SERIALIZATION, &[&detail])
    }

    /// PANIC with the text of the panic.
    pub fn panic(text: &str) -> Self {
        Self::with_details(Code::PANIC, &[&text])
    }

    /// TIMEOUT.
    pub fn timeout() -> Self {
        Self::with_details(Code::TIMEOUT, &[])
    }

    /// NOT_FOUND for `name`.
    pub fn not_found(name: &str) -> Self {
        Self::with_details(Code::NOT_FOUND, &[&name])
    }

    /// LOCK_POISONED.
    pub fn lock_poisoned() -> Self {
        Self::with_details(Code::LOCK_POISONED, &[])
    }

    /// CANCELLED.
    pub fn cancelled() -> Self {
        Self::with_details(Code::CANCELLED, &[])
    }

    /// INVALID_ARGUMENT: what was seen and what is allowed.
    pub fn invalid_argument(detail: impl fmt::Display) -> Self {
        Self::with_details(Code::INVALID_ARGUMENT, &[&detail])
    }

    /// RESOURCE_EXHAUSTED: what ran out, and the numbers.
    pub fn resource_exhausted(detail: impl fmt::Display) -> Self {
        Self::with_details(Code::RESOURCE_EXHAUSTED, &[&detail])
    }

    /// PROTOCOL: which check failed.
    pub fn protocol(detail: impl fmt::Display) -> Self {
        Self::with_details(Code::PROTOCOL, &[&detail])
    }

    /// HANDLER_ERROR: an application error's text.
    pub fn handler(detail: impl fmt::Display) -> Self {
        Self::with_details(Code::HANDLER_ERROR, &[&detail])
    }

    /// The code; never [`Code::OK`] for an error that was received.
    pub fn code(&self) -> Code {
        self.inner.code
    }

    /// Adds the archive of a method's own error.
    pub fn with_detail(mut self, archive: Vec<u8>) -> Self {
        self.inner.detail = Some(archive.into_boxed_slice());
        self
    }

    /// The archive of the method's own error, if it sent one. It may lie at any
    /// address.
    pub fn detail(&self) -> Option<&[u8]> {
        self.inner.detail.as_deref()
    }

    /// The message without the prefix that `Display` adds.
    pub fn message(&self) -> &str {
        &self.inner.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "outrigger: {}: {}", self.inner.code, self.inner.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}, {:?})", self.inner.code, self.inner.message)
    }
}

impl core::error::Error for Error {}

/// A poisoned lock inside a handler's own state is reported as such, so a
/// handler may write `self.state.lock()?`.
impl<T> From<std::sync::PoisonError<T>> for Error {
    fn from(_: std::sync::PoisonError<T>) -> Self {
        Self::lock_poisoned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_take_their_details_in_order() {
        let error = Error::buffer_too_small(70, 64);
        assert_eq!(
            error.to_string(),
            "outrigger: buffer_too_small: buffer too small: need 70 bytes, have 64"
        );
    }

    #[test]
    fn an_empty_message_becomes_unknown_error() {
        assert_eq!(
            Error::new(Code::HANDLER_ERROR, "").message(),
            "unknown error"
        );
    }
}
