//! Frames on the control socket.
//!
//! A session begins with three frames whose first 32 bytes are frozen for
//! ever, whatever the ABI version: HELLO, then WELCOME or REFUSED. All later
//! frames of ABI version 1 begin with a [`ControlHeader`].
//!
//! ```text
//!   client                                 server
//!     | -- HELLO ---------------------------> |  uid checked first
//!     | <-------------- WELCOME + 4 fds ----- |  or REFUSED, then hang-up
//!     |  checks seals and sizes, maps         |
//!     | -- READY ---------------------------> |  session is live
//!     | -- BIND name -----------------------> |  once per method
//!     | <----------------------- BOUND id --- |
//! ```

use crate::pod;

/// First eight bytes of HELLO, WELCOME and REFUSED: `OUTRIGGR`.
pub const FRAME_MAGIC: u64 = u64::from_le_bytes(*b"OUTRIGGR");

crate::numbers! {
    /// Values of the handshake prefix's `kind`.
    pub mod handshake as Handshake: u32 {
        /// client to server, first frame
        HELLO = 1;
        /// server to client, with the fds
        WELCOME = 2;
        /// server to client, instead of WELCOME; the server then hangs up
        REFUSED = 3;
    }
}

crate::numbers! {
    /// The fds that travel with WELCOME, in this order, by SCM_RIGHTS.
    pub mod fds as Fd: u32 {
        /// memfd of the server segment; map it read-only
        SERVER_SEGMENT = 0;
        /// memfd of the client segment; map it read-write
        CLIENT_SEGMENT = 1;
        /// read end of the pipe by which the server wakes the client
        CLIENT_BELL = 2;
        /// eventfd by which the client wakes the server
        SERVER_BELL = 3;
        /// how many fds WELCOME carries
        COUNT = 4;
    }
}

crate::numbers! {
    /// Values of the control header's `kind`.
    pub mod control as Control: u16 {
        /// client: segments are mapped; token = epoch
        READY = 1;
        /// client: give me an id for a method; body BindBody and the name
        BIND = 2;
        /// server: answer to BIND of the same token; body BoundBody, or the message if
        /// code is not 0
        BOUND = 3;
        /// server: a new extent; token = extent id, body ExtentBody, one fd
        EXTENT = 4;
        /// client: the extent of this token is mapped (code 0) or could not be
        EXTENT_MAPPED = 5;
        /// server: the extent of this token is empty; unmap it
        EXTENT_DROP = 6;
        /// client: the extent of this token is unmapped
        EXTENT_DROPPED = 7;
        /// server: publish no new calls; the body is a message
        GOAWAY = 8;
        /// client: answer to GOAWAY; body: final request position of each lane, u64 each
        GOAWAY_ACK = 9;
        /// either: the session ends, why is in code and the message that is the body;
        /// hang-up follows
        BYE = 10;
    }
}

pod! {
    /// First 32 bytes of HELLO, WELCOME and REFUSED. Frozen for ever.
    pub struct HandshakePrefix [32] {
        /// `FRAME_MAGIC`
        pub magic: u64,
        /// bytes of the whole frame, this prefix included; at most `FRAME_MAX`
        pub length: u32,
        /// what the frame is, a value of `Handshake`
        pub kind: u32,
        /// lowest ABI version the sender speaks
        pub abi_min: u32,
        /// highest ABI version the sender speaks; in WELCOME both are the one picked
        pub abi_max: u32,
        /// HELLO: features offered; WELCOME: features picked. Unknown bits are ignored
        pub features: u64,
    }
}

pod! {
    /// HELLO of ABI version 1. A longer HELLO of a later client is accepted
    /// and its surplus ignored.
    pub struct Hello [64] {
        /// the frozen prefix
        pub prefix: HandshakePrefix,
        /// the client's CLOCK_MONOTONIC in nanoseconds, sampled as it sends
        pub clock_ns: u64,
        /// lanes wanted; 0 leaves it to the server
        pub lanes: u16,
        /// zero, refused otherwise
        pub reserved: [u16; 3],
        /// zero, refused otherwise
        pub reserved_tail: [u64; 2],
    }
}

pod! {
    /// WELCOME of ABI version 1. Four fds travel with its first byte.
    pub struct Welcome [160] {
        /// the frozen prefix
        pub prefix: HandshakePrefix,
        /// the session's epoch; never reused by a server instance, never 0
        pub epoch: u64,
        /// the server's CLOCK_MONOTONIC in nanoseconds, sampled as it sends
        pub clock_ns: u64,
        /// bytes of the server segment
        pub server_segment_len: u64,
        /// bytes of the client segment
        pub client_segment_len: u64,
        /// largest payload of one message in bytes, at most `PAYLOAD_MAX`
        pub payload_max: u64,
        /// hash of the shared layout; must equal the client's own
        pub layout_hash: u64,
        /// lanes granted, 1 to `LANES_MAX`
        pub lanes: u16,
        /// calls in flight allowed on each lane, for each depth; 0 = none
        pub call_credits: [u16; 9],
        /// methods that this session may bind
        pub methods_max: u16,
        /// buffers that the client may have granted and lent at a time, together; 1 to
        /// `CLIENT_BUFFERS_MAX`
        pub buffers_max: u16,
        /// zero
        pub reserved: [u16; 4],
        /// version of the server's crate as ASCII, padded with zeros
        pub version: [u8; 32],
        /// zero
        pub reserved_tail: [u64; 2],
    }
}

pod! {
    /// REFUSED: the prefix (with the server's ABI range), this, then the
    /// message in UTF-8 up to the frame's end.
    pub struct Refused [40] {
        /// the frozen prefix
        pub prefix: HandshakePrefix,
        /// why, a value of `Code`
        pub code: u16,
        /// zero
        pub reserved: [u16; 3],
    }
}

pod! {
    /// First bytes of each frame after the handshake.
    pub struct ControlHeader [16] {
        /// what the frame is, a value of `Control`
        pub kind: u16,
        /// outcome, a value of `Code`; 0 where none is meant
        pub code: u16,
        /// bytes of body behind this header; header and body at most `FRAME_MAX`
        pub length: u32,
        /// ties an answer to its question; else as `Control` says
        pub token: u64,
    }
}

pod! {
    /// Body of BIND; the method's name in UTF-8 follows up to the body's end.
    pub struct BindBody [16] {
        /// fingerprint of request and reply schema; all zero = untyped
        pub fingerprint: [u8; 16],
    }
}

pod! {
    /// Body of BOUND.
    pub struct BoundBody [8] {
        /// the method id for slot headers, 1 and up, never reused in a session
        pub method: u16,
        /// zero
        pub reserved: [u16; 3],
    }
}

pod! {
    /// Body of EXTENT: a memfd of buffers of one size, back to back.
    pub struct ExtentBody [32] {
        /// who writes it, a value of `Side`
        pub side: u32,
        /// buffers in it
        pub buffer_count: u32,
        /// bytes of each buffer, a power of two
        pub buffer_len: u64,
        /// bytes of the extent: `buffer_count * buffer_len`, a multiple of the page size
        pub length: u64,
        /// zero
        pub reserved: u64,
    }
}
