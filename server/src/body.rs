//! What a request carries on its way to its handler, and where it is read.

use outrigger_layout::Error;
use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::message::ARCHIVE_ALIGN;
use rkyv::util::AlignedVec;

use crate::attachment::{Attachments, Held};
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

/// What a request carries, on its way to a worker.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) value: Content,
    pub(crate) attachments: Attachments,
}

/// A request's value.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "boxing would allocate on the call path"
)]
pub(crate) enum Content {
    None,
    Inline(SlotPayload, usize),
    Buffer(Held),
}

impl Body {
    /// The private copy of the value; that of a buffer is made in `memory`. A client
    /// that is trusted has it read in place.
    pub(crate) fn read<'a>(
        &'a self,
        memory: &'a mut AlignedVec,
        client: Peer,
    ) -> Result<Option<&'a [u8]>, Error> {
        match &self.value {
            Content::None => Ok(None),
            Content::Inline(bytes, len) => Ok(Some(&bytes.0[..*len])),
            Content::Buffer(Held { lease, offset, len }) if client.in_place => {
                lease.held(*offset, *len).map(Some)
            }
            Content::Buffer(Held { lease, offset, len }) => {
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

    /// The buffers that it is in.
    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        let value = match &self.value {
            Content::Buffer(held) => Some(&held.lease),
            _ => None,
        };
        value.into_iter().chain(self.attachments.leases())
    }
}
