//! What is beside the messages of one call: what came with the request, and what goes with
//! the reply.
//!
//! ```text
//!   CALL ──▶ [ value | attachment … ] ──▶ requests
//!   REPLY ◀─ [ value | attachment … ] ◀── attach     filled where the client reads it
//! ```

use core::fmt;

use outrigger_layout::Error;

use crate::attachment::Attachment;
use crate::filled::Filled;
use crate::session::Session;

/// The attachments of one call: the last parameter of a service's method that takes some.
///
/// ```
/// use outrigger_server::{Attached, Error, Placement, Service};
///
/// #[outrigger::message]
/// pub struct Turned {
///     pub bytes: u64,
/// }
///
/// #[outrigger::service]
/// pub trait Images {
///     /// Turns each attached picture upside down.
///     fn turn(&self, attached: &mut Attached<'_>) -> Result<Turned, Error>;
/// }
///
/// struct Mirror;
///
/// impl Images for Mirror {
///     fn turn(&self, attached: &mut Attached<'_>) -> Result<Turned, Error> {
///         let mut bytes = 0;
///         for picture in attached.requests() {
///             let [turned] = attached.attach([picture.len() as usize])?;
///             picture.copy_to(turned)?;
///             turned.reverse();
///             bytes += picture.len();
///         }
///         Ok(Turned { bytes })
///     }
/// }
///
/// let turn = &ImagesServer::new(Mirror).handlers()[0];
/// assert!(turn.takes_attachments());
/// assert_eq!(turn.placement(), Placement::Pool);
/// ```
pub struct Attached<'a> {
    requests: &'a [Attachment],
    /// None if the reply can have none.
    reply: Option<Room<'a>>,
}

/// Where the attachments of a reply are kept until it is published.
struct Room<'a> {
    session: &'a Session,
    filled: &'a mut Filled,
    deadline_ns: u64,
}

impl<'a> Attached<'a> {
    /// Of a call whose reply can have no attachments.
    pub(crate) fn none() -> Self {
        Self {
            requests: &[],
            reply: None,
        }
    }

    /// Of a call whose reply has these buffers.
    pub(crate) fn filling(session: &'a Session, filled: &'a mut Filled, deadline_ns: u64) -> Self {
        Self {
            requests: &[],
            reply: Some(Room {
                session,
                filled,
                deadline_ns,
            }),
        }
    }

    /// With what came beside the request.
    pub(crate) fn with(self, requests: &'a [Attachment]) -> Self {
        Self { requests, ..self }
    }

    /// What the client sent beside the request: at most 4, in its order. They are valid for
    /// the call, whatever is attached to the reply meanwhile.
    pub fn requests(&self) -> &'a [Attachment] {
        self.requests
    }

    /// Attaches bytes to the reply, beside its value, and hands them out for writing: they
    /// are those that the client reads. Their content is unspecified until written. Buffers
    /// are had for all of these lengths, in bytes, or for none; a reply may have 4
    /// attachments, one of no bytes among them. More can be attached later, behind them;
    /// if memory is short, what was written is copied then.
    ///
    /// If the method fails they are not sent.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for too many of them; BUFFER_TOO_SMALL for one beyond the session's
    /// payload limit; RESOURCE_EXHAUSTED, TIMEOUT or PEER_GONE if no buffers could be had.
    /// What was attached before is gone then.
    pub fn attach<const N: usize>(&mut self, lens: [usize; N]) -> Result<[&mut [u8]; N], Error> {
        self.reborrow().into_array(lens)
    }

    /// As [`Attached::attach`] for a number of attachments that is not known before.
    /// Allocates the list of them.
    ///
    /// # Errors
    /// As `attach`.
    pub fn attach_all(&mut self, lens: &[usize]) -> Result<Vec<&mut [u8]>, Error> {
        self.reborrow().into_list(lens)
    }

    /// Whether the reply can have attachments.
    pub(crate) fn takes_more(&self) -> bool {
        self.reply.is_some()
    }

    /// As [`Attached::attach`], for as long as the reply is borrowed.
    pub(crate) fn into_array<const N: usize>(
        self,
        lens: [usize; N],
    ) -> Result<[&'a mut [u8]; N], Error> {
        let mut bytes = self.room()?.attach(&lens)?;
        Ok(core::array::from_fn(|_| bytes.next().unwrap_or_default()))
    }

    /// As [`Attached::attach_all`], for as long as the reply is borrowed.
    pub(crate) fn into_list(self, lens: &[usize]) -> Result<Vec<&'a mut [u8]>, Error> {
        Ok(self.room()?.attach(lens)?.collect())
    }

    fn reborrow(&mut self) -> Attached<'_> {
        let reply = self.reply.as_mut().map(|room| Room {
            filled: &mut *room.filled,
            ..*room
        });
        let requests = self.requests;
        Attached { requests, reply }
    }

    fn room(self) -> Result<Room<'a>, Error> {
        let text = "attach in a handler that does not take attachments";
        self.reply.ok_or_else(|| Error::invalid_argument(text))
    }
}

impl<'a> Room<'a> {
    fn attach(self, lens: &[usize]) -> Result<impl Iterator<Item = &'a mut [u8]>, Error> {
        self.filled.attach(self.session, lens, self.deadline_ns)
    }
}

impl fmt::Debug for Attached<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached")
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}
