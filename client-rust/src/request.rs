//! What is called, with what.

use std::sync::Arc;
use std::time::Instant;

use outrigger_layout::Codec;
use outrigger_layout::buffer::{BufferRef, BufferTable};
use outrigger_layout::slot::{SlotHeader, flag, kind};

use crate::binding::Fingerprint;
use crate::buffer::Buffer;
use crate::clock::Clock;
use crate::leases::Leases;
use crate::parcel::Parcel;
use crate::session::Session;
use crate::wanted::Wanted;

/// One request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) fingerprint: Fingerprint,
    /// The value, borrowed from its caller, unless it is in the parcel.
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) parcel: Parcel,
    pub(crate) codec: Codec,
    pub(crate) deadline: Option<Instant>,
}

impl Request<'_> {
    /// Bytes of the value; 0 for none.
    pub(crate) fn len(&self) -> usize {
        match self.parcel.value() {
            Some(value) => value.len(),
            None => self.value.map_or(0, <[u8]>::len),
        }
    }

    /// True if all of it fits in a slot with so many bytes of payload.
    pub(crate) fn is_small(&self, inline_max: usize) -> bool {
        self.parcel.is_empty() && self.value.map_or(0, <[u8]>::len) <= inline_max
    }

    /// The buffers that it needs besides those that it has.
    pub(crate) fn wanted(&self, inline_max: usize) -> Wanted {
        let mut wanted = Wanted::default();
        if self.must_move_value(inline_max) {
            wanted.push(self.len());
        }
        self.parcel.want(&mut wanted);
        wanted
    }

    /// Moves what needs buffers into these. Gives that of a borrowed value.
    ///
    /// Preconditions: the buffers are those that are wanted.
    pub(crate) fn fill(
        &mut self,
        session: &Arc<Session>,
        leases: Leases,
        inline_max: usize,
    ) -> Option<Buffer> {
        let mut leases = leases.into_iter().flatten();
        let mut borrowed = None;
        if self.must_move_value(inline_max) {
            match (self.parcel.value(), leases.next()) {
                (Some(_), Some(lease)) => self.parcel.move_value(session, lease),
                (None, Some(lease)) => {
                    let value = self.value.unwrap_or_default();
                    lease.write(value);
                    session.counters.copied_in.add(value.len() as u64);
                    borrowed = Some(Buffer::filled(session, lease, value.len()));
                }
                (_, None) => unreachable!("it was wanted"),
            }
        }
        self.parcel.fill(session, leases);
        borrowed
    }

    /// True if the value is in no buffer that a request can name, and needs one.
    fn must_move_value(&self, inline_max: usize) -> bool {
        let is_named = self.parcel.value().is_some_and(Buffer::can_be_named);
        !is_named && self.len() > self.room(inline_max)
    }

    /// Bytes that a value may have in the slot, beside the names of the attachments.
    fn room(&self, inline_max: usize) -> usize {
        let prefix = match self.parcel.attachments().len() {
            0 => 0,
            count => size_of::<BufferTable>() + count * size_of::<BufferRef>(),
        };
        inline_max - prefix
    }

    /// The header of its CALL, with buffers or without.
    pub(crate) fn header(
        &self,
        method: u16,
        correlation: u64,
        in_buffers: bool,
        clock: Clock,
    ) -> SlotHeader {
        // Beside attachments there is always a value.
        let flags = match self.value {
            _ if in_buffers => flag::BUFFERS,
            None if self.parcel.value().is_none() => flag::NO_VALUE,
            _ => 0,
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
