//! What a handler is given.

use outrigger_layout::Codec;

/// One request: a private copy of what the client sent, valid for the call.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    value: Option<&'a [u8]>,
    codec: Codec,
}

impl<'a> Request<'a> {
    pub(crate) fn new(value: Option<&'a [u8]>, codec: Codec) -> Self {
        Self { value, codec }
    }

    /// The value; `None` if the client sent none, which differs from an empty one.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The value's bytes, none for no value.
    pub fn bytes(&self) -> &'a [u8] {
        self.value.unwrap_or_default()
    }

    /// How the value is encoded; one of [`Handler::codecs`](crate::Handler::codecs).
    pub fn codec(&self) -> Codec {
        self.codec
    }
}
