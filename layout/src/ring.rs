//! Where the rings lie and what each is for.

use crate::limits;
use crate::pod;
use crate::segment::side;

crate::numbers! {
    /// The rings of ABI version 1. A ring that a session does not have is
    /// listed with capacity 0.
    pub mod kind as Ring: u16 {
        /// client to server, one per lane: CALL, CANCEL, ITEM, END, ITEM_CREDIT
        REQUEST = 1;
        /// server to client, one per lane: REPLY, PROGRESS, ITEM, END, ITEM_CREDIT
        REPLY = 2;
        /// server to client: HOST_CALL, HOST_CANCEL, EFFECT
        CALLBACK = 3;
        /// client to server: ANSWER, RESOLVE
        ANSWER = 4;
        /// server to client: EVENT
        EVENT = 5;
        /// server to client: GRANT, RECALL, REFUSED
        GRANT = 6;
        /// client to server: ALLOC, RETURN
        RETURN = 7;
    }
}

/// Who produces into rings of this kind (a value of [`side`]), or `None` for a
/// number that is no ring kind.
pub const fn producer_side(ring: u16) -> Option<u32> {
    match ring {
        kind::REQUEST | kind::ANSWER | kind::RETURN => Some(side::CLIENT),
        kind::REPLY | kind::CALLBACK | kind::EVENT | kind::GRANT => Some(side::SERVER),
        _ => None,
    }
}

pod! {
    /// Where one ring lies. The table of these stands in the server segment
    /// and is complete before its fd is sent.
    pub struct RingDescriptor [32] {
        /// which ring, a value of `Ring`
        pub kind: u16,
        /// lane it belongs to; 0 for rings that a session has once
        pub lane: u16,
        /// slots: 0 (ring absent) or a power of two up to `RING_CAPACITY_MAX`
        pub capacity: u32,
        /// bytes from one slot to the next: 64, 128 or 256
        pub stride: u32,
        /// zero
        pub reserved: u32,
        /// offset of slot 0 in the producer's segment, a multiple of `LINE`
        pub slots_offset: u64,
        /// offset of the ConsumerControl in the consumer's segment, a multiple of `LINE`
        pub control_offset: u64,
    }
}

pod! {
    /// The words that a ring's consumer writes, in the consumer's own segment.
    /// Each stands alone on its line.
    pub struct ConsumerControl [256] {
        /// position up to which the consumer is done; a lazy backstop, published at
        /// least every quarter of the capacity and before sleeping
        pub position: u64,
        /// zero
        pub reserved_position: [u64; 15],
        /// event index: the position whose publication shall ring the doorbell
        pub event_index: u64,
        /// zero
        pub reserved_event: [u64; 15],
    }
}

const _: () = assert!(core::mem::offset_of!(ConsumerControl, event_index) as u64 == limits::LINE);

impl RingDescriptor {
    /// Checks everything about the descriptor that can be wrong.
    ///
    /// # Errors
    /// Says which field was seen with which value, and what is allowed.
    pub fn check(&self, producer_len: u64, consumer_len: u64) -> Result<(), String> {
        if producer_side(self.kind).is_none() {
            return Err(format!("ring kind {} (allowed: 1 to 7)", self.kind));
        }
        if self.capacity == 0 {
            return Ok(());
        }
        let capacity = u64::from(self.capacity);
        if !capacity.is_power_of_two() || capacity > limits::RING_CAPACITY_MAX {
            let max = limits::RING_CAPACITY_MAX;
            return Err(format!(
                "ring capacity {capacity} (allowed: powers of two up to {max})"
            ));
        }
        if !matches!(self.stride, 64 | 128 | 256) {
            return Err(format!(
                "slot stride {} (allowed: 64, 128, 256)",
                self.stride
            ));
        }
        let slots_len = capacity * u64::from(self.stride);
        check_span("slots", self.slots_offset, slots_len, producer_len)?;
        let control_len = size_of::<ConsumerControl>() as u64;
        check_span(
            "control words",
            self.control_offset,
            control_len,
            consumer_len,
        )
    }
}

fn check_span(what: &str, offset: u64, len: u64, available: u64) -> Result<(), String> {
    let in_bounds = offset.checked_add(len).is_some_and(|end| end <= available);
    if !in_bounds || !offset.is_multiple_of(limits::LINE) || offset < limits::PAGE {
        let (line, page) = (limits::LINE, limits::PAGE);
        return Err(format!(
            "{what} at {offset} of {len} bytes \
             (allowed: multiples of {line} from {page} to {available})"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: RingDescriptor = RingDescriptor {
        kind: kind::REQUEST,
        lane: 0,
        capacity: 4,
        stride: 64,
        reserved: 0,
        slots_offset: 4096,
        control_offset: 4096 + 256,
    };

    /// What `check` says about it between segments of 4096 + 256 and + 512 bytes.
    fn refusal(descriptor: RingDescriptor) -> String {
        descriptor.check(4096 + 256, 4096 + 512).unwrap_err()
    }

    #[test]
    fn a_descriptor_that_fits_to_the_byte_is_accepted() {
        assert_eq!(SOUND.check(4096 + 256, 4096 + 512), Ok(()));
        let absent = RingDescriptor {
            capacity: 0,
            ..bytemuck::Zeroable::zeroed()
        };
        assert_eq!(
            RingDescriptor {
                kind: kind::EVENT,
                ..absent
            }
            .check(0, 0),
            Ok(())
        );
    }

    #[test]
    fn a_descriptor_out_of_range_is_refused_by_field() {
        let kind = refusal(RingDescriptor { kind: 8, ..SOUND });
        assert_eq!(kind, "ring kind 8 (allowed: 1 to 7)");
        let capacity = refusal(RingDescriptor {
            capacity: 6,
            ..SOUND
        });
        assert_eq!(
            capacity,
            "ring capacity 6 (allowed: powers of two up to 65536)"
        );
        let capacity = refusal(RingDescriptor {
            capacity: 1 << 17,
            ..SOUND
        });
        assert_eq!(
            capacity,
            "ring capacity 131072 (allowed: powers of two up to 65536)"
        );
        let stride = refusal(RingDescriptor {
            stride: 32,
            ..SOUND
        });
        assert_eq!(stride, "slot stride 32 (allowed: 64, 128, 256)");
        let allowed = "(allowed: multiples of 128 from 4096 to 4352)";
        for offset in [0, 4095, 4100, 4096 + 128, u64::MAX - 127] {
            let slots = refusal(RingDescriptor {
                slots_offset: offset,
                ..SOUND
            });
            assert_eq!(slots, format!("slots at {offset} of 256 bytes {allowed}"));
        }
        assert!(SOUND.check(4096 + 255, 4096 + 512).is_err());
        let control = SOUND.check(4096 + 256, 4096 + 511).unwrap_err();
        assert!(
            control.starts_with("control words at 4352 of 256 bytes"),
            "{control}"
        );
    }
}
