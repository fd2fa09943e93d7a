//! What the sessions of a process leave: memory that it may still map.
//!
//! ```text
//!   session ─ ends ─▶ Estate of its process ─┬─ next session ─▶ segments, zeroed
//!     Holding         (counted, kept)        └─ exit (pidfd) ─▶ given back
//! ```
//!
//! A client that has closed may keep its maps, and nobody can tell whether it does: so
//! all that its sessions had counts against its uid until the process has ended. Some of
//! their segments are used again by later sessions, so that a process which connects
//! now and then costs no more than one that stays; not before a while has passed, as a
//! thread of the client may be about to write into them still. Extents are not kept, only
//! counted.
//!
//! A process is known by its pid as long as its pidfd has not reported its exit. One in
//! a sibling PID namespace has no pid here, and a kernel may have no pidfd: what their
//! sessions had is given back when these end.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerPidfd;
use outrigger_ringbuf::{Mapping, Role, clear_segment};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::lock::lock;
use crate::quota::Account;

/// Most segments that are kept for one process, in pairs: they take two descriptors.
const PAIRS_MAX: usize = 64;
/// How long after their session's end segments are not used again: a thread of the
/// client that saw the session live may be on its way to its last write.
const REUSE_AFTER: Duration = Duration::from_secs(5);

/// The estates of all processes that have or had sessions.
#[derive(Debug, Default)]
pub(crate) struct Estates {
    by_pid: Mutex<BTreeMap<i32, Arc<Estate>>>,
}

/// What one living process may still map.
#[derive(Debug)]
pub(crate) struct Estate {
    uid: u32,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    /// The process has ended.
    over: bool,
    /// Pays for what is left.
    account: Option<Arc<Account>>,
    /// With the time when their session ended.
    segments: VecDeque<(Instant, Segments)>,
}

/// Both segments of a session, server first.
#[derive(Debug)]
pub(crate) struct Segments {
    pub(crate) fds: [OwnedFd; 2],
    pub(crate) mappings: [Arc<Mapping>; 2],
}

/// A session's hold on its memory: what is left goes to the estate of its process.
#[derive(Debug)]
pub(crate) struct Holding {
    account: Arc<Account>,
    /// `None` of a process whose end nobody reports.
    estate: Option<Arc<Estate>>,
    segments: Option<Segments>,
}

impl Estates {
    /// The estate of the process at the other end of a socket; `None` if there is no
    /// way to learn of its end. Must be called on the control thread, which watches.
    pub(crate) fn of(self: &Arc<Self>, socket: impl AsFd, peer: (u32, i32)) -> Option<Arc<Estate>> {
        let (uid, number) = peer;
        let pid = Pid::from_raw(number)?;
        let mut by_pid = lock(&self.by_pid);
        if let Some(known) = by_pid.get(&number) {
            return (known.uid == uid).then(|| Arc::clone(known));
        }
        let pidfd = pidfd_of(socket, pid).and_then(watch);
        let pidfd = pidfd
            .inspect_err(|error| tracing::warn!(pid = number, %error, "no pidfd"))
            .ok()?;
        let estate = Arc::new(Estate::new(uid));
        by_pid.insert(number, Arc::clone(&estate));
        let (estates, watched) = (Arc::downgrade(self), Arc::clone(&estate));
        tokio::spawn(async move {
            // An error would mean that nobody can watch: it is given back then, too.
            let _ = pidfd.readable().await;
            watched.end();
            if let Some(estates) = estates.upgrade() {
                lock(&estates.by_pid).remove(&number);
            }
        });
        Some(estate)
    }
}

fn pidfd_of(socket: impl AsFd, pid: Pid) -> io::Result<OwnedFd> {
    // SO_PEERPIDFD cannot name a successor of the same number; Linux has it since 6.5.
    match getsockopt(&socket, PeerPidfd) {
        Ok(fd) => Ok(fd),
        Err(_) => Ok(pidfd_open(pid, PidfdFlags::empty())?),
    }
}

#[allow(
    deprecated,
    reason = "an OwnedFd keeps its fd, so this is sound; what replaces it is unsafe"
)]
fn watch(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(pidfd, Interest::READABLE)
}

impl Estate {
    fn new(uid: u32) -> Self {
        let left = Left {
            over: false,
            account: None,
            segments: VecDeque::new(),
        };
        Self {
            uid,
            left: Mutex::new(left),
        }
    }

