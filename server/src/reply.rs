//! Where a handler puts its answer.

use std::io;

use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::message::{Message, Writer};
use outrigger_layout::{Code, Error};

use crate::attached::Attached;
use crate::attachment::Attachment;
use crate::filled::Filled;
use crate::session::Session;

/// The answer under construction. What is not written is a value of length 0.
///
/// Small answers are collected in a scratch buffer that is reused from call to
/// call; [`Reply::buffer`] hands out the very bytes that the client will read.
#[derive(Debug)]
pub struct Reply<'a> {
    scratch: &'a mut Vec<u8>,
    form: Form,
    worker: Option<Worker<'a>>,
    payload_max: u64,
    deadline_ns: u64,
}

/// What there is on workers, where buffers may be waited for.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) session: &'a Session,
    pub(crate) filled: &'a mut Filled,
    /// Whether the handler said that it takes attachments.
    pub(crate) takes_attachments: bool,
}

/// What the answer consists of.
#[derive(Debug)]
pub(crate) enum Form {
    /// No value.
    NoValue,
    /// The content of the scratch buffer.
    Scratch,
    /// A buffer of the reply arena, filled in place.
    Filled,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(
        scratch: &'a mut Vec<u8>,
        worker: Option<Worker<'a>>,
        payload_max: u64,
        deadline_ns: u64,
    ) -> Self {
        scratch.clear();
        Self {
            scratch,
            form: Form::Scratch,
            worker,
            payload_max,
            deadline_ns,
        }
    }

    /// Sets the whole value, by copy.
    ///
    /// # Errors
    /// BUFFER_TOO_SMALL beyond the session's payload limit.
    pub fn set(&mut self, value: &[u8]) -> Result<(), Error> {
        self.check(value.len())?;
        self.discard();
        self.scratch.extend_from_slice(value);
        Ok(())
    }

    /// Sets the whole value, taking it over.
    ///
    /// # Errors
    /// BUFFER_TOO_SMALL beyond the session's payload limit.
    pub fn give(&mut self, value: Vec<u8>) -> Result<(), Error> {
        self.check(value.len())?;
        self.discard();
        if value.len() as u64 <= INLINE_MAX {
            self.scratch.extend_from_slice(&value);
        } else {
            *self.scratch = value;
        }
        Ok(())
    }

    /// Answers with no value, which differs from a value of length 0.
    pub fn set_no_value(&mut self) {
        self.discard();
        self.form = Form::NoValue;
    }

    /// Makes the value exactly `len` bytes and hands them out for writing; their
    /// content is unspecified until written. A value too large for a slot is
    /// written straight into the buffer that the client reads.
    ///
    /// # Errors
    /// BUFFER_TOO_SMALL beyond the session's payload limit; RESOURCE_EXHAUSTED,
    /// TIMEOUT or PEER_GONE if no buffer could be had, and what was attached is gone then.
    pub fn buffer(&mut self, len: usize) -> Result<&mut [u8], Error> {
        self.check(len)?;
        self.discard();
        match &mut self.worker {
            Some(worker) if len > worker.filled.room() => {
                let Worker {
                    session, filled, ..
                } = worker;
                let bytes = filled.add_value(session, len as u64, self.deadline_ns)?;
                self.form = Form::Filled;
                Ok(bytes)
            }
            _ => {
                self.scratch.resize(len, 0);
                Ok(self.scratch)
            }
        }
    }

    /// Attaches bytes to the answer, beside its value, and hands them out for writing:
    /// they are those that the client reads. Their content is unspecified until written.
    /// Buffers are had for all of these lengths or for none; an answer may have 4
    /// attachments, one of no bytes among them.
    ///
    /// If the handler fails they are not sent.
    ///
    /// ```
    /// use outrigger_server::{Context, Error, Handler, Reply, Request};
    ///
    /// /// Answers with the two halves of what it is given.
    /// struct Cut;
    ///
    /// impl Handler for Cut {
    ///     fn call(
    ///         &self,
    ///         _: &Context<'_>,
    ///         request: Request<'_>,
    ///         reply: &mut Reply<'_>,
    ///     ) -> Result<(), Error> {
    ///         let (left, right) = request.bytes().split_at(request.bytes().len() / 2);
    ///         let [first, second] = reply.attach([left.len(), right.len()])?;
    ///         first.copy_from_slice(left);
    ///         second.copy_from_slice(right);
    ///         Ok(())
    ///     }
    ///
    ///     fn takes_attachments(&self) -> bool {
    ///         true
    ///     }
    /// }
    /// # outrigger_server::Registry::default().register("cut", Cut)?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the handler does not [take
    /// attachments](crate::Handler::takes_attachments), or for too many of them;
    /// BUFFER_TOO_SMALL for one beyond the session's payload limit; RESOURCE_EXHAUSTED,
    /// TIMEOUT or PEER_GONE if no buffers could be had. If it takes some, what was attached
    /// before, or written, is gone then.
    pub fn attach<const N: usize>(&mut self, lens: [usize; N]) -> Result<[&mut [u8]; N], Error> {
        self.attach_by(|attached| attached.into_array(lens))
    }

