//! One message: the slot header and the prefixes its flags announce.
//!
//! ```text
//!  0        4    5     6        8              16       20     22    23    24         32
//!  +--------+----+-----+--------+--------------+--------+------+-----+-----+----------+---------
//!  | lap    |kind|flags| method | correlation  | length | code |depth|codec| deadline | payload
//!  +--------+----+-----+--------+--------------+--------+------+-----+-----+----------+---------
//!  publication word: written last, with release; all else is copied once and then checked
//! ```
//!
//! The payload begins on the header's own cache line, so that a small call
//! moves one line each way.

use crate::limits;
use crate::pod;

pod! {
    /// Header of each slot, 32 bytes, payload right behind it.
    pub struct SlotHeader [32] {
        /// publication word: position / capacity + 1, modulo 2^32
        pub lap: u32,
        /// what the message is, a value of `Kind`
        pub kind: u8,
        /// which prefixes the payload has, bits of `Flag`
        pub flags: u8,
        /// method id that BOUND gave; 0 in kinds that name no method
        pub method: u16,
        /// ties an answer to its call; never reused in a session
        pub correlation: u64,
        /// bytes in this slot behind the header, prefixes included
        pub payload_len: u32,
        /// outcome, a value of `Code`; 0 in requests
        pub code: u16,
        /// nesting depth of the call, 0 to `DEPTH_MAX`
        pub depth: u8,
        /// encoding of the payload, a value of `Codec`
        pub codec: u8,
        /// CALL: absolute CLOCK_MONOTONIC nanoseconds of the server's clock, 0 = none.
        /// REPLY: position up to which the server has read this lane's request ring
        pub deadline: u64,
    }
}

pod! {
    /// Prefix announced by the flag TRACE: a W3C trace context in binary.
    pub struct TraceContext [32] {
        /// W3C trace-id, as sent
        pub trace_id: [u8; 16],
        /// W3C parent-id, as sent
        pub span_id: [u8; 8],
        /// W3C trace-flags
        pub trace_flags: u8,
        /// zero
        pub reserved: [u8; 7],
    }
}

pod! {
    /// Prefix announced by the flag DETAIL: where an error's message ends and
    /// the typed detail begins.
    pub struct DetailPrefix [16] {
        /// bytes of message behind this prefix; the rest is the detail
        pub message_len: u32,
        /// zero
        pub reserved: [u32; 3],
    }
}

crate::numbers! {
    /// Values of the slot header's `kind` byte.
    pub mod kind as Kind: u8 {
        /// a request that wants one terminal answer
        CALL = 1;
        /// the caller no longer waits for the call of this correlation
        CANCEL = 2;
        /// one item of a stream
        ITEM = 3;
        /// the end of a stream
        END = 4;
        /// room for more items
        ITEM_CREDIT = 5;
        /// the terminal answer of a CALL
        REPLY = 6;
        /// progress of a call, with code STALE_WARN
        PROGRESS = 7;
        /// a call from the server to a host function of the client
        HOST_CALL = 8;
        /// the server no longer waits for that host call
        HOST_CANCEL = 9;
        /// a parked request to the client
        EFFECT = 10;
        /// the terminal answer of a HOST_CALL
        ANSWER = 11;
        /// an answer to an EFFECT
        RESOLVE = 12;
        /// a one-way message to the client
        EVENT = 13;
        /// a buffer of the client segment that the client may write
        GRANT = 14;
        /// please return the grants in stock; without a payload
        RECALL = 15;
        /// the ALLOC of this correlation cannot be granted
        REFUSED = 16;
        /// please grant a buffer
        ALLOC = 17;
        /// the client is done with a lent or granted buffer
        RETURN = 18;
    }
}

crate::numbers! {
    /// Bits of the slot header's `flags` byte. TRACE, BUFFERS and DETAIL
    /// announce payload prefixes in this order.
    pub mod flag as Flag: u8 {
        /// a TraceContext stands first
        TRACE = 1;
        /// a BufferTable and its BufferRefs follow
        BUFFERS = 2;
        /// there is no value, which differs from a value of length 0
        NO_VALUE = 4;
        /// an error with a typed detail: a DetailPrefix follows
        DETAIL = 8;
    }
}