    /// Segments of these lengths that no session uses any more, all zero; they are
    /// charged to `account` from now on.
    fn reuse(&self, lens: (u64, u64), account: &Account) -> Option<Segments> {
        let found = {
            let mut left = lock(&self.left);
            let fits = |(ended, one): &(Instant, Segments)| {
                ended.elapsed() >= REUSE_AFTER && one.lens() == lens && one.is_unused()
            };
            let at = left.segments.iter().position(fits)?;
            left.account.as_ref()?.transfer(lens.0 + lens.1, account);
            left.segments.remove(at)?.1
        };
        match found.clear() {
            Ok(()) => Some(found),
            Err(error) => {
                tracing::warn!(%error, "segments cannot be used again");
                account.refund(lens.0 + lens.1);
                None
            }
        }
    }

    /// Takes over what an ended session had.
    fn inherit(&self, account: &Arc<Account>, segments: Option<Segments>) {
        let mut left = lock(&self.left);
        if left.over {
            return;
        }
        match &left.account {
            Some(own) => account.transfer(account.charged(), own),
            None => left.account = Some(Arc::clone(account)),
        }
        let Some(segments) = segments else { return };
        // Those that were left first may be used again first, so they stay. The others are
        // freed, if the client is honest, but count all the same.
        if left.segments.len() < PAIRS_MAX {
            left.segments.push_back((Instant::now(), segments));
        }
    }

    /// The process has ended: nobody maps anything any more.
    fn end(&self) {
        let mut left = lock(&self.left);
        left.over = true;
        left.account = None;
        left.segments.clear();
    }
}

impl Segments {
    fn lens(&self) -> (u64, u64) {
        let [server, client] = &self.mappings;
        (server.len(), client.len())
    }

    /// True if no ring lies over them any more.
    fn is_unused(&self) -> bool {
        self.mappings
            .iter()
            .all(|mapping| Arc::strong_count(mapping) == 1)
    }

    fn clear(&self) -> io::Result<()> {
        let [server, client] = &self.mappings;
        clear_segment(Role::Server, &self.fds[0], server)?;
        clear_segment(Role::Client, &self.fds[1], client)
    }
}

impl Holding {
    /// The hold of a session on nothing yet.
    pub(crate) fn new(account: Arc<Account>, estate: Option<Arc<Estate>>) -> Self {
        Self {
            account,
            estate,
            segments: None,
        }
    }

    /// What it is charged to.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Segments that an earlier session of the process has left.
    pub(crate) fn reuse(&self, lens: (u64, u64)) -> Option<Segments> {
        self.estate.as_ref()?.reuse(lens, &self.account)
    }

    /// Keeps the session's segments, for the client and then for its successor.
    pub(crate) fn keep(&mut self, segments: Segments) -> &[OwnedFd; 2] {
        &self.segments.insert(segments).fds
    }

    /// The client has its own fds now; ours are closed if there can be no successor.
    pub(crate) fn acknowledged(&mut self) {
        if self.estate.is_none() {
            self.segments = None;
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(estate) = &self.estate {
            estate.inherit(&self.account, self.segments.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use outrigger_ringbuf::create_segment;

    use super::*;
    use crate::quota::Quota;

    const PAGE: u64 = 4096;

    fn segments(len: u64) -> Segments {
        let (server, server_map) = create_segment(Role::Server, len).unwrap();
        let (client, client_map) = create_segment(Role::Client, len).unwrap();
        Segments {
            fds: [server, client],
            mappings: [Arc::new(server_map), Arc::new(client_map)],
        }
    }

    /// A process dials so often that more sessions end than can be kept.
    #[test]
    fn what_was_left_first_stays_to_be_used_again_and_all_of_it_counts() {
        let quota = Quota::new(1 << 30, 1 << 30);
        let estate = Estate::new(1);
        for index in 0..=PAIRS_MAX as u64 {
            let account = quota.open(1);
            account.charge(2 * PAGE).unwrap();
            // The first is told from the others by its length.
            let len = if index == 0 { PAGE } else { 2 * PAGE };
            estate.inherit(&account, Some(segments(len)));
        }
        let next = quota.open(1);
        assert!(
            estate.reuse((PAGE, PAGE), &next).is_none(),
            "it is too early"
        );
        let count = {
            let mut left = lock(&estate.left);
            left.segments[0].0 -= REUSE_AFTER;
            left.segments.len()
        };
        assert_eq!(count, PAIRS_MAX);
        assert!(estate.reuse((PAGE, PAGE), &next).is_some());
        assert_eq!(next.charged(), 2 * PAGE);
        assert_eq!(quota.used().0, (PAIRS_MAX as u64 + 1) * 2 * PAGE);
    }
}
