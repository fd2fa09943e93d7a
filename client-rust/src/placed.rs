//! What a call brought back, where the server wrote it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use outrigger_layout::Error;

use crate::buffer::Buffer;
use crate::flight::Flight;
use crate::polled::Polled;

/// The answer of a call that succeeded, none of it copied that did not fit in a slot. The
/// buffers are the caller's, each for itself, until they are dropped.
///
/// ```no_run
/// # use outrigger_client::{Client, Error};
/// # fn thumbnails(client: &Client, image: &[u8]) -> Result<(), Error> {
/// let [mut attached] = client.allocate([image.len()]).wait()?;
/// attached.write_at(0, image)?;
/// let call = client.call("app.thumbnails", b"64 128").attach(attached);
/// let message = call.wait_placed()?;
/// for thumbnail in &message.attachments {
///     println!("{} bytes", thumbnail.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct PlacedReply {
    /// The value, or `None` if the method answered with no value.
    pub value: Option<Buffer>,
    /// What came beside it: at most 4, one of no bytes among them.
    pub attachments: Vec<Buffer>,
}

/// A call being awaited whose reply stays where the server wrote it; the future that
/// [`Call::placed`](crate::Call::placed) makes. Needs no particular runtime. Dropping
/// it cancels the call.
///
/// ```no_run
/// # use outrigger_client::{Buffer, Client, Error, PlacedFuture};
/// # async fn render(client: &Client, scene: Buffer) -> Result<Option<Buffer>, Error> {
/// let future: PlacedFuture<'_> = client.call_buffer("app.render", scene).placed();
/// Ok(future.await?.value)
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct PlacedFuture<'a> {
    polled: Polled<'a, Flight<'a>>,
}

impl<'a> PlacedFuture<'a> {
    pub(crate) fn new(flight: Flight<'a>) -> Self {
        let polled = Polled::new(flight.session, flight);
        Self { polled }
    }
}

impl Future for PlacedFuture<'_> {
    type Output = Result<PlacedReply, Error>;

    /// # Panics
    /// Panics if polled after it has ended.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (flight, outcome) = ready!(self.polled.poll(context));
        Poll::Ready(outcome.and_then(|()| flight.finish_placed()))
    }
}

impl fmt::Debug for PlacedFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlacedFuture").field(&self.polled).finish()
    }
}
