//! Workers: handlers that may block, payloads that are large, and whatever else
//! costs time that grows with size.

use core::fmt;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::slot::{SlotHeader, flag};
use outrigger_layout::{Code, Codec, Error};
use outrigger_ringbuf::sync::{AtomicUsize, Ordering};

use crate::body::Body;
use crate::clock::monotonic_ns;
use crate::context::Context;
use crate::executor::Executor;
use crate::handler::Handler;
use crate::lease::Lease;
use crate::ledger::Plan;
use crate::lock::lock;
use crate::panic::caught;
use crate::reply::{Form, Reply, Worker};
use crate::request::Request;
use crate::scratch::{SCRATCH_IDLE, Scratch};
use crate::session::{Answer, Call, Session};

/// A call to run.
pub(crate) struct CallJob {
    pub(crate) session: Arc<Session>,
    pub(crate) lane: u16,
    pub(crate) place: usize,
    pub(crate) header: SlotHeader,
    pub(crate) method: Arc<str>,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) body: Body,
}

/// An answer to publish that does not fit a slot.
pub(crate) struct FinishJob {
    pub(crate) session: Arc<Session>,
    pub(crate) lane: u16,
    pub(crate) place: usize,
    pub(crate) header: SlotHeader,
    pub(crate) outcome: Result<Vec<u8>, Error>,
}

/// What a worker can be asked to do.
#[allow(
    clippy::large_enum_variant,
    reason = "boxing would allocate on the call path"
)]
pub(crate) enum Job {
    Call(CallJob),
    /// A call that the executor awaits.
    Future(CallJob),
    Finish(FinishJob),
    Grow(Arc<Session>, Plan),
    Free(Arc<Session>, Lease),
}

/// A bounded queue of jobs and the threads that run them.
pub(crate) struct Pool {
    /// Taken at shutdown, so that the workers see the queue's end.
    sender: Mutex<Option<Sender<Job>>>,
    executor: Executor,
    receiver: Receiver<Job>,
    /// Jobs that are queued or running.
    unfinished: Arc<AtomicUsize>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts `workers` threads over a queue of `jobs_max` jobs.
    pub(crate) fn start(workers: usize, jobs_max: usize) -> std::io::Result<Self> {
        let (sender, receiver) = bounded(jobs_max);
        let unfinished = Arc::new(AtomicUsize::new(0));
        let threads = (0..workers)
            .map(|index| {
                let receiver: Receiver<Job> = receiver.clone();
                let unfinished = Arc::clone(&unfinished);
                let name = format!("outrigger-w{index}");
                std::thread::Builder::new()
                    .name(name)
                    .spawn(move || work(&receiver, &unfinished))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self {
            sender: Mutex::new(Some(sender)),
            executor: Executor::new(jobs_max),
            receiver,
            unfinished,
            threads: Mutex::new(threads),
        })
    }

    /// Queues a job; never waits. If the queue is full, what was asked for is
    /// refused with RESOURCE_EXHAUSTED: nothing large is done on the caller's thread.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) {
        let job = match job {
            Job::Future(call) => match self.executor.spawn(self, call) {
                Ok(()) => return,
                Err((call, error)) => return refuse_call(&call, &error),
            },
            job => job,
        };
        // Relaxed, here and below: a hint for pollers, beside which no data goes.
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        let sent = match &*lock(&self.sender) {
            Some(sender) => sender.try_send(job),
            None => Err(TrySendError::Disconnected(job)),
        };
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = sent {
            self.unfinished.fetch_sub(1, Ordering::Relaxed);
            self.reject(job);
        }
    }

    /// Queues the making of extents.
    pub(crate) fn grow(self: &Arc<Self>, session: &Arc<Session>, plans: Vec<Plan>) {
        for plan in plans {
            self.submit(Job::Grow(Arc::clone(session), plan));
        }
    }

    /// Queues the freeing of a buffer.
    pub(crate) fn free(self: &Arc<Self>, session: &Arc<Session>, lease: Lease) {
        self.submit(Job::Free(Arc::clone(session), lease));
    }

