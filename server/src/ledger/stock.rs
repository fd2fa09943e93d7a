//! Grants ahead of need: which sizes, how many are out, and whether to recall them.
//!
//! A size is stocked from the first time on that the client asked for it. Each
//! RECALL is for at least one grant, so that what is unread of them is bounded.

use outrigger_layout::limits::BUFFER_MIN;

/// Sizes that are stocked: 4, 8, 16, 32 and 64 KiB.
const SIZES: usize = 5;
/// Most buffers of one size in stock.
pub(super) const SIZE_MAX: u32 = 16;
/// Most buffers in stock.
pub(crate) const STOCK_MAX: u64 = SIZES as u64 * SIZE_MAX as u64;

/// What one client has in stock.
#[derive(Debug, Default)]
pub(super) struct Stock {
    asked: [bool; SIZES],
    out: [u32; SIZES],
    /// Some of it was granted after the last RECALL.
    unrecalled: bool,
}

impl Stock {
    /// Takes note that the client asked for such a buffer.
    pub(super) fn ask(&mut self, buffer_len: u64) {
        if let Some(size) = size_of(buffer_len) {
            self.asked[size] = true;
        }
    }

    /// True if one more may be granted ahead.
    pub(super) fn wants(&self, buffer_len: u64) -> bool {
        size_of(buffer_len).is_some_and(|size| self.asked[size] && self.out[size] < SIZE_MAX)
    }

    /// One more is out.
    pub(super) fn granted(&mut self, buffer_len: u64) {
        if let Some(size) = size_of(buffer_len) {
            self.out[size] += 1;
            self.unrecalled = true;
        }
    }

    /// One of it was used by a call or given back.
    pub(super) fn taken(&mut self, buffer_len: u64) {
        if let Some(size) = size_of(buffer_len) {
            self.out[size] -= 1;
        }
    }

    /// How many are out.
    pub(super) fn count(&self) -> u64 {
        self.out.iter().map(|out| u64::from(*out)).sum()
    }

    /// True if a RECALL would be for anything.
    pub(super) fn is_recallable(&self) -> bool {
        self.unrecalled && self.count() > 0
    }

    /// True if RECALL is to be sent: not twice for the same grants.
    pub(super) fn recall(&mut self) -> bool {
        let due = self.is_recallable();
        self.unrecalled &= !due;
        due
    }
}

fn size_of(buffer_len: u64) -> Option<usize> {
    let size = (buffer_len / BUFFER_MIN).checked_ilog2()? as usize;
    (size < SIZES).then_some(size)
}
