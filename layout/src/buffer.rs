//! References to buffers: payloads too large for a slot.

use crate::limits;
use crate::pod;
use crate::slot::TraceContext;

pod! {
    /// Prefix announced by the flag BUFFERS: how many BufferRefs follow.
    pub struct BufferTable [16] {
        /// BufferRefs behind this prefix, 1 to `BUFFERS_MAX`; that of the value first
        pub count: u32,
        /// how many of them are attachments: all, or all but the first
        pub attachments: u32,
        /// zero
        pub reserved: [u32; 2],
    }
}

pod! {
    /// Names one buffer and the bytes of it that are meant.
    pub struct BufferRef [32] {
        /// extent that holds the buffer, as EXTENT announced it
        pub extent: u32,
        /// index of the buffer in its extent
        pub index: u32,
        /// generation of the buffer: a stale one is INVALID_HANDLE
        pub generation: u32,
        /// zero
        pub reserved: u32,
        /// offset in the extent of the first byte meant
        pub offset: u64,
        /// bytes meant; in GRANT the whole size of the buffer
        pub length: u64,
    }
}

pod! {
    /// Payload of ALLOC: how large the buffers are that the client needs, all of them or
    /// none.
    pub struct AllocRequest [32] {
        /// bytes needed of each, 1 to the session's payload limit; behind the last one,
        /// of at most `BUFFERS_MAX`, zeros
        pub lengths: [u32; 8],
    }
}

impl BufferTable {
    /// The table of a message with so many buffers, of which the last ones are its
    /// attachments.
    pub const fn new(count: usize, attachments: usize) -> Self {
        Self {
            count: count as u32,
            attachments: attachments as u32,
            reserved: [0; 2],
        }
    }

    /// Checks what a peer wrote.
    ///
    /// ```
    /// use outrigger_layout::buffer::BufferTable;
    /// assert!(BufferTable::new(3, 2).check().is_ok());
    /// let refusal = BufferTable::new(3, 1).check().unwrap_err();
    /// assert_eq!(refusal, "1 attachments of 3 buffers (allowed: all, or all but the value's)");
    /// ```
    ///
    /// # Errors
    /// Says what was seen and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let (count, attachments) = (self.count, self.attachments);
        if count == 0 || u64::from(count) > limits::BUFFERS_MAX {
            let max = limits::BUFFERS_MAX;
            return Err(format!("{count} buffers in a table (allowed: 1 to {max})"));
        }
        if u64::from(attachments) > limits::ATTACHMENTS_MAX {
            let max = limits::ATTACHMENTS_MAX;
            return Err(format!("{attachments} attachments (maximum {max})"));
        }
        if attachments != count && attachments + 1 != count {
            return Err(format!(
                "{attachments} attachments of {count} buffers (allowed: all, or all but the \
                 value's)"
            ));
        }
        Ok(())
    }

    /// True if the value is in the first of the buffers, else behind the table.
    pub const fn has_value(&self) -> bool {
        self.attachments < self.count
    }
}

impl BufferRef {
    /// The attachment of no bytes, which has no buffer.
    pub const EMPTY: Self = Self {
        extent: 0,
        index: 0,
        generation: 0,
        reserved: 0,
        offset: 0,
        length: 0,
    };

    /// True for an attachment of no bytes that has no buffer.
    pub const fn is_nothing(&self) -> bool {
        self.extent == 0 && self.length == 0
    }
}

impl AllocRequest {
    /// Asks for buffers of these lengths.
    ///
    /// ```
    /// use outrigger_layout::buffer::AllocRequest;
    /// assert_eq!(AllocRequest::of(&[4096, 70]).read(1 << 20), Ok((2, [4096, 70, 0, 0, 0])));
    /// ```
    ///
    /// # Panics
    /// Panics for more than `BUFFERS_MAX` of them: a defect of the caller.
    pub fn of(lengths: &[u64]) -> Self {
        assert!(lengths.len() <= BUFFERS, "{} buffers", lengths.len());
        let mut request = Self { lengths: [0; 8] };
        for (into, length) in request.lengths.iter_mut().zip(lengths) {
            *into = u32::try_from(*length).expect("a length up to PAYLOAD_MAX");
        }
        request
    }

    /// How many buffers a peer asks for, and their lengths.
    ///
    /// # Errors
    /// Says what was seen and what is allowed.
    pub fn read(&self, payload_max: u64) -> Result<(usize, [u64; BUFFERS]), String> {
        let mut lengths = [0; BUFFERS];
        let count = self.lengths.iter().take_while(|length| **length > 0);
        let count = count.count();
        if count == 0 || count > BUFFERS || self.lengths[count..].iter().any(|rest| *rest > 0) {
            return Err(format!(
                "ALLOC of {:?} bytes (allowed: 1 to {BUFFERS} lengths, then zeros)",
                self.lengths
            ));
        }
        for (into, length) in lengths.iter_mut().zip(&self.lengths[..count]) {
            *into = u64::from(*length);
            if *into > payload_max {
                return Err(format!(
                    "ALLOC of {length} bytes (allowed: 1 to {payload_max})"
                ));
            }
        }
        Ok((count, lengths))
    }
}

/// Most buffers of one message.
pub const BUFFERS: usize = limits::BUFFERS_MAX as usize;
/// Most attachments of one message.
pub const ATTACHMENTS: usize = limits::ATTACHMENTS_MAX as usize;

pod! {
    /// Payload of REFUSED: why an ALLOC cannot be granted, in numbers.
    pub struct Refusal [16] {
        /// bytes that were asked for
        pub needed: u64,
        /// bytes that could be granted now
        pub available: u64,
    }
}

// A trace context may stand before them.
const _: () = assert!(
    (size_of::<TraceContext>()
        + size_of::<BufferTable>()
        + limits::BUFFERS_MAX as usize * size_of::<BufferRef>()) as u64
        <= limits::INLINE_MAX
);
const _: () = assert!(limits::PAYLOAD_MAX <= u32::MAX as u64);
