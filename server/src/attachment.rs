//! Bulk bytes beside a request's value.
//!
//! ```text
//!   CALL ─▶ [ value | attachment | attachment … ]     buffers of the client segment, held
//!                         ├─ chunks, copy_to     from private copies
//!                         └─ in_place            of a client that is trusted
//! ```

use core::fmt;

use outrigger_layout::Error;
use outrigger_layout::buffer::ATTACHMENTS;
use outrigger_ringbuf::Chunks;

use crate::lease::Lease;

/// A held buffer, and the bytes of it that are meant.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// Bytes that a client sent beside the value: opaque, and never parsed where they are, as
/// the client could still change them. They are read piece by piece, each from a private
/// copy, or copied out; they are valid for the call.
///
/// ```
/// use outrigger_server::{Context, Error, Handler, Reply, Request};
///
/// /// Answers with the sum of all bytes attached.
/// struct Sum;
///
/// impl Handler for Sum {
///     fn call(
///         &self,
///         _: &Context<'_>,
///         request: Request<'_>,
///         reply: &mut Reply<'_>,
///     ) -> Result<(), Error> {
///         let mut sum = 0_u64;
///         for attachment in request.attachments() {
///             let mut chunks = attachment.chunks();
///             while let Some(piece) = chunks.next_chunk() {
///                 sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
///             }
///         }
///         reply.set(&sum.to_le_bytes())
///     }
///
///     fn takes_attachments(&self) -> bool {
///         true
///     }
/// }
/// # outrigger_server::Registry::default().register("sum", Sum)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Default)]
pub struct Attachment {
    /// None if it has no bytes and no buffer.
    held: Option<Held>,
    in_place: bool,
}

/// The attachments of one request.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    list: [Attachment; ATTACHMENTS],
    count: usize,
}

impl Attachment {
    /// Bytes of it.
    pub fn len(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.len)
    }

    /// True if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, piece by piece; also as [`std::io::Read`] and [`std::io::BufRead`].
    pub fn chunks(&self) -> Chunks<'_> {
        match &self.held {
            Some(held) => {
                let chunks = held.lease.mapping.chunks(held.offset, held.len);
                chunks.expect("the ledger checked that they are in the buffer")
            }
            None => Chunks::empty(),
        }
    }

    /// Copies all of it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if `into` has another length; nothing is copied then.
    pub fn copy_to(&self, into: &mut [u8]) -> Result<(), Error> {
        if into.len() as u64 != self.len() {
            let (len, room) = (self.len(), into.len());
            let text = format!("an attachment of {len} bytes into {room} bytes");
            return Err(Error::invalid_argument(text));
        }
        match &self.held {
            Some(held) => {
                let copied = held.lease.mapping.copy_out(held.offset, into);
                copied.map_err(Error::protocol)
            }
            None => Ok(()),
        }
    }

    /// A copy of all of it.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut copy = vec![0; self.len() as usize];
        let copied = self.copy_to(&mut copy);
        copied.expect("it has this length");
        copy
    }

    /// Its bytes where the client wrote them, if the program has promised that this client
    /// leaves them alone: see
    /// [`Builder::trust_clients_in_place`](crate::Builder::trust_clients_in_place).
    pub fn in_place(&self) -> Option<&[u8]> {
        match &self.held {
            _ if !self.in_place => None,
            Some(held) => held.lease.held(held.offset, held.len).ok(),
            None => Some(&[]),
        }
    }
}

impl Attachments {
    /// Adds one; `None` for one without bytes.
    ///
    /// Preconditions: there are fewer than a table can name.
    pub(crate) fn push(&mut self, held: Option<Held>, in_place: bool) {
        self.list[self.count] = Attachment { held, in_place };
        self.count += 1;
    }

    pub(crate) fn as_slice(&self) -> &[Attachment] {
        &self.list[..self.count]
    }

    /// The buffers that they are in.
    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        let held = self.as_slice().iter().filter_map(|one| one.held.as_ref());
        held.map(|held| &held.lease)
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("len", &self.len())
            .field("in_place", &self.in_place)
            .finish()
    }
}
