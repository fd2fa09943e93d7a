//! Where a message's value stands behind the prefixes that its flags announce.
//! The payload is a private copy of bytes that a client wrote.

use outrigger_layout::Error;
use outrigger_layout::buffer::{BufferRef, BufferTable};
use outrigger_layout::slot::{SlotHeader, TraceContext, flag};

/// Where the value of a request is. Small enough for a register: it is made and
/// handed on for each call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// There is none.
    None,
    /// These bytes of the payload.
    Inline { start: u32, len: u32 },
    /// These bytes of the payload, or the first buffer of the table; and the attachments.
    Buffers(Table),
}

/// Where the references of a table of buffers are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    references_at: u16,
    count: u8,
    attachments: u8,
    payload_len: u16,
}

impl Value {
    /// The whole payload: that of a request without flags.
    #[inline]
    pub(super) fn whole(payload_len: u32) -> Self {
        let (start, len) = (0, payload_len);
        Self::Inline { start, len }
    }

    /// Walks the prefixes of a request's payload.
    ///
    /// # Errors
    /// PROTOCOL if flags and length contradict each other: a violation.
    #[cold]
    pub(super) fn find(header: &SlotHeader, payload: &[u8]) -> Result<Self, Error> {
        let mut at = 0;
        if header.flags & flag::DETAIL != 0 {
            return Err(Error::protocol("flag DETAIL in a CALL"));
        }
        if header.flags & flag::TRACE != 0 {
            at += size_of::<TraceContext>();
            if payload.len() < at {
                let len = payload.len();
                let text = format!("trace context in {len} bytes (needed: {at})");
                return Err(Error::protocol(text));
            }
        }
        if header.flags & flag::NO_VALUE != 0 {
            return exactly(payload, at).map(|()| Self::None);
        }
        if header.flags & flag::BUFFERS == 0 {
            let (start, len) = (at as u32, (payload.len() - at) as u32);
            return Ok(Self::Inline { start, len });
        }
        let table_end = at + size_of::<BufferTable>();
        if payload.len() < table_end {
            let len = payload.len();
            let text = format!("buffer table in {len} bytes (needed: {table_end})");
            return Err(Error::protocol(text));
        }
        let table: BufferTable = read(&payload[at..table_end], "buffer table")?;
        table.check().map_err(Error::protocol)?;
        let end = table_end + table.count as usize * size_of::<BufferRef>();
        if table.has_value() {
            exactly(payload, end)?;
        } else if payload.len() < end {
            let len = payload.len();
            let text = format!("buffer references in {len} bytes (needed: {end})");
            return Err(Error::protocol(text));
        }
        Ok(Self::Buffers(Table {
            references_at: table_end as u16,
            count: table.count as u8,
            attachments: table.attachments as u8,
            payload_len: payload.len() as u16,
        }))
    }

    /// The bytes of a value that is in the payload.
    #[inline]
    pub(super) fn inline<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        match *self {
            Self::Inline { start, len } => {
                let (start, len) = (start as usize, len as usize);
                Some(&payload[start..start + len])
            }
            Self::Buffers(table) if !table.has_value() => {
                let start = table.references_at as usize
                    + usize::from(table.count) * size_of::<BufferRef>();
                Some(&payload[start..table.payload_len.into()])
            }
            _ => None,
        }
    }

    /// The table of a message with buffers.
    #[inline]
    pub(super) fn table(&self) -> Option<&Table> {
        match self {
            Self::Buffers(table) => Some(table),
            _ => None,
        }
    }
}

impl Table {
    /// True if the value is in the first buffer.
    pub(super) fn has_value(&self) -> bool {
        self.attachments < self.count
    }

    /// How many attachments there are.
    pub(super) fn attachments(&self) -> u8 {
        self.attachments
    }

    /// What the client named: the value's buffer, if it has one, then the attachments.
    pub(super) fn references(&self, payload: &[u8]) -> impl Iterator<Item = BufferRef> {
        let start = usize::from(self.references_at);
        let end = start + usize::from(self.count) * size_of::<BufferRef>();
        let references = payload[start..end].chunks_exact(size_of::<BufferRef>());
        references.map(bytemuck::pod_read_unaligned)
    }
}

/// Reads a payload that is one struct.
///
/// # Errors
/// PROTOCOL if it has another length: a violation.
pub(super) fn read<T: bytemuck::AnyBitPattern>(payload: &[u8], what: &str) -> Result<T, Error> {
    bytemuck::try_pod_read_unaligned(payload).map_err(|_| {
        let (seen, wanted) = (payload.len(), size_of::<T>());
        let text = format!("{what} with a payload of {seen} bytes (allowed: {wanted})");
        Error::protocol(text)
    })
}

fn exactly(payload: &[u8], len: usize) -> Result<(), Error> {
    if payload.len() != len {
        let seen = payload.len();
        let text = format!("payload length {seen} (its flags announce {len})");
        return Err(Error::protocol(text));
    }
    Ok(())
}
