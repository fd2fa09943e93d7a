//! A call as its caller sees it: built, then waited for or awaited.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use outrigger_layout::schema::UNTYPED;
use outrigger_layout::{Codec, Error};

use crate::binding::Fingerprint;
use crate::buffer::Buffer;
use crate::flight::Flight;
use crate::parcel::Parcel;
use crate::payload::Payload;
use crate::placed::{PlacedFuture, PlacedReply};
use crate::polled::Polled;
use crate::reply::Reply;
use crate::request::Request;
use crate::session::Session;

/// A call that has not begun: it begins with [`wait`](Call::wait),
/// [`wait_into`](Call::wait_into), [`wait_placed`](Call::wait_placed) or the first poll
/// of its future.
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
#[derive(Debug)]
#[must_use = "a call does nothing until it is waited for"]
pub struct Call<'a> {
    session: &'a Arc<Session>,
    request: Request<'a>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(session: &'a Arc<Session>, method: &'a str, payload: Payload<'a>) -> Self {
        let request = Request {
            method,
            fingerprint: UNTYPED,
            value: payload.value(),
            parcel: Parcel::default(),
            codec: Codec::RAW,
            deadline: None,
        };
        Self { session, request }
    }

    /// A call whose value is in a buffer.
    pub(crate) fn of(session: &'a Arc<Session>, method: &'a str, value: Buffer) -> Self {
        let mut call = Self::new(session, method, Payload::NONE);
        call.request.parcel = Parcel::of(value);
        call
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

    /// Sends these bytes beside the value, where they are: 4 buffers at most, in this
    /// order. They are moved, whatever becomes of the call. Beside attachments there is
    /// always a value: a call with none sends one of length 0.
    ///
    /// What is in no granted buffer yet is copied to one: what fits in a slot, and what
    /// came with a reply. If that must be waited for, or a credit, then what was granted
    /// is copied and returned before: others could wait for it.
    ///
    /// ```no_run
    /// # use outrigger_client::{Client, Error};
    /// # fn compare(client: &Client, left: &[u8], right: &[u8]) -> Result<(), Error> {
    /// let mut images = client.alloc_all(&[left.len(), right.len()])?.into_iter();
    /// let mut call = client.call("app.compare", ());
    /// for (mut image, bytes) in images.by_ref().zip([left, right]) {
    ///     image.write_at(0, bytes)?;
    ///     call = call.attach(image);
    /// }
    /// println!("{:?}", call.wait()?.bytes());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The call fails with INVALID_ARGUMENT for more than 4, for one that another client
    /// granted (what came with a reply may be sent by any), and if the method takes none.
    pub fn attach(mut self, buffer: Buffer) -> Self {
        self.request.parcel.attach(buffer);
        self
    }

    /// Calls, and blocks until the answer is there. What is attached to it goes back
    /// unread.
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
    /// content. Returns its length, or `None` for no value. What is attached to the reply
    /// goes back unread.
    ///
    /// Allocates nothing if `into` has room.
    ///
    /// # Errors
    /// As [`Call::wait`]; `into` is empty then, or as it was.
    pub fn wait_into(self, into: &mut Vec<u8>) -> Result<Option<usize>, Error> {
        self.run(into).map(|(len, _)| len)
    }

    /// Calls, blocks, and leaves the reply where the server wrote it.
    ///
    /// Allocates nothing if the reply has no attachments, and for those a list.
    ///
    /// # Errors
    /// As [`Call::wait`].
    pub fn wait_placed(self) -> Result<PlacedReply, Error> {
        self.fly(&mut Parcel::default())?.finish_placed()
    }

    /// The call to be awaited, its reply left where the server wrote it.
    pub fn placed(self) -> PlacedFuture<'a> {
        PlacedFuture::new(Flight::new(self.session, self.request))
    }

    fn run(self, into: &mut Vec<u8>) -> Result<(Option<usize>, Codec), Error> {
        self.fly(&mut Parcel::default())?.finish(into)
    }

    /// Blocks until the answer is there.
    ///
    /// # Errors
    /// As [`Call::wait`]; what had not been sent is in the parcel then.
    ///
    /// Preconditions: the call has no parcel of its own, or this one is empty.
    pub(crate) fn fly(self, parcel: &mut Parcel) -> Result<Flight<'a>, Error> {
        let session = self.session;
        let mut flight = self.depart(parcel);
        match session.wait(&mut flight) {
            Ok(()) => Ok(flight),
            Err(error) => {
                *parcel = flight.take_parcel();
                Err(error)
            }
        }
    }

    /// As `fly`, awaited.
    pub(crate) async fn fly_async(self, parcel: &mut Parcel) -> Result<Flight<'a>, Error> {
        let session = self.session;
        let mut polled = Polled::new(session, self.depart(parcel));
        let (mut flight, outcome) = poll_fn(|context| polled.poll(context)).await;
        match outcome {
            Ok(()) => Ok(flight),
            Err(error) => {
                *parcel = flight.take_parcel();
                Err(error)
            }
        }
    }

    fn depart(mut self, parcel: &mut Parcel) -> Flight<'a> {
        if !parcel.is_empty() {
            self.request.parcel = mem::take(parcel);
        }
        Flight::new(self.session, self.request)
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Result<Reply, Error>;
    type IntoFuture = CallFuture<'a>;

    fn into_future(self) -> CallFuture<'a> {
        let flight = Flight::new(self.session, self.request);
        CallFuture {
            polled: Polled::new(self.session, flight),
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
    polled: Polled<'a, Flight<'a>>,
}

impl Future for CallFuture<'_> {
    type Output = Result<Reply, Error>;

    /// # Panics
    /// Panics if polled after it has ended.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (flight, outcome) = ready!(self.polled.poll(context));
        Poll::Ready(outcome.and_then(|()| {
            let mut value = Vec::new();
            let (len, codec) = flight.finish(&mut value)?;
            Ok(Reply::new(len.map(|_| value), codec))
        }))
    }
}

impl fmt::Debug for CallFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallFuture").field(&self.polled).finish()
    }
}
