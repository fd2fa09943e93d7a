//! What a call carries in buffers of its own: its value, perhaps, and attachments.
//!
//! ```text
//!   granted ──────────── named ─▶ CALL      as it is
//!   lent, small, put down ─ filled into a buffer that was granted for it
//!   no bytes ─────────── EMPTY ─▶ CALL
//! ```
//!
//! Nobody waits for a buffer, or for a credit, while he has some: he for whose sake they
//! are short may wait for those. What was granted is *put down* before, that is copied
//! to memory of this process and returned, and asked for anew together with the rest.

use std::cell::Cell;
use std::mem;
use std::sync::Arc;

use outrigger_layout::Error;
use outrigger_layout::buffer::ATTACHMENTS;

use crate::buffer::Buffer;
use crate::lease::Lease;
use crate::session::Session;
use crate::wanted::Wanted;

/// Most places of a list that is kept.
const KEPT_MAX: usize = 8;

thread_local! {
    /// The memory of a parcel that is gone, for the next one.
    static SPARE: Cell<Vec<Buffer>> = const { Cell::new(Vec::new()) };
}

/// The buffers of one call, its value's first.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    buffers: Vec<Buffer>,
    has_value: bool,
}

impl Parcel {
    /// With a value.
    pub(crate) fn of(value: Buffer) -> Self {
        let mut parcel = Self::default();
        parcel.attach(value);
        parcel.has_value = true;
        parcel
    }

    pub(crate) fn attach(&mut self, buffer: Buffer) {
        if self.buffers.capacity() == 0 {
            self.buffers = SPARE.try_with(Cell::take).unwrap_or_default();
        }
        self.buffers.push(buffer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    pub(crate) fn value(&self) -> Option<&Buffer> {
        self.buffers.first().filter(|_| self.has_value)
    }

    pub(crate) fn attachments(&self) -> &[Buffer] {
        &self.buffers[usize::from(self.has_value)..]
    }

    /// Checks that the session can take it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for too many, or what another session granted; BUFFER_TOO_SMALL
    /// beyond the payload limit.
    pub(crate) fn check(&self, session: &Arc<Session>) -> Result<(), Error> {
        let attachments = self.attachments().len();
        if attachments > ATTACHMENTS {
            let text = format!("{attachments} attachments (maximum {ATTACHMENTS})");
            return Err(Error::invalid_argument(text));
        }
        let payload_max = session.terms.payload_max;
        for buffer in &self.buffers {
            let len = buffer.len() as u64;
            if buffer.is_foreign(session) {
                return Err(Error::invalid_argument("a buffer of another Client"));
            }
            if len > payload_max {
                return Err(Error::buffer_too_small(len, payload_max));
            }
        }
        Ok(())
    }

    /// Adds what attachments need buffers that have none.
    pub(crate) fn want(&self, wanted: &mut Wanted) {
        let unnamed = self.attachments().iter().filter(|one| must_move(one));
        unnamed.for_each(|one| wanted.push(one.len()));
    }

    /// Moves the value into this buffer.
    ///
    /// Preconditions: there is a value.
    pub(crate) fn move_value(&mut self, session: &Arc<Session>, lease: Lease) {
        self.buffers[0].move_to(session, lease);
    }

    /// Moves the attachments that need buffers into these.
    ///
    /// Preconditions: the buffers are those that are wanted.
    pub(crate) fn fill(&mut self, session: &Arc<Session>, leases: impl Iterator<Item = Lease>) {
        let attachments = self.buffers[usize::from(self.has_value)..].iter_mut();
        let unnamed = attachments.filter(|one| must_move(one));
        for (one, lease) in unnamed.zip(leases) {
            one.move_to(session, lease);
        }
    }

    /// Puts down what was granted.
    pub(crate) fn put_down(&mut self, session: &Arc<Session>) {
        let granted = self.buffers.iter_mut().filter(|one| one.is_granted());
        granted.for_each(|one| one.put_down(session));
    }

    /// A request that names them was published: they are the server's now.
    pub(crate) fn sent(&mut self) {
        self.buffers.drain(..).for_each(Buffer::sent);
        self.has_value = false;
    }
}

/// True for an attachment that must be moved to a buffer.
fn must_move(one: &Buffer) -> bool {
    !one.is_empty() && !one.can_be_named()
}

impl Drop for Parcel {
    fn drop(&mut self) {
        let mut spare = mem::take(&mut self.buffers);
        spare.clear();
        if (1..=KEPT_MAX).contains(&spare.capacity()) {
            // At the end of a thread there is nothing to keep it for.
            let _ = SPARE.try_with(|kept| kept.set(spare));
        }
    }
}
