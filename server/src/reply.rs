//! Where a handler puts its answer.

use std::io;

use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::message::{Message, Writer};
use outrigger_layout::{Code, Error};

use crate::lease::Lease;
use crate::session::Session;

/// The answer under construction. What is not written is a value of length 0.
///
/// Small answers are collected in a scratch buffer that is reused from call to
/// call; [`Reply::buffer`] hands out the very bytes that the client will read.
#[derive(Debug)]
pub struct Reply<'a> {
    scratch: &'a mut Vec<u8>,
    form: Form,
    /// Present on workers, where a large buffer may be waited for.
    session: Option<&'a Session>,
    payload_max: u64,
    deadline_ns: u64,
}

/// What the answer consists of.
#[derive(Debug)]
pub(crate) enum Form {
    /// No value.
    NoValue,
    /// The content of the scratch buffer.
    Scratch,
    /// A buffer of the reply arena, filled in place; its length in bytes.
    Filled(Lease, u64),
}

impl<'a> Reply<'a> {
    pub(crate) fn new(
        scratch: &'a mut Vec<u8>,
        session: Option<&'a Session>,
        payload_max: u64,
        deadline_ns: u64,
    ) -> Self {
        scratch.clear();
        Self {
            scratch,
            form: Form::Scratch,
            session,
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
    /// TIMEOUT or PEER_GONE if no buffer could be had.
    pub fn buffer(&mut self, len: usize) -> Result<&mut [u8], Error> {
        self.check(len)?;
        self.discard();
        if let Some(session) = self.session
            && len as u64 > INLINE_MAX
        {
            let lease = session
                .arena()
                .fill(session, len as u64, self.deadline_ns)?;
            self.form = Form::Filled(lease, len as u64);
        } else {
            self.scratch.resize(len, 0);
        }
        match &mut self.form {
            Form::Filled(lease, len) => Ok(lease.filled_mut(*len)),
            _ => Ok(self.scratch),
        }
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
        let Some(session) = self.session else {
            let room = usize::try_from(self.payload_max).unwrap_or(usize::MAX);
            return message.encode(&mut Writer::new(self.scratch, room));
        };
        let limit = usize::try_from(self.payload_max).unwrap_or(usize::MAX);
        let inline_max = INLINE_MAX as usize;
        let mut writer = Writer::measuring(self.scratch, inline_max, limit);
        message.encode(&mut writer)?;
        let len = writer.len();
        if len <= inline_max {
            return Ok(());
        }
        // A worker never waits for a buffer while it holds another: its length is known.
        self.scratch.clear();
        let deadline_ns = self.deadline_ns;
        let lease = session.arena().fill(session, len as u64, deadline_ns)?;
        self.form = Form::Filled(lease, len as u64);
        let written = match &mut self.form {
            Form::Filled(lease, len) => {
                let mut writer = Writer::in_place(lease.filled_mut(*len));
                message.encode(&mut writer).map(|()| writer.len())
            }
            _ => Ok(0),
        };
        match written {
            Ok(written) if written == len => Ok(()),
            outcome => {
                self.discard();
                let seen = outcome?;
                let text = format!("a reply of {seen} bytes, and of {len} before");
                Err(Error::serialization(text))
            }
        }
    }

    /// The form of the finished answer; the scratch buffer goes with it.
    pub(crate) fn finish(mut self) -> Form {
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
        if let Form::Filled(lease, _) = core::mem::replace(&mut self.form, Form::Scratch)
            && let Some(session) = self.session
        {
            session.arena().free(session, &lease);
        }
    }
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        // A panic or an error: what was filled is not sent.
        if matches!(self.form, Form::Filled(..)) {
            self.discard();
        }
    }
}

/// Appends to the value. Fails with `WriteZero` beyond the payload limit, and
/// once [`Reply::buffer`] has fixed the length.
impl io::Write for Reply<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fixed = matches!(self.form, Form::Filled(..));
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
