//! What is called, with what.

use std::time::Instant;

use outrigger_layout::Codec;
use outrigger_layout::slot::{SlotHeader, flag, kind};

use crate::binding::Fingerprint;
use crate::clock::Clock;

/// One request, borrowed from its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) codec: Codec,
    pub(crate) deadline: Option<Instant>,
}

impl Request<'_> {
    /// Bytes of the value; 0 for none.
    pub(crate) fn len(&self) -> usize {
        self.value.map_or(0, <[u8]>::len)
    }

    /// The header of its CALL, with the value in a buffer or inline.
    pub(crate) fn header(
        &self,
        method: u16,
        correlation: u64,
        in_buffer: bool,
        clock: Clock,
    ) -> SlotHeader {
        let flags = match self.value {
            None => flag::NO_VALUE,
            Some(_) if in_buffer => flag::BUFFERS,
            Some(_) => 0,
        };
        SlotHeader {
            kind: kind::CALL,
            flags,
            method,
            correlation,
            codec: self.codec.0,
            deadline: clock.to_server(self.deadline),
            ..bytemuck::Zeroable::zeroed()
        }
    }
}
