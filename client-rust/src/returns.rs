//! The return ring: asking for buffers and giving them back.

use std::sync::Mutex;

use bytemuck::bytes_of;
use outrigger_layout::Error;
use outrigger_layout::buffer::{AllocRequest, BufferRef};
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_ringbuf::{Producer, RingView};

use crate::lane::Unpublished;
use crate::lock::lock;

/// The writing end of the return ring.
#[derive(Debug)]
pub(crate) struct Returns {
    producer: Mutex<Producer<RingView>>,
}

impl Returns {
    pub(crate) fn new(view: RingView) -> Self {
        Self {
            producer: Mutex::new(Producer::new(view)),
        }
    }

    /// Asks for buffers of these lengths, all or none. Returns true if the server's
    /// bell must be rung.
    pub(crate) fn ask(&self, correlation: u64, lens: &[u64]) -> Result<bool, Unpublished> {
        let request = AllocRequest::of(lens);
        self.push(kind::ALLOC, correlation, bytes_of(&request))
    }

    /// Gives a buffer back. Returns true if the server's bell must be rung.
    pub(crate) fn give_back(&self, reference: &BufferRef) -> Result<bool, Unpublished> {
        self.push(kind::RETURN, 0, bytes_of(reference))
    }

    /// Positions published and read.
    ///
    /// # Errors
    /// PROTOCOL if the server claims an impossible position.
    pub(crate) fn positions(&self) -> Result<(u64, u64), Error> {
        let mut producer = lock(&self.producer);
        let consumed = producer.consumed().map_err(Error::protocol)?;
        Ok((producer.position(), consumed))
    }

    fn push(&self, kind: u8, correlation: u64, payload: &[u8]) -> Result<bool, Unpublished> {
        let header = SlotHeader {
            kind,
            correlation,
            ..bytemuck::Zeroable::zeroed()
        };
        Ok(lock(&self.producer).push(&header, &[payload])?)
    }
}
