//! Extents, and the buffers that they are cut into: one memfd each, buffers of one
//! size, a power of two.

use std::sync::Arc;

use outrigger_layout::buffer::BufferRef;
use outrigger_layout::limits::BUFFER_MIN;
use outrigger_ringbuf::Mapping;

use crate::lease::Lease;

/// Most buffers of one extent.
const EXTENT_BUFFERS_MAX: u64 = 16;
/// Aimed-at size of an extent in bytes; larger buffers get one of their own.
const EXTENT_BYTES: u64 = 1 << 20;

/// Who may do what with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody anything.
    Free,
    /// The client may write.
    Granted,
    /// The server reads.
    Held,
    /// The server writes.
    Filled,
    /// The client may read.
    Lent,
}

/// How many states there are.
pub(super) const STATES: usize = 5;

#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) state: State,
    pub(super) generation: u32,
    /// Granted ahead of need, and not used since.
    pub(super) in_stock: bool,
    /// When it was lent.
    pub(super) lent_ns: u64,
}

#[derive(Debug)]
pub(super) struct Extent {
    pub(super) side: u32,
    pub(super) buffer_len: u64,
    pub(super) mapping: Arc<Mapping>,
    pub(super) buffers: Vec<Buffer>,
    pub(super) free: Vec<u32>,
    /// The peer has acknowledged the mapping; only then is it handed out.
    pub(super) mapped: bool,
    /// The peer was asked to unmap it.
    pub(super) dropping: bool,
    /// Ticks since it became empty.
    pub(super) empty_ticks: u32,
}

impl Extent {
    /// An extent of free buffers that the peer has still to map.
    pub(super) fn new(plan: &Plan, mapping: Arc<Mapping>) -> Self {
        let buffer = |_| Buffer {
            state: State::Free,
            generation: 1,
            in_stock: false,
            lent_ns: 0,
        };
        Self {
            side: plan.side,
            buffer_len: plan.buffer_len,
            mapping,
            buffers: (0..plan.buffer_count).map(buffer).collect(),
            free: (0..plan.buffer_count).rev().collect(),
            mapped: false,
            dropping: false,
            empty_ticks: 0,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.buffer_len * self.buffers.len() as u64
    }

    /// True if it could be dropped now.
    pub(super) fn is_idle(&self) -> bool {
        self.mapped && !self.dropping && self.free.len() == self.buffers.len()
    }

    /// True if a buffer can be taken from it.
    pub(super) fn is_ready(&self) -> bool {
        self.mapped && !self.dropping && !self.free.is_empty()
    }

    /// One of its buffers, as this process holds it.
    pub(super) fn lease(&self, id: u32, index: u32) -> Lease {
        let reference = BufferRef {
            extent: id,
            index,
            generation: self.buffers[index as usize].generation,
            reserved: 0,
            offset: u64::from(index) * self.buffer_len,
            length: self.buffer_len,
        };
        Lease {
            reference,
            mapping: Arc::clone(&self.mapping),
        }
    }
}

/// The extent that must be made before an allocation can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Who will write it.
    pub(crate) side: u32,
    /// Bytes of each buffer.
    pub(crate) buffer_len: u64,
    /// How many buffers.
    pub(crate) buffer_count: u32,
}

impl Plan {
    /// The extent for buffers of at least `len` bytes.
    pub(super) fn new(side: u32, len: u64) -> Self {
        let buffer_len = len.max(BUFFER_MIN).next_power_of_two();
        let buffer_count = (EXTENT_BYTES / buffer_len).clamp(1, EXTENT_BUFFERS_MAX) as u32;
        Self {
            side,
            buffer_len,
            buffer_count,
        }
    }

    /// Bytes of the whole extent.
    pub(crate) fn bytes(&self) -> u64 {
        self.buffer_len * u64::from(self.buffer_count)
    }
}
