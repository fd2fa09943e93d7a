//! How much memory clients may cause: of one uid, and of all together.
//!
//! ```text
//!   Quota ─── share of a uid ──┬── Account of a session: its segments and extents
//!     │                        └── Account of an ended one, while its process lives
//!     └────── all uids
//! ```
//!
//! An account gives back what it was charged when the last one lets go of it: the
//! session, or whoever watches the process of a session that has ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use outrigger_layout::Error;
use outrigger_ringbuf::sync::{AtomicU64, Ordering};

use crate::lock::lock;

/// The bytes of all sessions of a server.
#[derive(Debug)]
pub(crate) struct Quota {
    uid_max: u64,
    total_max: u64,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    by_uid: BTreeMap<u32, u64>,
    total: u64,
    peak: u64,
}

/// What one session has been charged.
#[derive(Debug)]
pub(crate) struct Account {
    quota: Arc<Quota>,
    uid: u32,
    charged: AtomicU64,
}

impl Quota {
    /// Bounds for each uid and for all.
    pub(crate) fn new(uid_max: u64, total_max: u64) -> Arc<Self> {
        Arc::new(Self {
            uid_max,
            total_max,
            used: Mutex::default(),
        })
    }

    /// An account of a uid, with nothing charged.
    pub(crate) fn open(self: &Arc<Self>, uid: u32) -> Arc<Account> {
        Arc::new(Account {
            quota: Arc::clone(self),
            uid,
            charged: AtomicU64::new(0),
        })
    }

    /// Bytes charged now, and at most so far.
    pub(crate) fn used(&self) -> (u64, u64) {
        let used = lock(&self.used);
        (used.total, used.peak)
    }

    fn charge(&self, uid: u32, bytes: u64) -> Result<(), Error> {
        let mut used = lock(&self.used);
        let of_uid = used.by_uid.get(&uid).copied().unwrap_or(0);
        if bytes > self.uid_max.saturating_sub(of_uid) {
            let max = self.uid_max;
            return Err(Error::resource_exhausted(format!(
                "{bytes} bytes more than the {of_uid} of uid {uid} (maximum {max})"
            )));
        }
        if bytes > self.total_max.saturating_sub(used.total) {
            let (total, max) = (used.total, self.total_max);
            return Err(Error::resource_exhausted(format!(
                "{bytes} bytes more than the {total} of all clients (maximum {max})"
            )));
        }
        used.by_uid.insert(uid, of_uid + bytes);
        used.total += bytes;
        used.peak = used.peak.max(used.total);
        Ok(())
    }

    fn refund(&self, uid: u32, bytes: u64) {
        let mut used = lock(&self.used);
        used.total -= bytes;
        if let Some(of_uid) = used.by_uid.get_mut(&uid) {
            *of_uid -= bytes;
            if *of_uid == 0 {
                used.by_uid.remove(&uid);
            }
        }
    }
}

impl Account {
    /// Charges bytes before they are allocated.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED with the numbers, if the uid or all would exceed theirs.
    pub(crate) fn charge(&self, bytes: u64) -> Result<(), Error> {
        self.quota.charge(self.uid, bytes)?;
        // Relaxed: a sum; the quota's lock orders what is decided by it.
        self.charged.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Gives bytes back that were charged before.
    pub(crate) fn refund(&self, bytes: u64) {
        self.charged.fetch_sub(bytes, Ordering::Relaxed);
        self.quota.refund(self.uid, bytes);
    }

    /// Has another account of the same uid pay for bytes that were charged to this one.
    pub(crate) fn transfer(&self, bytes: u64, to: &Self) {
        debug_assert_eq!(self.uid, to.uid, "one share pays");
        self.charged.fetch_sub(bytes, Ordering::Relaxed);
        to.charged.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes charged now.
    pub(crate) fn charged(&self) -> u64 {
        self.charged.load(Ordering::Relaxed)
    }

    /// Bytes that could ever be charged.
    pub(crate) fn limit(&self) -> u64 {
        self.quota.uid_max.min(self.quota.total_max)
    }

    /// Bytes that could be charged now.
    pub(crate) fn available(&self) -> u64 {
        let Quota {
            uid_max, total_max, ..
        } = *self.quota;
        let used = lock(&self.quota.used);
        let of_uid = used.by_uid.get(&self.uid).copied().unwrap_or(0);
        let left = uid_max.saturating_sub(of_uid);
        left.min(total_max.saturating_sub(used.total))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.quota.refund(self.uid, *self.charged.get_mut());
    }
}

#[cfg(test)]
mod tests {
    use outrigger_layout::Code;

    use super::*;

    #[test]
    fn a_uid_and_all_together_are_bounded_and_the_numbers_are_told() {
        let quota = Quota::new(100, 150);
        let (first, second, other) = (quota.open(1), quota.open(1), quota.open(2));
        first.charge(60).unwrap();
        let error = second.charge(41).unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert!(
            error
                .message()
                .ends_with("41 bytes more than the 60 of uid 1 (maximum 100)"),
            "{error}"
        );
        second.charge(40).unwrap();
        let error = other.charge(51).unwrap_err();
        assert!(
            error
                .message()
                .ends_with("51 bytes more than the 100 of all clients (maximum 150)"),
            "{error}"
        );
        assert_eq!(other.available(), 50);
        first.refund(20);
        assert_eq!((second.available(), first.charged()), (20, 40));
    }

    #[test]
    fn an_account_gives_everything_back_when_the_last_one_lets_go() {
        let quota = Quota::new(100, 100);
        let account = quota.open(7);
        account.charge(70).unwrap();
        let watcher = Arc::clone(&account);
        drop(account);
        assert_eq!(quota.used(), (70, 70));
        drop(watcher);
        assert_eq!(quota.used(), (0, 70));
        assert!(lock(&quota.used).by_uid.is_empty());
    }
}
