//! What a call does with buffers before it is sent.
//!
//! ```text
//!   named already ─────────────────────────┐
//!   in stock, all that is wanted ── copy ──┼─▶ CALL
//!   put down what there is ─▶ ALLOC ─ GRANT ─ copy ─┘
//! ```

use bytemuck::bytes_of;
use outrigger_layout::Error;
use outrigger_layout::buffer::{BUFFERS, BufferRef, BufferTable};
use outrigger_layout::limits::INLINE_MAX;

use crate::buffer::Buffer;
use crate::flight::{Flight, Stage};
use crate::leases::Leases;
use crate::record::Phase;
use crate::session::Seat;
use crate::waiter::Wait;

const NAMES_MAX: usize = size_of::<BufferTable>() + BUFFERS * size_of::<BufferRef>();

/// What of a request's buffers stands in its slot.
struct Content {
    /// A table of buffers.
    names: [u8; NAMES_MAX],
    names_len: usize,
    /// A value that is in none of them.
    value: [u8; INLINE_MAX as usize],
    value_len: usize,
}

impl Flight<'_> {
    /// With a credit in hand: sends a CALL that has buffers, or asks for them.
    pub(crate) fn board_with_buffers(
        &mut self,
        method: u16,
        record: usize,
    ) -> Result<Stage, Error> {
        let correlation = self.session.record(record).begin(record, Phase::Held);
        let seat = Seat {
            record,
            correlation,
        };
        let stage = self.send_or_ask(method, seat);
        stage.inspect_err(|_| self.session.abandon(seat))
    }

    /// Preconditions: the record is Held. On an error it is so still.
    fn send_or_ask(&mut self, method: u16, seat: Seat) -> Result<Stage, Error> {
        let inline_max = self.session.lane_of(seat.record).inline_max();
        let wanted = self.request.wanted(inline_max);
        if wanted.lens().is_empty() {
            return self.send_in_buffers(method, seat, Leases::default());
        }
        if let Some(leases) = self.session.take_stock(&wanted) {
            return self.send_in_buffers(method, seat, leases);
        }
        // Nobody waits for a buffer while he has another.
        self.request.parcel.put_down(self.session);
        self.session.ask(seat, self.request.wanted(inline_max))?;
        Ok(Stage::Grant { method, seat })
    }

    /// With the buffers in hand: sends the CALL.
    pub(crate) fn use_grants(
        &mut self,
        method: u16,
        seat: Seat,
        wait: Wait<'_>,
    ) -> Result<Option<Stage>, Error> {
        let record = self.session.record(seat.record);
        let is_there = record.poll(wait);
        // In any case: what nobody looked at for long may have come before the end, and
        // the ring's memory may be another session's some seconds after that.
        self.session.check_open()?;
        if !is_there {
            return Ok(None);
        }
        let leases = record.take_grants()?;
        self.send_in_buffers(method, seat, leases).map(Some)
    }

    /// Puts everything in its place and publishes the CALL. What was not sent goes back
    /// with its buffer.
    ///
    /// Preconditions: the record is Held, and the buffers are those that are wanted.
    fn send_in_buffers(&mut self, method: u16, seat: Seat, leases: Leases) -> Result<Stage, Error> {
        let inline_max = self.session.lane_of(seat.record).inline_max();
        let borrowed = self.request.fill(self.session, leases, inline_max);
        let content = self.content(borrowed.as_ref());
        let (correlation, clock) = (seat.correlation, self.session.terms.clock);
        let in_buffers = content.names_len > 0;
        let header = self.request.header(method, correlation, in_buffers, clock);
        let value = match borrowed {
            None if self.request.parcel.value().is_none() => self.request.value,
            _ => Some(&content.value[..content.value_len]),
        };
        let parts = [
            &content.names[..content.names_len],
            value.unwrap_or_default(),
        ];
        let record = self.session.record(seat.record);
        record.send(self.request.codec);
        if let Err(error) = self.session.publish(seat.record, &header, &parts) {
            record.hold();
            return Err(error);
        }
        if let Some(borrowed) = borrowed {
            borrowed.sent();
        }
        self.request.parcel.sent();
        let on_worker = in_buffers;
        Ok(Stage::Reply { seat, on_worker })
    }

    /// What stands in the slot.
    fn content(&self, borrowed: Option<&Buffer>) -> Content {
        let parcel = &self.request.parcel;
        let mut content = Content {
            names: [0; NAMES_MAX],
            names_len: 0,
            value: [0; INLINE_MAX as usize],
            value_len: 0,
        };
        let value = borrowed.or(parcel.value());
        let named = value.filter(|value| value.can_be_named());
        let attachments = parcel.attachments();
        let count = attachments.len() + usize::from(named.is_some());
        if count > 0 {
            content.name(bytes_of(&BufferTable::new(count, attachments.len())));
        }
        for buffer in named.into_iter().chain(attachments) {
            content.name(bytes_of(&buffer.reference()));
        }
        if let (None, Some(value)) = (named, value) {
            content.value_len = value.len();
            value.read(&mut content.value[..value.len()]);
        }
        content
    }
}

impl Content {
    fn name(&mut self, bytes: &[u8]) {
        let end = self.names_len + bytes.len();
        self.names[self.names_len..end].copy_from_slice(bytes);
        self.names_len = end;
    }
}
