//! The head of a segment: what it is and whose it is.

use crate::describe::{Described, StructInfo};
use crate::pod;

/// First word of each segment: the bytes `OUTRIGSG`, read as little-endian.
pub const SEGMENT_MAGIC: u64 = u64::from_le_bytes(*b"OUTRIGSG");

crate::numbers! {
    /// Which process writes a segment or an extent.
    pub mod side as Side: u32 {
        /// the server writes, the client maps it read-only
        SERVER = 1;
        /// the client writes, the server maps it read-only
        CLIENT = 2;
    }
}

pod! {
    /// First bytes of each segment. Its writer fills it before the peer looks:
    /// the server before it sends the fd, the client before it sends READY.
    /// The server never reads the client's; it is there for tools.
    pub struct SegmentHeader [64] {
        /// `SEGMENT_MAGIC`
        pub magic: u64,
        /// ABI version of the session
        pub abi_version: u32,
        /// who writes this segment, a value of `Side`
        pub side: u32,
        /// the session's epoch, never reused by a server instance
        pub epoch: u64,
        /// bytes of the segment, a multiple of the page size
        pub length: u64,
        /// offset of the first RingDescriptor; 0 in the client segment
        pub rings_offset: u32,
        /// number of RingDescriptors; 0 in the client segment
        pub ring_count: u32,
        /// hash of the shared layout, `LAYOUT_HASH`
        pub layout_hash: u64,
        /// zero
        pub reserved: [u64; 2],
    }
}

/// A hash (FNV-1a, 64 bits) over the names, offsets and sizes of all structs
/// that lie in shared memory: two builds of one ABI version whose layouts
/// differ refuse each other with VERSION_MISMATCH.
pub const LAYOUT_HASH: u64 = {
    let mut hash = FNV_OFFSET;
    hash = hash_struct(hash, &SegmentHeader::INFO);
    hash = hash_struct(hash, &crate::ring::RingDescriptor::INFO);
    hash = hash_struct(hash, &crate::ring::ConsumerControl::INFO);
    hash = hash_struct(hash, &crate::slot::SlotHeader::INFO);
    hash = hash_struct(hash, &crate::slot::TraceContext::INFO);
    hash = hash_struct(hash, &crate::buffer::BufferTable::INFO);
    hash = hash_struct(hash, &crate::buffer::BufferRef::INFO);
    hash
};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

const fn hash_struct(mut hash: u64, info: &StructInfo) -> u64 {
    hash = hash_text(hash, info.name);
    hash = hash_number(hash, info.size as u64);
    let mut index = 0;
    while index < info.fields.len() {
        let field = &info.fields[index];
        hash = hash_text(hash, field.name);
        hash = hash_number(hash, field.offset as u64);
        hash = hash_number(hash, field.size as u64);
        index += 1;
    }
    hash
}

const fn hash_text(mut hash: u64, text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(FNV_PRIME);
        index += 1;
    }
    hash
}

const fn hash_number(hash: u64, number: u64) -> u64 {
    (hash ^ number).wrapping_mul(FNV_PRIME)
}
