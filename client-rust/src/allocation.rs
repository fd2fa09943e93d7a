//! Asking for buffers, as a user does it: built, then waited for or awaited.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use outrigger_layout::Error;
use outrigger_layout::buffer::BUFFERS;
use outrigger_layout::limits::INLINE_MAX;

use crate::asking::Asking;
use crate::buffer::Buffer;
use crate::lease::Lease;
use crate::leases::Leases;
use crate::polled::Polled;
use crate::session::Session;
use crate::wanted::Wanted;

/// Buffers that are to be had together, all of them or none: by
/// [`wait`](Allocation::wait) or by awaiting it. See [`Client::allocate`].
///
/// ```no_run
/// use std::time::Duration;
/// # use outrigger_client::{Client, Error};
/// # fn blocking(client: &Client) -> Result<(), Error> {
/// let asked = client.allocate([4096, 1 << 20]);
/// let [index, data] = asked.timeout(Duration::from_millis(50)).wait()?;
/// # Ok(())
/// # }
/// # async fn awaited(client: &Client) -> Result<(), Error> {
/// let [index, data] = client.allocate([4096, 1 << 20]).await?;
/// # Ok(())
/// # }
/// ```
///
/// [`Client::allocate`]: crate::Client::allocate
#[derive(Debug)]
#[must_use = "nothing is asked for until it is waited for"]
pub struct Allocation<'a, const N: usize> {
    session: &'a Arc<Session>,
    lens: [usize; N],
    deadline: Option<Instant>,
}

impl<'a, const N: usize> Allocation<'a, N> {
    pub(crate) fn new(session: &'a Arc<Session>, lens: [usize; N]) -> Self {
        Self {
            session,
            lens,
            deadline: None,
        }
    }

    /// Ends the wait with TIMEOUT at this instant, if it has not ended before.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the wait with TIMEOUT after this time, from now on.
    pub fn timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.deadline(deadline),
            // Beyond what the clock can show: never.
            None => self,
        }
    }

    /// Asks, and blocks until the buffers are there: in the order of their lengths, each
    /// empty, with room for at least so many bytes.
    ///
    /// Allocates nothing.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for more than a call can have, BUFFER_TOO_SMALL for one above the
    /// session's limit, RESOURCE_EXHAUSTED if the server has no memory for them now,
    /// TIMEOUT at the deadline; why the session takes no calls.
    pub fn wait(self) -> Result<[Buffer; N], Error> {
        let mut asking = ask(self.session, &self.lens, self.deadline)?;
        self.session.wait(&mut asking)?;
        Ok(hand_out(self.session, self.lens, asking.finish()))
    }
}

impl<'a, const N: usize> IntoFuture for Allocation<'a, N> {
    type Output = Result<[Buffer; N], Error>;
    type IntoFuture = AllocationFuture<'a, N>;

    fn into_future(self) -> AllocationFuture<'a, N> {
        let asking = ask(self.session, &self.lens, self.deadline);
        AllocationFuture {
            session: self.session,
            lens: self.lens,
            asking: asking.map(|asking| Polled::new(self.session, asking)),
        }
    }
}

/// Buffers being awaited; the future of [`Allocation`]. Needs no particular runtime.
/// Dropping it gives back what is granted nonetheless.
///
/// ```no_run
/// use std::future::IntoFuture;
/// # use outrigger_client::{AllocationFuture, Buffer, Client, Error};
/// # async fn one(client: &Client) -> Result<Buffer, Error> {
/// let future: AllocationFuture<'_, 1> = client.allocate([4096]).into_future();
/// let [buffer] = future.await?;
/// # Ok(buffer)
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct AllocationFuture<'a, const N: usize> {
    session: &'a Arc<Session>,
    lens: [usize; N],
    asking: Result<Polled<'a, Asking<'a>>, Error>,
}

impl<const N: usize> Future for AllocationFuture<'_, N> {
    type Output = Result<[Buffer; N], Error>;

    /// # Panics
    /// Panics if polled after it has ended.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let asking = match &mut self.asking {
            Ok(asking) => asking,
            Err(error) => return Poll::Ready(Err(error.clone())),
        };
        let (asking, outcome) = ready!(asking.poll(context));
        Poll::Ready(outcome.map(|()| hand_out(self.session, self.lens, asking.finish())))
    }
}

impl<const N: usize> fmt::Debug for AllocationFuture<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllocationFuture")
            .field("lens", &self.lens)
            .finish_non_exhaustive()
    }
}

/// Asks for buffers as [`Allocation::wait`] does, for as many as there are lengths.
///
/// # Errors
/// As there.
pub(crate) fn alloc_all(session: &Arc<Session>, lens: &[usize]) -> Result<Vec<Buffer>, Error> {
    let mut asking = ask(session, lens, None)?;
    session.wait(&mut asking)?;
    let mut leases = asking.finish().into_iter().flatten();
    let buffers = lens.iter().map(|len| next(session, *len, &mut leases));
    Ok(buffers.collect())
}

fn hand_out<const N: usize>(
    session: &Arc<Session>,
    lens: [usize; N],
    leases: Leases,
) -> [Buffer; N] {
    let mut leases = leases.into_iter().flatten();
    lens.map(|len| next(session, len, &mut leases))
}

/// The buffer for so many bytes: the next of those that were granted, if a slot does not
/// hold them.
fn next(session: &Arc<Session>, len: usize, leases: &mut impl Iterator<Item = Lease>) -> Buffer {
    if len == 0 {
        return Buffer::nothing();
    }
    if is_small(len) {
        return Buffer::small(session);
    }
    let lease = leases.next().expect("it was asked for");
    Buffer::granted(session, lease)
}

/// # Errors
/// INVALID_ARGUMENT, BUFFER_TOO_SMALL: what can never be had.
fn ask<'a>(
    session: &'a Arc<Session>,
    lens: &[usize],
    deadline: Option<Instant>,
) -> Result<Asking<'a>, Error> {
    let payload_max = session.terms.payload_max;
    if let Some(len) = lens.iter().find(|len| **len as u64 > payload_max) {
        return Err(Error::buffer_too_small(*len as u64, payload_max));
    }
    let granted = lens.iter().filter(|len| !is_small(**len));
    let count = granted.clone().count();
    if count > BUFFERS {
        let text = format!("{count} buffers together (maximum {BUFFERS})");
        return Err(Error::invalid_argument(text));
    }
    let mut wanted = Wanted::default();
    granted.for_each(|len| wanted.push(*len));
    Ok(Asking::new(session, wanted, deadline))
}

/// True if a slot holds so many bytes.
fn is_small(len: usize) -> bool {
    len as u64 <= INLINE_MAX
}
