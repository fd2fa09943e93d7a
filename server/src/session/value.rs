//! Where a message's value stands behind the prefixes that its flags announce.
//! The payload is a private copy of bytes that a client wrote.

use outrigger_layout::Error;
use outrigger_layout::buffer::{BufferRef, BufferTable};
use outrigger_layout::limits::BUFFERS_MAX;
use outrigger_layout::slot::{SlotHeader, TraceContext, flag};

/// Where the value of a request is. Small enough for a register: it is made and
/// handed on for each call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// There is none.
    None,
    /// These bytes of the payload.
    Inline { start: u32, len: u32 },
    /// A buffer of the client segment, whose reference is here in the payload.
    Buffer { reference_at: u32 },
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
        let end = table_end + size_of::<BufferRef>();
        exactly(payload, end)?;
        let table: BufferTable = read(&payload[at..table_end], "buffer table")?;
        if u64::from(table.count) != BUFFERS_MAX {
            let count = table.count;
            let text = format!("{count} buffers in a table (allowed: {BUFFERS_MAX})");
            return Err(Error::protocol(text));
        }
        let reference_at = table_end as u32;
        Ok(Self::Buffer { reference_at })
    }

    /// The bytes of a value that is in the payload.
    #[inline]
    pub(super) fn inline<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        match *self {
            Self::Inline { start, len } => {
                let (start, len) = (start as usize, len as usize);
                Some(&payload[start..start + len])
            }
            _ => None,
        }
    }

    /// The reference of a value that is in a buffer.
    pub(super) fn reference(&self, payload: &[u8]) -> Option<BufferRef> {
        match *self {
            Self::Buffer { reference_at } => {
                let start = reference_at as usize;
                let bytes = &payload[start..start + size_of::<BufferRef>()];
                Some(bytemuck::pod_read_unaligned(bytes))
            }
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
