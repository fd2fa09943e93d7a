//! What becomes of the answer of a call: copied out, or left where the server wrote it.
//!
//! ```text
//!   in the record ─ copied ─▶ Vec, ArchiveMemory, Buffer       credit free
//!   lent ────────── copied ─▶ Vec, ArchiveMemory ── RETURN     credit free
//!    └───────────── kept ───▶ Buffer, Archive ── drop: RETURN
//! ```

use std::mem;
use std::sync::Arc;

use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::message::ArchiveMemory;
use outrigger_layout::{Code, Codec, Error};

use crate::answer::{Answer, Place};
use crate::buffer::Buffer;
use crate::flight::{Flight, Stage};
use crate::placed::PlacedReply;
use crate::record::Record;
use crate::session::Session;
use crate::storage::Storage;

/// Where a reply's archive is.
#[derive(Debug)]
pub(crate) enum ArchiveBytes {
    /// In memory of this process.
    Own(ArchiveMemory),
    /// Where the server wrote it, which it leaves alone.
    InPlace(Buffer),
}

/// The answer of a call that succeeded.
struct Landed {
    value: Value,
    codec: Codec,
    attachments: Vec<Buffer>,
}

enum Value {
    None,
    /// The inline bytes that were seen: so many.
    Inline(usize),
    Lent(Buffer),
}

impl Flight<'_> {
    /// Takes the answer; the value replaces the content of `into`. Attachments go back.
    ///
    /// # Errors
    /// The error that the server answered, with its message; `into` is as it was.
    ///
    /// Preconditions: the flight was polled until it was ready.
    pub(crate) fn finish(self, into: &mut impl Storage) -> Result<(Option<usize>, Codec), Error> {
        let session = self.session;
        let copy = |bytes: &[u8]| into.set_len(bytes.len()).copy_from_slice(bytes);
        let landed = self.land(false, copy)?;
        let len = match landed.value {
            Value::None => {
                into.set_len(0);
                None
            }
            Value::Inline(len) => Some(len),
            Value::Lent(buffer) => {
                copy_out(session, &buffer, into.set_len(buffer.len()));
                Some(buffer.len())
            }
        };
        Ok((len, landed.codec))
    }

    /// Takes the answer, and leaves all of it where the server wrote it.
    ///
    /// # Errors
    /// The error that the server answered, with its message.
    ///
    /// Preconditions: the flight was polled until it was ready.
    pub(crate) fn finish_placed(self) -> Result<PlacedReply, Error> {
        let session = self.session;
        let mut inline = [0; INLINE_MAX as usize];
        let copy = |bytes: &[u8]| inline[..bytes.len()].copy_from_slice(bytes);
        let landed = self.land(true, copy)?;
        let value = match landed.value {
            Value::None => None,
            Value::Inline(len) => Some(Buffer::holding(session, &inline[..len])),
            Value::Lent(buffer) => Some(buffer),
        };
        Ok(PlacedReply {
            value,
            attachments: landed.attachments,
        })
    }

    /// Takes the answer, whose value is an archive: in place, if the server is trusted.
    /// The attachments go back, unless they are to be kept.
    ///
    /// # Errors
    /// The error that the server answered, with its message.
    ///
    /// Preconditions: the flight was polled until it was ready.
    pub(crate) fn finish_archive(self, keep: bool) -> Result<(ArchiveBytes, Vec<Buffer>), Error> {
        let session = self.session;
        let mut own = ArchiveMemory::new();
        let landed = self.land(keep, |bytes| own.extend_from_slice(bytes))?;
        let bytes = match landed.value {
            Value::Lent(buffer) if session.in_place => ArchiveBytes::InPlace(buffer),
            Value::Lent(buffer) => {
                copy_out(session, &buffer, Storage::set_len(&mut own, buffer.len()));
                ArchiveBytes::Own(own)
            }
            Value::None | Value::Inline(_) => ArchiveBytes::Own(own),
        };
        Ok((bytes, landed.attachments))
    }

    /// Takes the answer and frees the credit. `inline` sees a value that was inline.
    fn land(mut self, keep: bool, inline: impl FnOnce(&[u8])) -> Result<Landed, Error> {
        let Stage::Reply { seat, .. } = mem::replace(&mut self.stage, Stage::Over) else {
            unreachable!("no answer is there");
        };
        let session = self.session;
        let record = session.record(seat.record);
        let (answer, refusal) = record.take_answer(|answer, bytes| {
            match answer.place {
                _ if !answer.code.is_ok() => return Some(bytes.to_vec()),
                Place::Inline(_) => inline(bytes),
                Place::Nowhere | Place::Lent(_) => {}
            }
            None
        });
        let attachments = match answer.attachments {
            0 => Vec::new(),
            _ => take_attachments(session, record, keep),
        };
        let Answer {
            code,
            codec,
            message_len,
            place,
            ..
        } = answer;
        let value = match place {
            Place::Nowhere => Value::None,
            Place::Inline(len) => Value::Inline(len),
            Place::Lent(lease) => Value::Lent(Buffer::lent(session, lease)),
        };
        // Who is woken is foreign code: everything has its owner by now.
        session.free(seat.record);
        if let Some(inline) = refusal {
            let words = match value {
                Value::Lent(words) => words.to_vec(),
                Value::None | Value::Inline(_) => inline,
            };
            return Err(error_of(code, &words, message_len));
        }
        Ok(Landed {
            value,
            codec,
            attachments,
        })
    }
}

/// The attachments of an answer, or none if they are not to be kept: then they go back.
fn take_attachments(session: &Arc<Session>, record: &Record, keep: bool) -> Vec<Buffer> {
    let leases = record.take_attachments();
    if !keep {
        session.give_all_back(leases);
        return Vec::new();
    }
    let attached = leases.into_iter().map(|lease| match lease {
        Some(lease) => Buffer::lent(session, lease),
        None => Buffer::nothing(),
    });
    attached.collect()
}

fn copy_out(session: &Session, buffer: &Buffer, into: &mut [u8]) {
    buffer.read(into);
    session.counters.copied_out.add(into.len() as u64);
}

/// The error of an answer, with the detail that may stand behind its message.
fn error_of(code: Code, words: &[u8], message_len: Option<usize>) -> Error {
    let (message, detail) = words.split_at(message_len.unwrap_or(words.len()));
    // A message that is not UTF-8 is shown with replacement characters: the code is
    // never lost to a bad text.
    let error = Error::new(code, String::from_utf8_lossy(message));
    match message_len {
        Some(_) => error.with_detail(detail.to_vec()),
        None => error,
    }
}
