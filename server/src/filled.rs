//! The buffers of the reply arena that one answer has: its value's, its attachments'.
//!
//! ```text
//!   Reply::buffer, message ─▶ the value ─┐
//!   Reply::attach ─▶ the attachments ────┴─▶ filled ── published ─▶ lent
//!                                              └────── dropped ───▶ free
//! ```

use outrigger_layout::Error;
use outrigger_layout::buffer::{ATTACHMENTS, BUFFERS, BufferRef, BufferTable};
use outrigger_layout::limits::INLINE_MAX;

use crate::lease::Lease;
use crate::session::Session;

/// One value or attachment.
#[derive(Debug)]
struct Part {
    /// None if it has no bytes.
    lease: Option<Lease>,
    len: u64,
    is_value: bool,
}

/// The buffers of one answer. A worker uses it for one answer after the other.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    parts: Vec<Part>,
    /// Empty but while buffers are taken.
    leases: Vec<Lease>,
}

/// A table of buffers as a slot has it.
pub(crate) struct Prefix {
    bytes: [u8; PREFIX_MAX],
    len: usize,
}

const PREFIX_MAX: usize = size_of::<BufferTable>() + BUFFERS * size_of::<BufferRef>();

impl Filled {
    /// Forgets what a job has left that ended by a panic of this crate's own: it may be
    /// another session's. It goes with that.
    pub(crate) fn clear(&mut self) {
        self.parts.clear();
        self.leases.clear();
    }

    /// True if the answer has no buffers, and nothing attached.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes that a value may have beside them in the slot.
    pub(crate) fn room(&self) -> usize {
        let prefix = match self.parts.len() {
            0 => 0,
            count => size_of::<BufferTable>() + count * size_of::<BufferRef>(),
        };
        INLINE_MAX as usize - prefix
    }

    /// Takes a buffer for the value, and hands out its bytes.
    ///
    /// # Errors
    /// As [`Arena::fill`](crate::session::Arena::fill); nothing is left then.
    pub(crate) fn add_value(
        &mut self,
        session: &Session,
        len: u64,
        deadline_ns: u64,
    ) -> Result<&mut [u8], Error> {
        let at = self.add_or_none(session, &[len], deadline_ns)?;
        self.parts[at].is_value = true;
        Ok(self.parts[at].bytes())
    }

    /// Takes buffers for attachments, and hands out their bytes.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if there are more than a message can have, or than this session
    /// may; BUFFER_TOO_SMALL beyond its payload limit; as
    /// [`Arena::fill`](crate::session::Arena::fill). Nothing is left then.
    pub(crate) fn attach(
        &mut self,
        session: &Session,
        lens: &[usize],
        deadline_ns: u64,
    ) -> Result<impl Iterator<Item = &mut [u8]>, Error> {
        let before = self.parts.iter().filter(|part| !part.is_value).count();
        let attached = before + lens.len();
        if attached > ATTACHMENTS {
            let text = format!("{attached} attachments (maximum {ATTACHMENTS})");
            self.discard(session);
            return Err(Error::invalid_argument(text));
        }
        let max = session.limits().payload_max;
        if let Some(len) = lens.iter().find(|len| **len as u64 > max) {
            self.discard(session);
            return Err(Error::buffer_too_small(*len as u64, max));
        }
        let mut list = [0; ATTACHMENTS];
        for (into, len) in list.iter_mut().zip(lens) {
            *into = *len as u64;
        }
        let at = self.add_or_none(session, &list[..lens.len()], deadline_ns)?;
        Ok(self.parts[at..].iter_mut().map(Part::bytes))
    }

    /// Frees the buffer of the value.
    pub(crate) fn discard_value(&mut self, session: &Session) {
        if let Some(at) = self.parts.iter().position(|part| part.is_value)
            && let Some(lease) = self.parts.remove(at).lease
        {
            session.arena().free(session, &lease);
        }
    }

    /// Frees everything.
    pub(crate) fn discard(&mut self, session: &Session) {
        for lease in self.parts.drain(..).filter_map(|part| part.lease) {
            session.arena().free(session, &lease);
        }
    }

