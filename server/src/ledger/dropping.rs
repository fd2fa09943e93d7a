//! Giving extents up: those that stand empty, and those that make room for others.

use std::sync::Arc;

use outrigger_layout::Error;
use outrigger_ringbuf::Mapping;

use crate::ledger::extent::Extent;
use crate::ledger::{Ledger, index_of};

/// Bytes of empty extents that stay mapped for a while.
const KEPT_BYTES: u64 = 1 << 20;
/// Ticks after which an empty extent beyond those is dropped.
const EMPTY_TICKS: u32 = 2;
/// Ticks after which any empty extent is dropped.
pub(super) const KEPT_TICKS: u32 = 5;

impl Ledger {
    /// The peer has unmapped the extent. Returns its mapping, to be unmapped here where
    /// nobody waits for that.
    ///
    /// # Errors
    /// PROTOCOL if it was not asked to: a violation.
    pub(crate) fn dropped(&mut self, id: u32) -> Result<Arc<Mapping>, Error> {
        let dropping = self.extents.get(&id).filter(|extent| extent.dropping);
        if dropping.is_none() {
            return Err(Error::protocol(format!("extent {id} is not being dropped")));
        }
        let extent = self.extents.remove(&id).expect("it was there");
        self.usage.vanish(extent.buffers.len(), extent.buffer_len);
        self.unreserve(extent.side, extent.bytes());
        Ok(extent.mapping)
    }

    /// A tick of about a second passed: marks extents that have been empty for long as
    /// dropping, and names them.
    pub(crate) fn tick(&mut self) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut kept = 0;
        for (id, extent) in &mut self.extents {
            if !extent.is_idle() {
                extent.empty_ticks = 0;
                continue;
            }
            extent.empty_ticks += 1;
            let long = extent.empty_ticks >= EMPTY_TICKS && kept + extent.bytes() > KEPT_BYTES;
            if long || extent.empty_ticks >= KEPT_TICKS {
                extent.dropping = true;
                ids.push(*id);
            } else {
                kept += extent.bytes();
            }
        }
        ids
    }

    /// True if a later tick has something to do: an extent is empty, or a RECALL is due.
    pub(crate) fn needs_tick(&self) -> bool {
        self.stock.is_recallable() || self.extents.values().any(Extent::is_idle)
    }

    /// Marks empty extents of a side as dropping until so many bytes fit, and names them;
    /// those of the sizes that are `wanted` only if no other is empty.
    pub(super) fn drop_empty(
        &mut self,
        side: u32,
        bytes: u64,
        wanted: impl Fn(u64) -> bool,
    ) -> Vec<u32> {
        let dropping = |extent: &&Extent| extent.side == side && extent.dropping;
        let extents = self.extents.values();
        let mut freed: u64 = extents.filter(dropping).map(Extent::bytes).sum();
        let reserved = self.reserved[index_of(side)];
        let mut ids = Vec::new();
        for spared in [true, false] {
            for (id, extent) in &mut self.extents {
                if reserved - freed + bytes <= self.bytes_max {
                    return ids;
                }
                let of_use = spared && wanted(extent.buffer_len);
                if extent.side == side && extent.is_idle() && !of_use {
                    extent.dropping = true;
                    freed += extent.bytes();
                    ids.push(*id);
                }
            }
        }
        ids
    }

    /// Marks all empty extents as dropping, and names them: it is others that are short.
    pub(super) fn drop_all_empty(&mut self) -> Vec<u32> {
        let mut ids = Vec::new();
        for (id, extent) in &mut self.extents {
            if extent.is_idle() {
                extent.dropping = true;
                ids.push(*id);
            }
        }
        ids
    }
}
