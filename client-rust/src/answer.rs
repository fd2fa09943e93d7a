//! What a REPLY says: read out of its slot and checked.
//!
//! ```text
//!   slot  [ header | TRACE | BUFFERS, references | DETAIL | value … ]
//!                              └─▶ leases           at ─┘
//! ```
//!
//! All of it was written by the server and may be anything: each prefix is copied once,
//! and the copy is checked.

use bytemuck::Pod;
use outrigger_layout::buffer::{BufferRef, BufferTable};
use outrigger_layout::segment::side;
use outrigger_layout::slot::{DetailPrefix, SlotHeader, TraceContext, flag};
use outrigger_layout::{Code, Codec};
use outrigger_ringbuf::{Consumer, RingView};

use crate::lease::Lease;
use crate::leases::Leases;
use crate::record::named_twice;
use crate::session::Session;

/// A REPLY, checked. What is inline lies in the record, then with the caller; and so do
/// the attachments.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Outcome.
    pub(crate) code: Code,
    /// Encoding of the value.
    pub(crate) codec: Codec,
    /// Where value or message are.
    pub(crate) place: Place,
    /// Bytes of the message, if a typed detail stands behind it.
    pub(crate) message_len: Option<usize>,
    /// How many attachments there are.
    pub(crate) attachments: usize,
}

/// Where the value of an answer is; or the message, if its code is not 0.
#[derive(Debug)]
pub(crate) enum Place {
    /// There is none.
    Nowhere,
    /// In the record: that many bytes.
    Inline(usize),
    /// In a lent buffer.
    Lent(Lease),
}

/// What a REPLY says, and at which byte of the slot its value begins if it is inline.
/// Its attachments are added to `leases`.
pub(crate) fn answer_of(
    consumer: &Consumer<RingView>,
    header: &SlotHeader,
    session: &Session,
    leases: &mut Leases,
) -> Result<(Answer, usize), String> {
    let mut at = 0;
    if header.flags & flag::TRACE != 0 {
        let _: TraceContext = prefix(consumer, header, &mut at)?;
    }
    let (mut value, mut attachments) = (None, 0);
    if header.flags & flag::BUFFERS != 0 {
        let table: BufferTable = prefix(consumer, header, &mut at)?;
        table.check()?;
        attachments = table.attachments as usize;
        if attachments > 0 && header.code != Code::OK.0 {
            return Err(format!(
                "{attachments} attachments of an error (allowed: 0)"
            ));
        }
        if table.has_value() {
            let reference = prefix(consumer, header, &mut at)?;
            value = Some(session.extents.lease(&reference, side::SERVER)?);
        }
        for _ in 0..attachments {
            let reference = prefix(consumer, header, &mut at)?;
            let attached = attachment(&reference, value.as_ref(), leases, session)?;
            leases.push(attached);
        }
    }
    let mut message_len = None;
    if header.flags & flag::DETAIL != 0 {
        let detail: DetailPrefix = prefix(consumer, header, &mut at)?;
        message_len = Some(detail.message_len as usize);
    }
    let rest = u64::from(header.payload_len) - at as u64;
    let no_value = header.flags & flag::NO_VALUE != 0;
    if rest > 0 && (no_value || value.is_some()) {
        let flags = header.flags;
        return Err(format!(
            "{rest} bytes behind the prefixes of flags {flags:#04x} (allowed: 0)"
        ));
    }
    let len = value.as_ref().map_or(rest, Lease::len);
    if let Some(message_len) = message_len.filter(|seen| *seen as u64 > len) {
        return Err(format!("message length {message_len} (maximum {len})"));
    }
    let place = match value {
        _ if no_value => Place::Nowhere,
        Some(lease) => Place::Lent(lease),
        None => Place::Inline(len as usize),
    };
    let answer = Answer {
        code: Code(header.code),
        codec: Codec(header.codec),
        place,
        message_len,
        attachments,
    };
    Ok((answer, at))
}

/// The buffer of an attachment, if it has one: each for itself.
fn attachment(
    reference: &BufferRef,
    value: Option<&Lease>,
    others: &Leases,
    session: &Session,
) -> Result<Option<Lease>, String> {
    if reference.is_nothing() {
        return Ok(None);
    }
    let lease = session.extents.lease(reference, side::SERVER)?;
    if others.have(reference) || value.is_some_and(|value| value.is_same(reference)) {
        return Err(named_twice(reference, "a REPLY"));
    }
    Ok(Some(lease))
}

/// Copies the prefix at byte `at` of the payload, and moves on behind it.
pub(crate) fn prefix<T: Pod>(
    consumer: &Consumer<RingView>,
    header: &SlotHeader,
    at: &mut usize,
) -> Result<T, String> {
    let end = *at + size_of::<T>();
    if end > header.payload_len as usize {
        let seen = header.payload_len;
        return Err(format!("payload length {seen} (its prefixes need {end})"));
    }
    let mut value = T::zeroed();
    consumer.copy_payload(*at, bytemuck::bytes_of_mut(&mut value));
    *at = end;
    Ok(value)
}