    /// Runs what is queued on the calling thread: for tests that have no workers.
    pub(crate) fn run_queued(&self) -> usize {
        let mut scratch = Scratch::default();
        let count = self.receiver.try_iter().map(|job| scratch.run(job)).count();
        self.unfinished.fetch_sub(count, Ordering::Relaxed);
        count
    }

    /// True while a worker has something to do, or should have.
    pub(crate) fn is_busy(&self) -> bool {
        self.unfinished.load(Ordering::Relaxed) > 0
    }

    /// Ends the workers after the jobs that are queued.
    pub(crate) fn stop(&self) {
        // Calls that are dropped there may leave answers to publish here.
        self.executor.stop();
        drop(lock(&self.sender).take());
        for thread in lock(&self.threads).drain(..) {
            // A worker that panicked outside a handler has been reported by the hook.
            let _ = thread.join();
        }
    }

    fn reject(&self, job: Job) {
        let max = self.receiver.capacity().unwrap_or_default();
        let error = Error::resource_exhausted(format!("{max} jobs wait (maximum {max})"));
        match job {
            Job::Call(job) | Job::Future(job) => refuse_call(&job, &error),
            Job::Finish(job) => {
                let answer = Answer::failure(&error);
                publish(&job.session, job.lane, job.place, &job.header, &answer);
            }
            Job::Grow(session, plan) => {
                session.arena().refuse_growing(&session, &plan, &error);
            }
            Job::Free(session, lease) => {
                for plan in session.arena().release(&session, &lease) {
                    session.arena().refuse_growing(&session, &plan, &error);
                }
            }
        }
    }
}

/// Answers a call that does not run.
fn refuse_call(job: &CallJob, error: &Error) {
    free_body(&job.session, &job.body);
    let answer = Answer::failure(error);
    publish(&job.session, job.lane, job.place, &job.header, &answer);
}

