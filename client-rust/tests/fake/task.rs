//! Work in other threads and futures, with a bound on every wait.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use super::{PATIENCE, PAUSE};

/// Work in another thread, with a bounded wait for its outcome.
pub struct Task<T> {
    outcome: mpsc::Receiver<T>,
    thread: thread::JoinHandle<()>,
}

impl<T: Send + 'static> Task<T> {
    pub fn run(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, outcome) = mpsc::channel();
        let thread = thread::spawn(move || drop(sender.send(work())));
        Self { outcome, thread }
    }

    #[track_caller]
    pub fn get(self) -> T {
        let outcome = self.outcome.recv_timeout(PATIENCE);
        let outcome = outcome.expect("the task ended in time, without a panic");
        self.thread.join().unwrap();
        outcome
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(PAUSE);
    }
}

/// Runs a future on this thread, for a bounded time.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let begun = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "the future is not ready in time"
        );
        thread::park_timeout(PATIENCE);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
