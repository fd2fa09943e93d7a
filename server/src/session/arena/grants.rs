//! The grant ring: buffers for the client, asked for or not, and what it is asked to
//! give back.
//!
//! The ring has room for all that an honest client can leave unread; see
//! [`Geometry`](crate::session::Geometry). One that is full ends the session.

use std::sync::Mutex;

use outrigger_layout::buffer::{BufferRef, Refusal};
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{Producer, ReserveError, RingView};

use crate::lock::lock;
use crate::session::Session;

/// The writing end of the grant ring.
#[derive(Debug)]
pub(super) struct Grants {
    producer: Mutex<Producer<RingView>>,
}

impl Grants {
    pub(super) fn new(view: RingView) -> Self {
        Self {
            producer: Mutex::new(Producer::new(view)),
        }
    }

    /// Answers an ALLOC with a buffer.
    pub(super) fn grant(&self, session: &Session, correlation: u64, reference: &BufferRef) {
        let payload = bytemuck::bytes_of(reference);
        let pushed = self.push(kind::GRANT, Code::OK, correlation, payload);
        settle(session, pushed);
    }

    /// Answers an ALLOC without one.
    pub(super) fn refuse(
        &self,
        session: &Session,
        correlation: u64,
        code: Code,
        refusal: &Refusal,
    ) {
        let payload = bytemuck::bytes_of(refusal);
        settle(
            session,
            self.push(kind::REFUSED, code, correlation, payload),
        );
    }

    /// Grants a buffer ahead of need; false if the ring has no room for it.
    pub(super) fn stock(&self, session: &Session, reference: &BufferRef) -> bool {
        let pushed = self.push(kind::GRANT, Code::OK, 0, bytemuck::bytes_of(reference));
        let full = matches!(pushed, Err(ReserveError::Full { .. }));
        if !full {
            settle(session, pushed);
        }
        !full
    }

    /// Asks for what is in stock. Rings in any case: an idle client arms no ring.
    pub(super) fn recall(&self, session: &Session) {
        let pushed = self.push(kind::RECALL, Code::OK, 0, &[]);
        settle(session, pushed.map(|_| true));
    }

    fn push(
        &self,
        kind: u8,
        code: Code,
        correlation: u64,
        payload: &[u8],
    ) -> Result<bool, ReserveError> {
        let header = SlotHeader {
            kind,
            correlation,
            code: code.0,
            ..bytemuck::Zeroable::zeroed()
        };
        lock(&self.producer).push(&header, &[payload])
    }
}

/// Rings if the client must be woken; a ring that cannot be written ends the session.
fn settle(session: &Session, pushed: Result<bool, ReserveError>) {
    match pushed {
        Ok(true) => session.ring_client(),
        Ok(false) => {}
        Err(error) => session.end(Error::protocol(format!("grant ring: {error}"))),
    }
}