    /// Lends everything to the client, right before the answer is published that has
    /// this table. Nothing is left here.
    pub(crate) fn lend(&mut self, session: &Session) -> Prefix {
        // The value comes first.
        self.parts.sort_by_key(|part| !part.is_value);
        let count = self.parts.len();
        let attachments = self.parts.iter().filter(|part| !part.is_value).count();
        let table = BufferTable::new(count, attachments);
        let mut prefix = Prefix {
            bytes: [0; PREFIX_MAX],
            len: 0,
        };
        prefix.push(bytemuck::bytes_of(&table));
        for part in self.parts.drain(..) {
            let reference = part.lease.map_or(BufferRef::EMPTY, |lease| {
                session.arena().lend(&lease);
                BufferRef {
                    length: part.len,
                    ..lease.reference
                }
            });
            prefix.push(bytemuck::bytes_of(&reference));
        }
        prefix
    }

    /// Adds parts of these lengths; gives the place of the first. On an error all are gone.
    fn add_or_none(
        &mut self,
        session: &Session,
        lens: &[u64],
        deadline_ns: u64,
    ) -> Result<usize, Error> {
        let added = self.add(session, lens, deadline_ns);
        added.inspect_err(|_| self.discard(session))
    }

    /// Adds parts of these lengths; gives the place of the first. Those of no bytes have
    /// no buffer.
    fn add(&mut self, session: &Session, lens: &[u64], deadline_ns: u64) -> Result<usize, Error> {
        let at = self.parts.len();
        let max = usize::from(session.limits().buffers_max);
        let filled = self.parts.iter().map(|part| &part.len).chain(lens);
        let count = filled.filter(|len| **len > 0).count();
        if count > max {
            let text = format!("{count} buffers of one answer (maximum {max})");
            return Err(Error::invalid_argument(text));
        }
        let part = |len: &u64| Part {
            lease: None,
            len: *len,
            is_value: false,
        };
        self.parts.extend(lens.iter().map(part));
        self.fill(session, deadline_ns)?;
        Ok(at)
    }

    /// Takes a buffer for each part that has none yet.
    ///
    /// Nobody waits for buffers while he has some, as he for whom they could be waiting
    /// may wait for his. What has been written is copied to private memory before.
    fn fill(&mut self, session: &Session, deadline_ns: u64) -> Result<(), Error> {
        let wanted = |part: &Part| part.lease.is_none() && part.len > 0;
        let has_some = self.parts.iter().any(|part| part.lease.is_some());
        let mut lens = Lens::default();
        lens.extend(self.parts.iter().filter(|part| wanted(part)));
        if has_some && !session.arena().try_fill(lens.get(), &mut self.leases) {
            return self.fill_anew(session, deadline_ns);
        }
        if !has_some && !lens.get().is_empty() {
            session
                .arena()
                .fill(session, lens.get(), deadline_ns, &mut self.leases)?;
        }
        let mut leases = self.leases.drain(..);
        for part in self.parts.iter_mut().filter(|part| wanted(part)) {
            part.lease = leases.next();
        }
        Ok(())
    }

    /// Puts down what there is, and takes buffers for all parts together.
    #[cold]
    fn fill_anew(&mut self, session: &Session, deadline_ns: u64) -> Result<(), Error> {
        let copy = |part: &mut Part| part.lease.is_some().then(|| part.bytes().to_vec());
        let copies: Vec<Option<Vec<u8>>> = self.parts.iter_mut().map(copy).collect();
        for lease in self.parts.iter_mut().filter_map(|part| part.lease.take()) {
            session.arena().free(session, &lease);
        }
        self.fill(session, deadline_ns)?;
        for (part, copy) in self.parts.iter_mut().zip(copies) {
            if let Some(copy) = copy {
                part.bytes().copy_from_slice(&copy);
            }
        }
        Ok(())
    }
}

impl Part {
    fn bytes(&mut self) -> &mut [u8] {
        let len = self.len;
        self.lease
            .as_mut()
            .map_or(&mut [], |lease| lease.filled_mut(len))
    }
}

/// The lengths of some parts.
#[derive(Default)]
struct Lens {
    list: [u64; BUFFERS],
    count: usize,
}

impl Lens {
    fn extend<'a>(&mut self, parts: impl Iterator<Item = &'a Part>) {
        for part in parts {
            self.list[self.count] = part.len;
            self.count += 1;
        }
    }

    fn get(&self) -> &[u64] {
        &self.list[..self.count]
    }
}

impl Prefix {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
