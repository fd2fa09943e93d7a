//! The executor of asynchronous handlers: one thread, on which their futures take
//! turns.
//!
//! ```text
//!   poller ─ spawn ─▶ Task [ future of the handler, its call ] ─▶ published
//!                       │ cancelled, deadline, session ended, server stopped
//!                       └────────────────────────────────────────▶ answered all the same
//! ```
//!
//! A call is answered exactly once, by its task or when the task is dropped. The
//! thread begins with the first asynchronous call.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::thread::JoinHandle;

use core::time::Duration;

use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::{Code, Codec, Error};
use outrigger_ringbuf::sync::{AtomicUsize, Ordering};
use rkyv::util::AlignedVec;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::clock::monotonic_ns;
use crate::lock::lock;
use crate::panic::caught;
use crate::pool::{CallJob, FinishJob, Job, Pool, explain, free_body, publish};
use crate::request::Request;
use crate::session::{Answer, Session};

/// How often a waiting call looks whether anybody still waits for it.
const LOOK: Duration = Duration::from_millis(20);

/// Runs asynchronous handlers, a bounded number at once.
pub(crate) struct Executor {
    /// Calls at most; one more is refused.
    calls_max: usize,
    calls: Arc<AtomicUsize>,
    running: OnceLock<Option<Handle>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    stopping: Arc<Notify>,
}

/// A call that is answered when this is dropped, if not before.
struct Task {
    /// `None` once it is answered.
    job: Option<CallJob>,
    /// Weak, as the pool owns the executor.
    pool: Weak<Pool>,
    calls: Arc<AtomicUsize>,
}

impl Executor {
    /// An executor of at most this many calls at once. Starts no thread.
    pub(crate) fn new(calls_max: usize) -> Self {
        Self {
            calls_max,
            calls: Arc::default(),
            running: OnceLock::new(),
            thread: Mutex::new(None),
            stopping: Arc::default(),
        }
    }

    /// Takes a call over; gives it back, and why, if there are too many, or no thread.
    #[allow(
        clippy::result_large_err,
        reason = "boxing would allocate on the call path"
    )]
    pub(crate) fn spawn(&self, pool: &Arc<Pool>, job: CallJob) -> Result<(), (CallJob, Error)> {
        let Some(handle) = self.running.get_or_init(|| self.start()) else {
            let error = Error::resource_exhausted("no thread for asynchronous calls");
            return Err((job, error));
        };
        if let Err(error) = self.admit(&job.session) {
            return Err((job, error));
        }
        let task = Task {
            job: Some(job),
            pool: Arc::downgrade(pool),
            calls: Arc::clone(&self.calls),
        };
        handle.spawn(task.run());
        Ok(())
    }

    /// Counts one more call of a session, which may have as many as are left for all
    /// others: so no session takes the last ones. (A dynamic threshold, as Choudhury
    /// and Hahne have it for the buffers of a switch, 1998.)
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED with both numbers.
    fn admit(&self, session: &Session) -> Result<(), Error> {
        // Relaxed, here and where it is taken back: bounds, and no data behind them.
        let running = self.calls.fetch_add(1, Ordering::Relaxed);
        let own = session.async_calls.fetch_add(1, Ordering::Relaxed);
        let left = self.calls_max.saturating_sub(running);
        if own < left {
            return Ok(());
        }
        self.calls.fetch_sub(1, Ordering::Relaxed);
        session.async_calls.fetch_sub(1, Ordering::Relaxed);
        Err(Error::resource_exhausted(format!(
            "asynchronous calls of this session: {own} ({left} left for all)"
        )))
    }

    /// Drops what still runs, which answers it, and ends the thread.
    pub(crate) fn stop(&self) {
        self.stopping.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of the thread was reported by the hook.
            let _ = thread.join();
        }
    }

    fn start(&self) -> Option<Handle> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .inspect_err(|error| tracing::error!(%error, "no executor"))
            .ok()?;
        let handle = runtime.handle().clone();
        let stopping = Arc::clone(&self.stopping);
        let thread = std::thread::Builder::new()
            .name("outrigger-async".to_owned())
            .spawn(move || runtime.block_on(stopping.notified()))
            .inspect_err(|error| tracing::error!(%error, "no executor thread"))
            .ok()?;
        *lock(&self.thread) = Some(thread);
        Some(handle)
    }
}

