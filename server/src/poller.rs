//! A thread that owns the request rings of some sessions.
//!
//! ```text
//!   idle sessions (armed) ── doorbell ──▶ active set ── polled until empty ──▶
//!        ▲                                                                   │
//!        └──────────────── armed, looked at once more, empty ────────────────┘
//! ```
//!
//! Only the active set is scanned; an armed ring stays armed. When the set has
//! been empty of work for the spin budget it is armed as a whole, and the poller
//! sleeps in epoll until a doorbell or a command.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam::channel::{Receiver, Sender, unbounded};
use outrigger_layout::Error;
use outrigger_ringbuf::sync::{AtomicU64, AtomicUsize, Ordering};
use outrigger_ringbuf::{Budget, HYBRID_MAX, Policy};
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};

use crate::clock::Now;
use crate::pool::Pool;
use crate::registry::Registry;
use crate::session::{Intake, Services};

/// Empty passes between two looks at the clock.
const PASSES_PER_CLOCK: u32 = 64;
/// Passes with work between two looks at the doorbells of idle sessions.
const PASSES_PER_BELLS: u32 = 256;
/// Doorbells taken from epoll at once.
const EVENTS_MAX: usize = 64;
/// A wait that does not wait.
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
/// Token of the poller's own eventfd; sessions have their epoch, from 1.
const WAKE: u64 = 0;

/// What other threads ask of a poller.
#[derive(Debug)]
enum Command {
    Add(Active),
    Remove(u64),
    Stop,
}

/// Counters that anybody may read.
#[derive(Debug, Default)]
pub(crate) struct PollerStats {
    pub(crate) messages: AtomicU64,
    pub(crate) sleeps: AtomicU64,
    pub(crate) sessions: AtomicUsize,
}

/// Handle of a poller thread.
#[derive(Debug)]
pub(crate) struct Poller {
    commands: Sender<Command>,
    wake: Arc<OwnedFd>,
    stats: Arc<PollerStats>,
    thread: Option<JoinHandle<()>>,
}

impl Poller {
    /// Starts a poller.
    pub(crate) fn start(
        index: usize,
        budget: Budget,
        registry: Arc<Registry>,
        pool: Arc<Pool>,
    ) -> io::Result<Self> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &*wake, epoll::EventData::new_u64(WAKE), edge)?;
        let (commands, received) = unbounded();
        let stats = Arc::new(PollerStats::default());
        let looping = Loop {
            epoll,
            commands: received,
            active: Vec::new(),
            idle: HashMap::new(),
            budget,
            registry,
            pool,
            stats: Arc::clone(&stats),
            stopping: false,
        };
        let name = format!("outrigger-p{index}");
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || looping.run())?;
        Ok(Self {
            commands,
            wake,
            stats,
            thread: Some(thread),
        })
    }

    pub(crate) fn stats(&self) -> &PollerStats {
        &self.stats
    }

    /// Gives a live session to this poller.
    pub(crate) fn add(&self, intake: Intake) {
        self.stats.sessions.fetch_add(1, Ordering::Relaxed);
        self.command(Command::Add(Box::new(intake)));
    }

    /// Takes an ended session away.
    pub(crate) fn remove(&self, epoch: u64) {
        self.stats.sessions.fetch_sub(1, Ordering::Relaxed);
        self.command(Command::Remove(epoch));
    }

    /// Ends the thread; sessions it still has are dropped.
    pub(crate) fn stop(&mut self) {
        self.command(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic here has been reported by the hook; there is nothing to add.
            let _ = thread.join();
        }
    }

    fn command(&self, command: Command) {
        // The receiver lives as long as the thread; after its end nobody cares.
        let _ = self.commands.send(command);
        // EAGAIN means that it is awake already.
        let _ = rustix::io::write(&*self.wake, &1_u64.to_le_bytes());
    }
}

/// Boxed: sessions move between the two sets, an intake is large.
type Active = Box<Intake>;

struct Loop {
    epoll: OwnedFd,
    commands: Receiver<Command>,
    active: Vec<Active>,
    idle: HashMap<u64, Active>,
    budget: Budget,
    registry: Arc<Registry>,
    pool: Arc<Pool>,
    stats: Arc<PollerStats>,
    stopping: bool,
}

impl Loop {
    fn run(mut self) {
        let mut busy = 0_u32;
        while !self.stopping {
            if self.pass() > 0 {
                busy += 1;
                if busy.is_multiple_of(PASSES_PER_BELLS) {
                    self.wait(Some(AT_ONCE));
                }
                continue;
            }
            match self.spin() {
                None => self.budget.won(),
                Some(began) => self.sleep(began),
            }
        }
    }