    /// As [`Reply::attach`] for a number of attachments that is not known before. Allocates
    /// the list of them.
    ///
    /// # Errors
    /// As `attach`.
    pub fn attach_all(&mut self, lens: &[usize]) -> Result<Vec<&mut [u8]>, Error> {
        self.attach_by(|attached| attached.into_list(lens))
    }

    /// Attaches; if that fails, nothing of the answer is left.
    fn attach_by<'b, T>(
        &'b mut self,
        attach: impl FnOnce(Attached<'b>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let attached = attached(&mut self.worker, self.deadline_ns);
        let takes_attachments = attached.takes_more();
        attach(attached).inspect_err(|_| {
            if takes_attachments {
                self.scratch.clear();
                self.form = Form::Scratch;
            }
        })
    }

    /// The attachments of the call whose answer this is, beside the value.
    #[inline]
    pub(crate) fn attached<'b>(&'b mut self, requests: &'b [Attachment]) -> Attached<'b> {
        attached(&mut self.worker, self.deadline_ns).with(requests)
    }

    /// Sets the whole value to the archive of a message. Beyond a slot it is written
    /// straight into the buffer that the client reads.
    ///
    /// ```
    /// use outrigger_server::{Context, Error, Handler, Reply, Request};
    ///
    /// #[outrigger::message]
    /// pub struct Greeting {
    ///     pub text: String,
    /// }
    ///
    /// struct Greet;
    ///
    /// impl Handler for Greet {
    ///     fn call(
    ///         &self,
    ///         _: &Context<'_>,
    ///         _: Request<'_>,
    ///         reply: &mut Reply<'_>,
    ///     ) -> Result<(), Error> {
    ///         reply.message(&Greeting { text: "good day".to_owned() })
    ///     }
    /// }
    /// # outrigger_server::Registry::default().register("greet", Greet)?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Reply::buffer`].
    pub fn message<M: Message>(&mut self, message: &M) -> Result<(), Error> {
        self.discard();
        let limit = usize::try_from(self.payload_max).unwrap_or(usize::MAX);
        let Some(worker) = &mut self.worker else {
            return message.encode(&mut Writer::new(self.scratch, limit));
        };
        let room = worker.filled.room();
        let mut writer = Writer::measuring(self.scratch, room, limit);
        message.encode(&mut writer)?;
        let len = writer.len();
        if len <= room {
            return Ok(());
        }
        // Nobody waits for a buffer while he has another: its length is known.
        self.scratch.clear();
        let Worker {
            session, filled, ..
        } = worker;
        let bytes = filled.add_value(session, len as u64, self.deadline_ns)?;
        self.form = Form::Filled;
        let mut writer = Writer::in_place(bytes);
        match message.encode(&mut writer).map(|()| writer.len()) {
            Ok(written) if written == len => Ok(()),
            outcome => {
                self.discard();
                let seen = outcome?;
                let text = format!("a reply of {seen} bytes, and of {len} before");
                Err(Error::serialization(text))
            }
        }
    }

    /// The form of the finished answer; scratch and buffers stay as they are.
    pub(crate) fn finish(mut self) -> Form {
        self.worker = None;
        core::mem::replace(&mut self.form, Form::Scratch)
    }

    /// True if the finished answer is no value. On a poller, where no buffer is
    /// filled, it is else the content of the scratch buffer.
    #[inline]
    pub(crate) fn is_no_value(&self) -> bool {
        matches!(self.form, Form::NoValue)
    }

    /// What went wrong when a serializer could not write here.
    pub(crate) fn explain(&self, error: &serde_json::Error) -> Error {
        if error.is_io() {
            return Error::buffer_too_small(self.payload_max + 1, self.payload_max);
        }
        Error::serialization(error)
    }

    fn check(&self, len: usize) -> Result<(), Error> {
        if len as u64 > self.payload_max {
            return Err(Error::buffer_too_small(len as u64, self.payload_max));
        }
        Ok(())
    }

    /// Back to a value of length 0.
    fn discard(&mut self) {
        self.scratch.clear();
        if let (Form::Filled, Some(worker)) = (&self.form, &mut self.worker) {
            worker.filled.discard_value(worker.session);
        }
        self.form = Form::Scratch;
    }

    /// Back to nothing at all: what was filled is not sent.
    fn abandon(&mut self) {
        self.discard();
        if let Some(worker) = &mut self.worker {
            worker.filled.discard(worker.session);
        }
    }
}

/// What may be attached to an answer.
#[inline]
fn attached<'b>(worker: &'b mut Option<Worker<'_>>, deadline_ns: u64) -> Attached<'b> {
    match worker {
        Some(worker) if worker.takes_attachments => {
            Attached::filling(worker.session, worker.filled, deadline_ns)
        }
        _ => Attached::none(),
    }
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        // A panic or an error, as it was not finished.
        if self.worker.is_some() {
            self.abandon();
        }
    }
}

/// Appends to the value. Fails with `WriteZero` beyond the payload limit, and
/// once [`Reply::buffer`] has fixed the length.
impl io::Write for Reply<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fixed = matches!(self.form, Form::Filled);
        if fixed || (self.scratch.len() + bytes.len()) as u64 > self.payload_max {
            let text = format!("{} (maximum {})", Code::BUFFER_TOO_SMALL, self.payload_max);
            return Err(io::Error::new(io::ErrorKind::WriteZero, text));
        }
        self.form = Form::Scratch;
        self.scratch.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
