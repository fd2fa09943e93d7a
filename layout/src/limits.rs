//! The bounds of ABI version 1. Each is a fact of the ABI; what a server
//! grants within them is announced in WELCOME.

crate::numbers! {
    /// Bounds that both sides may rely on.
    pub mod abi as Limit: u64 {
        /// the ABI version this build speaks
        ABI_VERSION = 1;
        /// bytes of one cache-line pair: words of different writers or rates keep this distance
        LINE = 128;
        /// bytes of a page; the first page of each segment holds its header
        PAGE = 4096;
        /// bytes from one slot to the next in request and reply rings
        SLOT_STRIDE = 256;
        /// bytes from one slot to the next in grant and return rings
        OWNERSHIP_STRIDE = 64;
        /// bytes of payload that fit beside a header in a request or reply slot
        INLINE_MAX = 224;
        /// largest payload of one message, prefixes excluded
        PAYLOAD_MAX = 1_073_741_824;
        /// most levels of pointers in an rkyv archive, as rkyv counts them
        ARCHIVE_DEPTH_MAX = 64;
        /// most slots in one ring; every capacity is zero or a power of two
        RING_CAPACITY_MAX = 65_536;
        /// most lanes of one session
        LANES_MAX = 16;
        /// deepest nesting of calls; outside calls have depth 0
        DEPTH_MAX = 8;
        /// number of depths: credits are counted for each
        DEPTHS = 9;
        /// most calls in flight on one lane at one depth
        CREDITS_MAX = 4_096;
        /// slots of a request ring per credit: call, its cancel, a stale cancel
        SLOTS_PER_CREDIT = 3;
        /// most bytes of a method name
        METHOD_NAME_MAX = 255;
        /// most methods that one session can bind
        METHODS_MAX = 4_096;
        /// most bytes of a frame on the control socket, header included
        FRAME_MAX = 4_096;
        /// most attachments of one message
        ATTACHMENTS_MAX = 4;
        /// most buffers of one message: its value's and its attachments'
        BUFFERS_MAX = 5;
        /// most buffers that a client may have granted or lent at a time
        CLIENT_BUFFERS_MAX = 4_096;
        /// alignment in bytes of each buffer in an extent
        BUFFER_ALIGN = 64;
        /// smallest buffer of an extent in bytes; sizes are powers of two
        BUFFER_MIN = 4_096;
        /// bytes of the version text in WELCOME
        VERSION_TEXT = 32;
    }
}

pub use abi::*;
