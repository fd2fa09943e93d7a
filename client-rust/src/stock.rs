//! Buffers that the server granted ahead of need: a large call takes one of them and
//! asks for none.

use std::sync::Mutex;

use crate::extents::Lease;
use crate::lock::lock;

/// What is in stock.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    leases: Mutex<Vec<Lease>>,
}

impl Stock {
    /// Takes a grant up.
    ///
    /// # Errors
    /// Says what is wrong: more than `max` are in stock.
    pub(crate) fn put(&self, lease: Lease, max: usize) -> Result<(), String> {
        let mut leases = lock(&self.leases);
        if leases.len() >= max {
            return Err(format!("{} buffers in stock (maximum {max})", max + 1));
        }
        leases.push(lease);
        Ok(())
    }

    /// The smallest buffer that holds `len` bytes; of several the one that came last, as
    /// it may still be in the cache.
    pub(crate) fn take(&self, len: u64) -> Option<Lease> {
        let mut leases = lock(&self.leases);
        let fits = leases.iter().enumerate().rev();
        let fits = fits.filter(|(_, lease)| lease.len() >= len);
        let (index, _) = fits.min_by_key(|(_, lease)| lease.len())?;
        Some(leases.swap_remove(index))
    }

    /// All there is, to be given back.
    pub(crate) fn take_all(&self) -> Vec<Lease> {
        std::mem::take(&mut lock(&self.leases))
    }
}
