//! A request's value on its way to its handler, and where it is read.

use outrigger_layout::Error;
use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::message::ARCHIVE_ALIGN;
use rkyv::util::AlignedVec;

use crate::context::Peer;
use crate::lease::Lease;

/// Room for the payload of a slot, aligned for the archives in it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub(crate) struct SlotPayload(pub(crate) [u8; INLINE_MAX as usize]);

impl Default for SlotPayload {
    fn default() -> Self {
        Self([0; INLINE_MAX as usize])
    }
}

const _: () = assert!(align_of::<SlotPayload>() >= ARCHIVE_ALIGN);

/// A request's value, on its way to a worker.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "boxing would allocate on the call path"
)]
pub(crate) enum Body {
    None,
    Inline(SlotPayload, usize),
    /// A held buffer; offset and length of the bytes meant.
    Buffer(Lease, u64, u64),
}

impl Body {
    /// The private copy of the value; that of a buffer is made in `memory`. A client
    /// that is trusted has it read in place.
    pub(crate) fn read<'a>(
        &'a self,
        memory: &'a mut AlignedVec,
        client: Peer,
    ) -> Result<Option<&'a [u8]>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Inline(bytes, len) => Ok(Some(&bytes.0[..*len])),
            Self::Buffer(lease, offset, len) if client.in_place => {
                lease.held(*offset, *len).map(Some)
            }
            Self::Buffer(lease, offset, len) => {
                let len = *len as usize;
                if memory.len() < len {
                    memory.resize(len, 0);
                }
                let copy = &mut memory[..len];
                let copied = lease.mapping.copy_out(*offset, copy);
                copied.map_err(Error::protocol)?;
                Ok(Some(&*copy))
            }
        }
    }
}