impl Task {
    async fn run(mut self) {
        let Some(job) = &self.job else { return };
        let outcome = answer(job).await;
        self.conclude(outcome);
    }

    /// Publishes the answer, or leaves it to a worker if it does not fit a slot.
    fn conclude(&mut self, outcome: Result<Option<Vec<u8>>, Error>) {
        let Some(job) = self.job.take() else { return };
        self.calls.fetch_sub(1, Ordering::Relaxed);
        job.session.async_calls.fetch_sub(1, Ordering::Relaxed);
        let pool = self.pool.upgrade();
        match &pool {
            Some(pool) => job
                .body
                .leases()
                .for_each(|lease| pool.free(&job.session, lease.clone())),
            None => free_body(&job.session, &job.body),
        }
        let reply = |answer: &Answer<'_>| {
            publish(&job.session, job.lane, job.place, &job.header, answer);
        };
        let payload_max = job.session.limits().payload_max;
        let outcome = outcome.and_then(|value| match value {
            Some(value) if value.len() as u64 > payload_max => {
                Err(Error::buffer_too_small(value.len() as u64, payload_max))
            }
            value => Ok(value),
        });
        match &outcome {
            Ok(None) => reply(&Answer::no_value()),
            Ok(Some(value)) if value.len() as u64 <= INLINE_MAX => reply(&Answer::value(value)),
            Err(error) if Answer::failure_len(error) <= INLINE_MAX => {
                reply(&Answer::failure(error));
            }
            _ => match pool {
                Some(pool) => pool.submit(Job::Finish(FinishJob {
                    session: Arc::clone(&job.session),
                    lane: job.lane,
                    place: job.place,
                    header: job.header,
                    outcome: outcome.map(Option::unwrap_or_default),
                })),
                None => reply(&Answer::failure(&stopped())),
            },
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // A future that panics when it is dropped unwinds through here.
        let error = if std::thread::panicking() {
            Error::panic("while the call was dropped")
        } else {
            stopped()
        };
        self.conclude(Err(error));
    }
}

fn stopped() -> Error {
    Error::with_details(Code::SHUTTING_DOWN, &[&"the server ends"])
}

/// Awaits the handler until it answers, or nobody waits any more.
async fn answer(job: &CallJob) -> Result<Option<Vec<u8>>, Error> {
    let call = job.session.lane(job.lane).calls.get(job.place);
    let context = job.context(call);
    if context.is_cancelled() {
        // While it was queued: nobody waits for what the handler would do.
        return Err(explain(Error::cancelled(), &job.header, call));
    }
    let mut memory = AlignedVec::new();
    let value = job.body.read(&mut memory, job.session.peer())?;
    let attachments = job.body.attachments.as_slice();
    let request = Request::new(value, Codec(job.header.codec)).with(attachments);
    let mut future = pin!(caught(|| Ok(job.handler.call_async(context, request)))?);
    let answered = poll_fn(|task| match caught(|| Ok(future.as_mut().poll(task))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(outcome)) => Poll::Ready(outcome),
        Err(panic) => Poll::Ready(Err(panic)),
    });
    let mut answered = pin!(answered);
    loop {
        let outcome = tokio::select! {
            biased;
            outcome = &mut answered => outcome,
            () = tokio::time::sleep(patience(job)) => {
                if !context.is_cancelled() {
                    continue;
                }
                Err(Error::cancelled())
            }
        };
        return outcome.map_err(|error| explain(error, &job.header, call));
    }
}

/// Until the deadline or the next look.
fn patience(job: &CallJob) -> Duration {
    match job.header.deadline {
        0 => LOOK,
        deadline => LOOK.min(Duration::from_nanos(
            deadline.saturating_sub(monotonic_ns()),
        )),
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("calls", &self.calls.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
