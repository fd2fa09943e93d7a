//! What a handler is given.

use outrigger_layout::Codec;

use crate::attachment::Attachment;

/// One request: a private copy of the value that the client sent, and what is attached to
/// it, valid for the call.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    value: Option<&'a [u8]>,
    attachments: &'a [Attachment],
    codec: Codec,
}

impl<'a> Request<'a> {
    pub(crate) fn new(value: Option<&'a [u8]>, codec: Codec) -> Self {
        Self {
            value,
            attachments: &[],
            codec,
        }
    }

    pub(crate) fn with(self, attachments: &'a [Attachment]) -> Self {
        Self {
            attachments,
            ..self
        }
    }

    /// The value; `None` if the client sent none, which differs from an empty one.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The value's bytes, none for no value.
    pub fn bytes(&self) -> &'a [u8] {
        self.value.unwrap_or_default()
    }

    /// What the client sent beside the value: at most 4, and none if the handler does not
    /// [take attachments](crate::Handler::takes_attachments).
    pub fn attachments(&self) -> &'a [Attachment] {
        self.attachments
    }

    /// How the value is encoded; one of [`Handler::codecs`](crate::Handler::codecs).
    pub fn codec(&self) -> Codec {
        self.codec
    }
}
