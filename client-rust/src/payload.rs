//! What a call carries: bytes, or no value at all.

/// The payload of a request, borrowed. No value differs from a value of length 0.
///
/// ```
/// use outrigger_client::Payload;
/// assert_eq!(Payload::from("hello").value(), Some(&b"hello"[..]));
/// assert_eq!(Payload::from(b"").value(), Some(&b""[..]));
/// assert_eq!(Payload::NONE.value(), None);
/// assert_eq!(Payload::from(()), Payload::NONE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payload<'a> {
    value: Option<&'a [u8]>,
}

impl<'a> Payload<'a> {
    /// No value.
    pub const NONE: Self = Self { value: None };

    /// These bytes, possibly none of them.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { value: Some(bytes) }
    }

    /// The bytes, or `None` for no value.
    pub const fn value(self) -> Option<&'a [u8]> {
        self.value
    }
}

impl From<()> for Payload<'_> {
    fn from((): ()) -> Self {
        Self::NONE
    }
}

impl<'a> From<Option<&'a [u8]>> for Payload<'a> {
    fn from(value: Option<&'a [u8]>) -> Self {
        Self { value }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::new(bytes)
    }
}

impl<'a, const LEN: usize> From<&'a [u8; LEN]> for Payload<'a> {
    fn from(bytes: &'a [u8; LEN]) -> Self {
        Self::new(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(text: &'a String) -> Self {
        Self::new(text.as_bytes())
    }
}
