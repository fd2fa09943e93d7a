//! Memory of this process for values that fit in a slot: used again and again, so that
//! none is allocated per call.

use std::sync::Mutex;

use outrigger_layout::limits::INLINE_MAX;
use outrigger_ringbuf::Mapping;

use crate::lock::lock;

/// Most pieces that are kept.
const SPARES_MAX: usize = 64;

/// Pieces of [`INLINE_MAX`] bytes that nobody uses.
#[derive(Debug)]
pub(crate) struct Spares {
    list: Mutex<Vec<Mapping>>,
}

impl Spares {
    pub(crate) fn new() -> Self {
        Self {
            list: Mutex::new(Vec::with_capacity(SPARES_MAX)),
        }
    }

    /// A piece; its content is whatever it was used for.
    pub(crate) fn take(&self) -> Mapping {
        let spare = lock(&self.list).pop();
        spare.unwrap_or_else(|| Mapping::heap(INLINE_MAX as usize))
    }

    /// Keeps a piece, if it is one and there are few.
    pub(crate) fn put(&self, mapping: Mapping) {
        let mut list = lock(&self.list);
        if mapping.len() == INLINE_MAX && list.len() < SPARES_MAX {
            list.push(mapping);
        }
    }
}
