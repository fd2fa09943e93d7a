//! Where a message's value stands behind the prefixes that its flags announce.
//! The payload is a private copy of bytes that a client wrote.

use outrigger_layout::Error;
use outrigger_layout::buffer::{BufferRef, BufferTable};
use outrigger_layout::limits::BUFFERS_MAX;
use outrigger_layout::slot::{SlotHeader, TraceContext, flag};

/// The value of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// There is none.
    None,
    /// In the payload.
    Inline { start: usize, len: usize },
    /// In a buffer of the client segment.
    Buffer(BufferRef),
}

impl Value {
    /// Walks the prefixes of a request's payload.
    ///
    /// # Errors
    /// PROTOCOL if flags and length contradict each other: a violation.
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
            let len = payload.len() - at;
            return Ok(Self::Inline { start: at, len });
        }
        let table_end = at + size_of::<BufferTable>();
        let end = table_end + size_of::<BufferRef>();
        exactly(payload, end)?;
        let table: BufferTable = read(&payload[at..table_end], "buffer table")?;
        if u64::from(table.count) != BUFFERS_MAX {
            let count = table.count;
            let text = format!("{count} buffers in a table (allowed: {BUFFERS_MAX})");
            return Err(Error::protocol(text));
        }
        read(&payload[table_end..end], "buffer reference").map(Self::Buffer)
    }

    /// The bytes of a value that is in the payload.
    pub(super) fn inline<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        match *self {
            Self::Inline { start, len } => Some(&payload[start..start + len]),
            _ => None,
        }
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
