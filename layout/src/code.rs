//! Error codes: one stable table, never renumbered, never reused.
//!
//! Values 0 to 8 and 99 are those of ffi-bridge's published table; 9 to 23 and
//! 64 are Outrigger's. One row gives the constant, its documentation, its
//! names, its message template and the generated Go and C constants.

use core::fmt;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The number on the wire.
    pub value: u16,
    /// Upper snake case name, as in `NOT_FOUND`.
    pub name: &'static str,
    /// Lower snake case name used in error texts, as in `not_found`.
    pub text: &'static str,
    /// Message template; `{}` stands for the one detail it takes, if any.
    pub template: &'static str,
    /// What the code means.
    pub doc: &'static str,
}

/// An outcome as it stands in a slot header.
///
/// A newtype and not an enum, so that a number this build does not know can
/// still be carried and shown: it comes from memory that a peer writes.
///
/// ```
/// use outrigger_layout::Code;
/// assert_eq!(Code::NOT_FOUND.to_string(), "not_found");
/// assert_eq!(Code(4711).to_string(), "error_4711");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u16);

macro_rules! codes {
    ($( $name:ident($value:literal) $text:literal $template:literal $doc:literal; )*) => {
        impl Code {
            $( #[doc = $doc] pub const $name: Self = Self($value); )*
        }

        /// Every code of this version, by ascending value.
        pub const CODES: &[CodeInfo] = &[$(CodeInfo {
            value: $value,
            name: stringify!($name),
            text: $text,
            template: $template,
            doc: $doc,
        }),*];
    };
}

#[rustfmt::skip]
codes! {
    OK(0) "ok" "" "The call succeeded; there is no message.";
    NULL_POINTER(1) "null_pointer" "null pointer received" "A required name or reference was absent.";
    BUFFER_TOO_SMALL(2) "buffer_too_small" "buffer too small: need {} bytes, have {}" "The payload can never fit: bytes needed, bytes available.";
    INVALID_UTF8(3) "invalid_utf8" "invalid UTF-8 in {}" "A name or text is not UTF-8.";
    SERIALIZATION(4) "serialization" "serialization error: {}" "The payload does not decode, or its codec is not one the method takes.";
    PANIC(5) "panic" "panic caught at FFI boundary: {}" "The handler panicked; only this call is affected.";
    TIMEOUT(6) "timeout" "operation timed out" "The deadline passed before the answer arrived.";
    NOT_FOUND(7) "not_found" "not found: {}" "No handler or object of that name.";
    LOCK_POISONED(8) "lock_poisoned" "mutex lock is poisoned" "The handler's own state was poisoned by an earlier panic.";
    VERSION_MISMATCH(9) "version_mismatch" "version mismatch: {}" "The peers disagree on ABI version, layout or message schema.";
    INVALID_HANDLE(10) "invalid_handle" "invalid handle: {}" "A buffer reference or id is stale, foreign or was never issued.";
    OUT_OF_BOUNDS(11) "out_of_bounds" "out of bounds: {}" "An offset or length reaches outside what it refers to.";
    INVALID_ARGUMENT(12) "invalid_argument" "invalid argument: {}" "An argument is outside its documented range.";
    MISSING_CALLBACK(13) "missing_callback" "missing callback: {}" "An answer was wanted but nobody can receive it.";
    NEVER(14) "never" "attempted to resolve a request that expects no answer: {}" "The effect takes no answer.";
    FINISHED(15) "finished" "attempted to resolve a request that has concluded: {}" "The effect's answers have ended.";
    PEER_GONE(16) "peer_gone" "peer gone: {}" "The other process ended or hung up.";
    SHUTTING_DOWN(17) "shutting_down" "shutting down: {}" "The peer announced its end and takes no new calls.";
    CANCELLED(18) "cancelled" "operation cancelled" "The caller cancelled.";
    RESOURCE_EXHAUSTED(19) "resource_exhausted" "resource exhausted: {}" "It does not fit now; it may later.";
    NATIVE(20) "native" "native call failed: {}" "A hosted native library failed.";
    HANDLER_ERROR(21) "handler_error" "handler error: {}" "The handler returned an application error.";
    NOT_IMPLEMENTED(22) "not_implemented" "not implemented: {}" "The peer knows the request but does not implement it.";
    PROTOCOL(23) "protocol" "protocol violation: {}" "A header, frame or reference is malformed; the session ends.";
    STALE_WARN(64) "stale_warn" "still running after {} ms" "Progress of a long call; never a terminal outcome.";
    UNKNOWN(99) "unknown" "unknown error: {}" "Anything that fits no other row.";
}

impl Code {
    /// The row of this code, if this build knows it.
    pub fn info(self) -> Option<&'static CodeInfo> {
        CODES.iter().find(|row| row.value == self.0)
    }

    /// True for [`Code::OK`].
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(row) => f.write_str(row.text),
            None => write!(f, "error_{}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(row) => write!(f, "{}({})", row.name, self.0),
            None => write!(f, "Code({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_ascend_and_names_match_texts() {
        for pair in CODES.windows(2) {
            assert!(pair[0].value < pair[1].value, "{}", pair[1].name);
        }
        for row in CODES {
            assert_eq!(row.name.to_lowercase(), row.text);
        }
    }

    #[test]
    fn stable_values_of_ffi_bridge_are_kept() {
        let texts: Vec<_> = (0..=8).map(|value| Code(value).to_string()).collect();
        assert_eq!(
            texts,
            [
                "ok",
                "null_pointer",
                "buffer_too_small",
                "invalid_utf8",
                "serialization",
                "panic",
                "timeout",
                "not_found",
                "lock_poisoned"
            ]
        );
        assert_eq!(Code(99).to_string(), "unknown");
        assert_eq!(Code(24).to_string(), "error_24");
    }
}