/// All flags that version 1 defines.
pub const FLAGS_ALL: u8 = flag::TRACE | flag::BUFFERS | flag::NO_VALUE | flag::DETAIL;

impl SlotHeader {
    /// The lap tag that publishes `position` in a ring of `1 << capacity_log2` slots.
    pub const fn lap_of(position: u64, capacity_log2: u32) -> u32 {
        ((position >> capacity_log2) as u32).wrapping_add(1)
    }

    /// Checks the fields whose range does not depend on the session's state.
    /// `inline_max` is the room behind the header.
    ///
    /// # Errors
    /// Says which field was seen with which value, and what is allowed.
    #[inline]
    pub fn check(&self, inline_max: u32) -> Result<(), String> {
        // The usual message; with flags there is more to check.
        let usual = self.flags == 0
            && self.kind.wrapping_sub(1) < kind::RETURN
            && self.payload_len <= inline_max
            && u64::from(self.depth) <= limits::DEPTH_MAX;
        if usual {
            Ok(())
        } else {
            self.check_each(inline_max)
        }
    }

    #[cold]
    fn check_each(&self, inline_max: u32) -> Result<(), String> {
        if self.kind == 0 || self.kind > kind::RETURN {
            return Err(format!(
                "slot kind {} (allowed: 1 to {})",
                self.kind,
                kind::RETURN
            ));
        }
        if self.flags & !FLAGS_ALL != 0 {
            return Err(format!(
                "slot flags {:#04x} (allowed: bits of {FLAGS_ALL:#04x})",
                self.flags
            ));
        }
        if self.payload_len > inline_max {
            return Err(format!(
                "payload length {} (maximum {inline_max})",
                self.payload_len
            ));
        }
        if u64::from(self.depth) > limits::DEPTH_MAX {
            return Err(format!(
                "depth {} (maximum {})",
                self.depth,
                limits::DEPTH_MAX
            ));
        }
        if self.code == 0 && self.flags & flag::DETAIL != 0 {
            return Err("flag DETAIL with code 0 (a success has no message)".to_owned());
        }
        if self.flags & flag::NO_VALUE != 0 && self.flags & (flag::BUFFERS | flag::DETAIL) != 0 {
            return Err(format!(
                "slot flags {:#04x} (NO_VALUE excludes BUFFERS and DETAIL)",
                self.flags
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_out_of_range_is_refused_by_field() {
        let sound = SlotHeader {
            kind: kind::CALL,
            payload_len: 224,
            depth: 8,
            ..bytemuck::Zeroable::zeroed()
        };
        assert_eq!(sound.check(224), Ok(()));
        let refusals = [
            (
                SlotHeader { kind: 0, ..sound },
                "slot kind 0 (allowed: 1 to 18)",
            ),
            (
                SlotHeader { kind: 19, ..sound },
                "slot kind 19 (allowed: 1 to 18)",
            ),
            (
                SlotHeader { flags: 16, ..sound },
                "slot flags 0x10 (allowed: bits of 0x0f)",
            ),
            (
                SlotHeader {
                    payload_len: 225,
                    ..sound
                },
                "payload length 225 (maximum 224)",
            ),
            (SlotHeader { depth: 9, ..sound }, "depth 9 (maximum 8)"),
            (
                SlotHeader {
                    flags: flag::DETAIL,
                    ..sound
                },
                "flag DETAIL with code 0 (a success has no message)",
            ),
            (
                SlotHeader {
                    flags: flag::NO_VALUE | flag::BUFFERS,
                    ..sound
                },
                "slot flags 0x06 (NO_VALUE excludes BUFFERS and DETAIL)",
            ),
        ];
        for (header, refusal) in refusals {
            assert_eq!(header.check(224), Err(refusal.to_owned()));
        }
    }
}
