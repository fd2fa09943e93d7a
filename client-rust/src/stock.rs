//! Buffers that the server granted ahead of need: a large call takes one of them and
//! asks for none.

use std::sync::Mutex;

use crate::lease::Lease;
use crate::leases::Leases;
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

    /// A buffer for each of these lengths, or none at all. Of several it is the smallest
    /// that fits, and of those the one that came last, as it may still be in the cache.
    pub(crate) fn take(&self, lens: &[u64]) -> Option<Leases> {
        let mut leases = lock(&self.leases);
        let mut found = Leases::default();
        for len in lens {
            let Some(index) = smallest(&leases, *len) else {
                leases.extend(found.into_iter().flatten());
                return None;
            };
            found.push(Some(leases.swap_remove(index)));
        }
        Some(found)
    }

    /// All there is, to be given back.
    pub(crate) fn take_all(&self) -> Vec<Lease> {
        std::mem::take(&mut lock(&self.leases))
    }
}

/// The place of the smallest buffer that holds `len` bytes.
fn smallest(leases: &[Lease], len: u64) -> Option<usize> {
    let fits = leases.iter().enumerate().rev();
    let fits = fits.filter(|(_, lease)| lease.len() >= len);
    let (index, _) = fits.min_by_key(|(_, lease)| lease.len())?;
    Some(index)
}