fn work(receiver: &Receiver<Job>, unfinished: &AtomicUsize) {
    let mut scratch = Scratch::default();
    while let Some(job) = next(receiver, &mut scratch) {
        // A handler that is dropped with its last job may panic, and this thread goes
        // on; the hook has reported it.
        let _ = caught(|| {
            scratch.run(job);
            Ok(())
        });
        unfinished.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CallJob {
    /// What its handler may know.
    pub(crate) fn context<'a>(&'a self, call: &'a Call) -> Context<'a> {
        Context {
            method: &self.method,
            peer: self.session.peer(),
            epoch: self.session.epoch(),
            deadline_ns: self.header.deadline,
            payload_max: self.session.limits().payload_max,
            cancelled: &call.cancelled,
            ended: self.session.closing(),
        }
    }
}

/// Waits for a job; without one for a while, gives back what a large call has left.
/// (One large call after the other finds its memory there: fresh pages for 64 MiB cost
/// as much as the copy.) `None` at the queue's end.
fn next(receiver: &Receiver<Job>, scratch: &mut Scratch) -> Option<Job> {
    if scratch.is_large() {
        match receiver.recv_timeout(SCRATCH_IDLE) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => scratch.trim(),
        }
    }
    receiver.recv().ok()
}

impl Scratch {
    fn run(&mut self, job: Job) {
        self.filled.clear();
        match job {
            Job::Call(job) => self.run_call(&job),
            // `submit` hands it to the executor.
            Job::Future(_) => {}
            Job::Finish(job) => self.run_finish(job),
            Job::Grow(session, plan) => session.arena().grow_all(&session, &[plan]),
            Job::Free(session, lease) => session.arena().free(&session, &lease),
        }
    }

    fn run_call(&mut self, job: &CallJob) {
        let outcome = self.handle(job);
        free_body(&job.session, &job.body);
        self.conclude(&job.session, job.lane, job.place, &job.header, outcome);
    }

    /// Runs the handler over a private copy of the request.
    fn handle(&mut self, job: &CallJob) -> Result<Form, Error> {
        let CallJob {
            session, header, ..
        } = job;
        let call = session.lane(job.lane).calls.get(job.place);
        let context = job.context(call);
        if context.is_cancelled() {
            // While it was queued: nobody waits for what the handler would do.
            return Err(explain(Error::cancelled(), header, call));
        }
        let value = job.body.read(&mut self.request, session.peer())?;
        let payload_max = session.limits().payload_max;
        let worker = Worker {
            session,
            filled: &mut self.filled,
            takes_attachments: job.handler.takes_attachments(),
        };
        let mut reply = Reply::new(&mut self.reply, Some(worker), payload_max, header.deadline);
        let attachments = job.body.attachments.as_slice();
        let request = Request::new(value, Codec(header.codec)).with(attachments);
        let outcome = caught(|| job.handler.call(&context, request, &mut reply));
        outcome.map_err(|error| explain(error, header, call))?;
        Ok(reply.finish())
    }

    fn run_finish(&mut self, job: FinishJob) {
        let outcome = job.outcome.map(|value| {
            self.reply = value;
            Form::Scratch
        });
        self.conclude(&job.session, job.lane, job.place, &job.header, outcome);
    }

    /// Publishes an outcome, in the slot or in a buffer.
    fn conclude(
        &mut self,
        session: &Session,
        lane: u16,
        place: usize,
        header: &SlotHeader,
        outcome: Result<Form, Error>,
    ) {
        let placed = outcome.and_then(|form| self.make_room(session, header, form));
        let form = match placed {
            Ok(form) => form,
            Err(error) => return self.fail(session, lane, place, header, &error),
        };
        let value = match form {
            Form::Scratch => &*self.reply,
            Form::NoValue | Form::Filled => &[],
        };
        if self.filled.is_empty() {
            let answer = match form {
                Form::NoValue => Answer::no_value(),
                _ => Answer::value(value),
            };
            return publish(session, lane, place, header, &answer);
        }
        let table = self.filled.lend(session);
        let answer = Answer {
            flags: flag::BUFFERS,
            parts: [table.bytes(), value],
            ..Answer::value(&[])
        };
        publish(session, lane, place, header, &answer);
    }

    /// Copies a value that does not fit the slot into a buffer.
    fn make_room(
        &mut self,
        session: &Session,
        header: &SlotHeader,
        form: Form,
    ) -> Result<Form, Error> {
        if !matches!(form, Form::Scratch) || self.reply.len() <= self.filled.room() {
            return Ok(form);
        }
        let len = self.reply.len() as u64;
        let bytes = self.filled.add_value(session, len, header.deadline)?;
        bytes.copy_from_slice(&self.reply);
        Ok(Form::Filled)
    }

    /// Publishes an error, its words in a buffer if they do not fit the slot.
    fn fail(
        &mut self,
        session: &Session,
        lane: u16,
        place: usize,
        header: &SlotHeader,
        error: &Error,
    ) {
        let answer = Answer::failure(error);
        if Answer::failure_len(error) <= INLINE_MAX {
            return publish(session, lane, place, header, &answer);
        }
        let words = answer.parts.concat();
        match self
            .filled
            .add_value(session, words.len() as u64, header.deadline)
        {
            Ok(bytes) => bytes.copy_from_slice(&words),
            Err(error) => {
                return publish(session, lane, place, header, &Answer::failure(&error));
            }
        }
        let table = self.filled.lend(session);
        let answer = Answer {
            flags: answer.flags | flag::BUFFERS,
            parts: [table.bytes(), &[]],
            ..answer
        };
        publish(session, lane, place, header, &answer);
    }
}

/// A handler that saw its context cancelled says CANCELLED; if it was the
/// deadline that passed, the caller is told so.
pub(crate) fn explain(error: Error, header: &SlotHeader, call: &Call) -> Error {
    // Relaxed: a hint without data.
    let by_caller = call.cancelled.load(Ordering::Relaxed);
    let expired = header.deadline != 0 && header.deadline <= monotonic_ns();
    if error.code() == Code::CANCELLED && expired && !by_caller {
        return Error::timeout();
    }
    error
}

pub(crate) fn publish(
    session: &Session,
    lane: u16,
    place: usize,
    header: &SlotHeader,
    answer: &Answer<'_>,
) {
    match session.lane(lane).finish(header, place, answer) {
        Ok(true) => session.ring_client(),
        Ok(false) => {}
        Err(error) => session.end(error),
    }
    session.note_progress();
}

pub(crate) fn free_body(session: &Session, body: &Body) {
    for lease in body.leases() {
        session.arena().free(session, lease);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("queued", &self.receiver.len())
            .finish_non_exhaustive()
    }
}
