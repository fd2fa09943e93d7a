//! References to buffers: payloads too large for a slot.

use crate::limits;
use crate::pod;

pod! {
    /// Prefix announced by the flag BUFFERS: how many BufferRefs follow.
    pub struct BufferTable [16] {
        /// BufferRefs behind this prefix, 1 to `BUFFERS_MAX`; the archive or payload first
        pub count: u32,
        /// zero
        pub reserved: [u32; 3],
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
    /// Payload of ALLOC: how large a buffer the client needs.
    pub struct AllocRequest [16] {
        /// bytes needed, 1 to the session's payload limit
        pub length: u64,
        /// zero
        pub reserved: u64,
    }
}

pod! {
    /// Payload of REFUSED: why an ALLOC cannot be granted, in numbers.
    pub struct Refusal [16] {
        /// bytes that were asked for
        pub needed: u64,
        /// bytes that could be granted now
        pub available: u64,
    }
}

const _: () = assert!(
    (size_of::<BufferTable>() + limits::BUFFERS_MAX as usize * size_of::<BufferRef>()) as u64
        <= limits::INLINE_MAX
);