    /// Polls each active session once; returns the messages found.
    fn pass(&mut self) -> usize {
        let Self {
            active,
            registry,
            pool,
            epoll,
            ..
        } = self;
        let mut services = Services {
            registry,
            pool,
            now: Now::lazy(),
        };
        let mut work = 0;
        let mut index = 0;
        while let Some(intake) = active.get_mut(index) {
            match intake.poll(&mut services) {
                Ok(found) => {
                    work += found;
                    index += 1;
                }
                Err(error) => fail(epoll, &active.swap_remove(index), error),
            }
        }
        if work > 0 {
            self.stats
                .messages
                .fetch_add(work as u64, Ordering::Relaxed);
        }
        work
    }

    /// Looks until something is there (`None`) or the budget is spent (since when
    /// it looked). A quick hit costs no reading of the clock.
    fn spin(&mut self) -> Option<Instant> {
        let limit = self.budget.limit();
        if limit.is_zero() || self.active.is_empty() {
            return Some(Instant::now());
        }
        let mut first = None;
        let mut next_bells = HYBRID_MAX;
        loop {
            for _ in 0..PASSES_PER_CLOCK {
                if self.pool.is_busy() {
                    // A worker may want this very CPU.
                    std::thread::yield_now();
                } else {
                    core::hint::spin_loop();
                }
                if self.pass() > 0 {
                    return None;
                }
            }
            let began = *first.get_or_insert_with(Instant::now);
            let spent = began.elapsed();
            if spent >= limit {
                return Some(began);
            }
            // Commands and idle sessions have their turn as well.
            let idle_turn = spent >= next_bells && !self.idle.is_empty();
            if idle_turn || !self.commands.is_empty() {
                next_bells = spent + HYBRID_MAX;
                if self.wait(Some(AT_ONCE)) || self.stopping {
                    return None;
                }
            }
        }
    }

    /// Arms what is active; if nothing came meanwhile, blocks until a doorbell.
    fn sleep(&mut self, began: Instant) {
        let mut index = 0;
        while let Some(intake) = self.active.get_mut(index) {
            match intake.arm() {
                Ok(true) => index += 1,
                Ok(false) => {
                    let intake = self.active.swap_remove(index);
                    self.idle.insert(intake.session().epoch(), intake);
                }
                Err(error) => fail(&self.epoll, &self.active.swap_remove(index), error),
            }
        }
        if !self.active.is_empty() {
            return;
        }
        self.stats.sleeps.fetch_add(1, Ordering::Relaxed);
        if self.wait(None) {
            self.budget.slept(began.elapsed());
        }
    }

    /// Takes doorbells and commands, waiting at most `timeout` (`None`: until
    /// one comes; there is always an end, as `stop` is a command). Returns true if
    /// a session became active.
    fn wait(&mut self, timeout: Option<Timespec>) -> bool {
        let mut space = [MaybeUninit::<epoll::Event>::uninit(); EVENTS_MAX];
        let events = match epoll::wait(&self.epoll, &mut space[..], timeout.as_ref()) {
            Ok((events, _)) => events,
            Err(rustix::io::Errno::INTR) => return false,
            Err(error) => unreachable!("epoll_wait on an own epoll: {error}"),
        };
        let mut woken = false;
        let mut commanded = false;
        for event in events {
            match event.data.u64() {
                WAKE => commanded = true,
                epoch => {
                    if let Some(intake) = self.idle.remove(&epoch) {
                        self.active.push(intake);
                        woken = true;
                    }
                }
            }
        }
        if commanded {
            woken |= self.obey();
        }
        woken
    }

    fn obey(&mut self) -> bool {
        let mut added = false;
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Add(intake) => added |= self.take_in(intake),
                Command::Remove(epoch) => self.forget(epoch),
                Command::Stop => self.stopping = true,
            }
        }
        added
    }

    fn take_in(&mut self, intake: Active) -> bool {
        let session = intake.session();
        let token = epoll::EventData::new_u64(session.epoch());
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        if let Err(error) = epoll::add(&self.epoll, session.server_bell(), token, edge) {
            session.end(crate::errno::system("watching a doorbell", &error.into()));
            return false;
        }
        self.active.push(intake);
        true
    }

    fn forget(&mut self, epoch: u64) {
        let active = self
            .active
            .iter()
            .position(|intake| intake.session().epoch() == epoch);
        let intake = match active {
            Some(index) => Some(self.active.swap_remove(index)),
            None => self.idle.remove(&epoch),
        };
        if let Some(intake) = intake {
            unwatch(&self.epoll, &intake);
        }
    }
}

/// A violation: that session ends, with its reason, and nothing else does.
fn fail(epoll: &OwnedFd, intake: &Intake, error: Error) {
    unwatch(epoll, intake);
    let session = intake.session();
    tracing::warn!(session = session.epoch(), pid = session.peer().pid, %error, "session fails");
    session.end(error);
}

/// The client holds the eventfd too: closing ours would not deregister it.
fn unwatch(epoll: &OwnedFd, intake: &Intake) {
    // ENOENT: it was never watched.
    let _ = epoll::delete(epoll, intake.session().server_bell());
}

/// The budget of a policy on this machine.
pub(crate) fn budget(policy: Policy) -> Budget {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Budget::new(policy, cpus)
}
