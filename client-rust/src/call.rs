//! A call as its caller sees it: built, then waited for or awaited.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use outrigger_layout::schema::UNTYPED;
use outrigger_layout::{Codec, Error};

use crate::binding::Fingerprint;
use crate::flight::Flight;
use crate::parking::Parked;
use crate::payload::Payload;
use crate::reply::Reply;
use crate::request::Request;
use crate::session::Session;
use crate::storage::Storage;
use crate::timers::TimerKey;
use crate::waiter::Wait;

/// A call that has not begun: it begins with [`wait`](Call::wait),
/// [`wait_into`](Call::wait_into) or the first poll of its future.
///
/// ```no_run
/// use std::time::Duration;
/// # use outrigger_client::{Client, Error};
/// # fn blocking(client: &Client) -> Result<(), Error> {
/// let reply = client
///     .call("outrigger.echo", b"hello")
///     .timeout(Duration::from_millis(50))
///     .wait()?;
/// assert_eq!(reply.value(), Some(&b"hello"[..]));
/// # Ok(())
/// # }
/// # async fn awaited(client: &Client) -> Result<(), Error> {
/// let reply = client.call("outrigger.echo", b"hello").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a call does nothing until it is waited for"]
pub struct Call<'a> {
    session: &'a Session,
    request: Request<'a>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(session: &'a Session, method: &'a str, payload: Payload<'a>) -> Self {
        let request = Request {
            method,
            fingerprint: UNTYPED,
            value: payload.value(),
            codec: Codec::RAW,
            deadline: None,
        };
        Self { session, request }
    }

    /// A call of a typed method, its request being an archive.
    pub(crate) fn typed(mut self, fingerprint: Fingerprint) -> Self {
        self.request.fingerprint = fingerprint;
        self.request.codec = Codec::RKYV;
        self
    }

    /// Names the payload's encoding; [`Codec::RAW`] unless said otherwise. The
    /// reply has the same.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.request.codec = codec;
        self
    }

    /// Ends the call with TIMEOUT at this instant, if it has not ended before.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.request.deadline = Some(deadline);
        self
    }

    /// Ends the call with TIMEOUT after this time, from now on.
    pub fn timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.deadline(deadline),
            // Beyond what the clock can show: never.
            None => self,
        }
    }

    /// Calls, and blocks until the answer is there.
    ///
    /// # Errors
    /// What the method answered; or TIMEOUT at the deadline, BUFFER_TOO_SMALL for
    /// a payload above the session's limit, NOT_FOUND and the like from the server,
    /// SHUTTING_DOWN after the server announced its end, PEER_GONE after its
    /// death, CANCELLED after [`Client::close`](crate::Client::close), PROTOCOL if
    /// the server broke the protocol.
    pub fn wait(self) -> Result<Reply, Error> {
        let mut value = Vec::new();
        let (len, codec) = self.run(&mut value)?;
        Ok(Reply::new(len.map(|_| value), codec))
    }

    /// Calls, blocks, and puts the reply's value into `into` in place of its
    /// content. Returns its length, or `None` for no value.
    ///
    /// Allocates nothing if `into` has room.
    ///
    /// # Errors
    /// As [`Call::wait`]; `into` is empty then, or as it was.
    pub fn wait_into(self, into: &mut Vec<u8>) -> Result<Option<usize>, Error> {
        self.run(into).map(|(len, _)| len)
    }

    pub(crate) fn run(self, into: &mut impl Storage) -> Result<(Option<usize>, Codec), Error> {
        let mut flight = Flight::new(self.session, self.request);
        self.session.wait(&mut flight)?;
        flight.finish(into)
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Result<Reply, Error>;
    type IntoFuture = CallFuture<'a>;

    fn into_future(self) -> CallFuture<'a> {
        CallFuture {
            session: self.session,
            flight: Some(Flight::new(self.session, self.request)),
            parked: None,
            timer: None,
        }
    }
}

/// A call being awaited; the future of [`Call`]. Needs no particular runtime.
///
/// Dropping it cancels the call: the server hears of it, and what it answers
/// nonetheless is dropped.
///
/// ```no_run
/// use std::future::IntoFuture;
/// use std::pin::pin;
/// use std::task::{Context, Waker};
/// # use outrigger_client::{CallFuture, Client};
/// # fn begin_and_give_up(client: &Client) {
/// let future: CallFuture<'_> = client.call("outrigger.echo", b"hello").into_future();
/// let mut future = pin!(future);
/// let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
/// assert!(polled.is_pending()); // the call is on its way; the drop cancels it
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct CallFuture<'a> {
    session: &'a Session,
    /// `None` once it has ended.
    flight: Option<Flight<'a>>,
    parked: Option<Parked<'a>>,
    timer: Option<TimerKey>,
}

impl CallFuture<'_> {
    /// Sees to it that the task is woken: by the reader thread when the answer
    /// comes, at the deadline at the latest.
    fn rely_on_reader(&mut self, context: &Context<'_>, deadline: Option<Instant>) {
        // The flight has left its waiter; an answer found by settling wakes it.
        self.parked.get_or_insert_with(|| Parked::new(self.session));
        let timers = &self.session.timers;
        match (self.timer, deadline) {
            (Some(key), _) => timers.update(key, context.waker()),
            (None, Some(deadline)) => {
                let (key, late) = timers.set(deadline, context.waker());
                self.timer = Some(key);
                if late {
                    self.session.reader_bell.ring();
                }
            }
            (None, None) => {}
        }
    }

    fn end(&mut self) -> Option<Flight<'_>> {
        if let Some(key) = self.timer.take() {
            self.session.timers.clear(key);
        }
        self.parked = None;
        self.flight.take()
    }
}

impl Future for CallFuture<'_> {
    type Output = Result<Reply, Error>;

    /// # Panics
    /// Panics if polled after it has ended.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let flight = self.flight.as_mut().expect("polled after its end");
        let outcome = flight.poll(Wait::Task(context.waker()));
        let deadline = flight.deadline();
        let outcome = match outcome {
            Some(outcome) => outcome,
            None if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                Err(flight.time_out())
            }
            None => {
                self.rely_on_reader(context, deadline);
                return Poll::Pending;
            }
        };
        let flight = self.end();
        Poll::Ready(outcome.and_then(|()| {
            let mut value = Vec::new();
            let flight = flight.expect("it was polled just now");
            let (len, codec) = flight.finish(&mut value)?;
            Ok(Reply::new(len.map(|_| value), codec))
        }))
    }
}

impl Drop for CallFuture<'_> {
    fn drop(&mut self) {
        // Giving up counts the abandoned call before this caller's count ends.
        self.flight = None;
        self.end();
    }
}

impl fmt::Debug for CallFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture")
            .field("flight", &self.flight)
            .finish_non_exhaustive()
    }
}
