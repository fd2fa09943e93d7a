//! The client: a session that many threads and tasks share.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use outrigger_layout::message::{Failure, Message};
use outrigger_layout::{Code, Codec, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::agreement::Agreements;
use crate::allocation::{self, Allocation};
use crate::buffer::Buffer;
use crate::call::Call;
use crate::connect::{self, Incoming};
use crate::lock::lock;
use crate::method::TypedMethod;
use crate::options::Options;
use crate::payload::Payload;
use crate::reader::Reader;
use crate::session::Session;
use crate::stats::Stats;
use crate::typed::TypedCall;

/// A connection to a server; clones share it. The last one to go closes it.
///
/// ```no_run
/// use outrigger_client::Client;
///
/// # fn main() -> Result<(), outrigger_client::Error> {
/// let client = Client::connect("unix:///run/app/bridge.sock")?;
/// let reply = client.call("outrigger.echo", b"hello").wait()?;
/// assert_eq!(reply.bytes(), b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    session: Arc<Session>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Client {
    /// Connects to the server that listens at `address`: `unix:///path`, or just
    /// the path, of at most 107 bytes.
    ///
    /// # Errors
    /// Says what was seen and what is allowed: INVALID_ARGUMENT (address, or a
    /// server of another uid than this one's or root's), PEER_GONE (no socket,
    /// nobody listens, hang-up), TIMEOUT, PROTOCOL and VERSION_MISMATCH (a server
    /// that does not keep to the ABI), or the code with which the server refused.
    pub fn connect(address: &str) -> Result<Self, Error> {
        Options::default().connect(address)
    }

    /// What may be chosen before connecting.
    pub fn builder() -> Options {
        Options::default()
    }

    pub(crate) fn connect_with(address: &str, options: &Options) -> Result<Self, Error> {
        let (session, incoming) = connect::connect(address, options)?;
        let session = Arc::new(session);
        let reader = spawn_reader(&session, incoming)
            .map_err(|error| Error::resource_exhausted(format!("reader thread: {error}")))?;
        let reader = Mutex::new(Some(reader));
        let shared = Arc::new(Shared { session, reader });
        Ok(Self { shared })
    }

    /// A call of `method` with these bytes, or with `()` for no value. It begins
    /// when it is waited for or awaited.
    pub fn call<'a>(&'a self, method: &'a str, payload: impl Into<Payload<'a>>) -> Call<'a> {
        Call::new(&self.shared.session, method, payload.into())
    }

    /// A call of `method` whose value is in a buffer: what was granted is sent where it
    /// is. The buffer is moved, whatever becomes of the call. One that came with a reply
    /// may be sent, too, by any client; it is copied.
    ///
    /// ```no_run
    /// # use outrigger_client::{Client, Error};
    /// # fn upload(client: &Client, image: &[u8]) -> Result<(), Error> {
    /// let mut request = client.alloc(image.len())?;
    /// request.write_at(0, image)?;
    /// let reply = client.call_buffer("app.upload", request).wait()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The call fails with INVALID_ARGUMENT if another client granted the buffer, which
    /// goes back there.
    pub fn call_buffer<'a>(&'a self, method: &'a str, value: Buffer) -> Call<'a> {
        Call::of(&self.shared.session, method, value)
    }

    /// Has a buffer for a request, and blocks until it is there: empty, with room for at
    /// least `len` bytes. Where those fit in a slot it is memory of this process, which is
    /// copied when it is sent; else memory that the server reads.
    ///
    /// ```no_run
    /// # use outrigger_client::{Client, Error};
    /// # fn main() -> Result<(), Error> {
    /// # let client = Client::connect("/run/app/bridge.sock")?;
    /// let mut buffer = client.alloc(4096)?;
    /// buffer.write_at(0, b"in place")?;
    /// assert_eq!(buffer.len(), 8);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Allocation::wait`], which has a deadline if it is wanted.
    pub fn alloc(&self, len: usize) -> Result<Buffer, Error> {
        let [buffer] = self.allocate([len]).wait()?;
        Ok(buffer)
    }

    /// Has buffers for one request, all or none, and blocks until they are there: in the
    /// order of their lengths. Two who have buffers one by one can wait for each other.
    ///
    /// ```no_run
    /// # use outrigger_client::{Client, Error};
    /// # fn gather(client: &Client, parts: &[Vec<u8>]) -> Result<(), Error> {
    /// let lens: Vec<usize> = parts.iter().map(Vec::len).collect();
    /// let mut call = client.call("app.gather", ());
    /// for (mut buffer, part) in client.alloc_all(&lens)?.into_iter().zip(parts) {
    ///     buffer.write_at(0, part)?;
    ///     call = call.attach(buffer);
    /// }
    /// call.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Allocation::wait`].
    pub fn alloc_all(&self, lens: &[usize]) -> Result<Vec<Buffer>, Error> {
        allocation::alloc_all(&self.shared.session, lens)
    }

    /// As [`Client::alloc_all`], for a number of buffers that is known: with a deadline or
    /// without, blocking or awaited.
    ///
    /// ```no_run
    /// # use outrigger_client::{Client, Error};
    /// # async fn two(client: &Client) -> Result<(), Error> {
    /// let [index, data] = client.allocate([4096, 1 << 20]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn allocate<const N: usize>(&self, lens: [usize; N]) -> Allocation<'_, N> {
        Allocation::new(&self.shared.session, lens)
    }

    /// A call of a typed method; generated clients make it, in this way:
    ///
    /// ```no_run
    /// use outrigger_client::{Client, Error, TypedMethod};
    /// # #[outrigger::message] pub struct Person { pub name: String }
    /// # #[outrigger::message] pub struct Greeting { pub text: String }
    /// # #[outrigger::service]
    /// # pub trait Greeter {
    /// #     fn greet(&self, person: &outrigger::Archived<Person>)
    /// #         -> Result<Greeting, outrigger_client::Error>;
    /// # }
    /// # fn greet(client: &Client, person: &Person) -> Result<(), Error> {
    /// static GREET: TypedMethod = TypedMethod::new(|| &GreeterClient::SCHEMA.methods[0]);
    /// let greeting = client.invoke::<Person, Greeting, Error>(&GREET, person).wait()?;
    /// assert_eq!(greeting.text, "good day, Ada");
    /// # Ok(())
    /// # }
    /// ```
    pub fn invoke<'a, Q: Message, R: Message, E: Failure>(
        &'a self,
        method: &'static TypedMethod,
        request: &'a Q,
    ) -> TypedCall<'a, Q, R, E> {
        TypedCall::new(self, method, request)
    }

    /// Calls, blocks, and puts the reply's value into `into` in place of its
    /// content. Returns its length, or `None` for no value. The way without any
    /// allocation: see [`Call::wait_into`].
    ///
    /// ```no_run
    /// # use outrigger_client::{Client, Error};
    /// # fn main() -> Result<(), Error> {
    /// # let client = Client::connect("/run/app/bridge.sock")?;
    /// let mut value = Vec::with_capacity(4096);
    /// match client.call_into("outrigger.echo", b"hello", &mut value)? {
    ///     Some(len) => assert_eq!(len, value.len()),
    ///     None => println!("no value"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Call::wait`]; `into` is empty then, or as it was.
    pub fn call_into<'a>(
        &'a self,
        method: &'a str,
        payload: impl Into<Payload<'a>>,
        into: &mut Vec<u8>,
    ) -> Result<Option<usize>, Error> {
        self.call(method, payload).wait_into(into)
    }

    /// Calls with a request and a reply in JSON, and blocks.
    ///
    /// ```no_run
    /// # use outrigger_client::{Client, Error};
    /// # fn main() -> Result<(), Error> {
    /// # let client = Client::connect("/run/app/bridge.sock")?;
    /// let sum: u64 = client.call_json("math.add", &[1_u64, 2])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Call::wait`]; SERIALIZATION if the request cannot be written, or the
    /// reply is empty or not of this type.
    pub fn call_json<Req, Rep>(&self, method: &str, request: &Req) -> Result<Rep, Error>
    where
        Req: Serialize + ?Sized,
        Rep: DeserializeOwned,
    {
        let request = serde_json::to_vec(request)
            .map_err(|error| Error::serialization(format!("serialize request: {error}")))?;
        let reply = self.call(method, &request).codec(Codec::JSON).wait()?;
        if reply.bytes().is_empty() {
            let text = format!("empty response from {method:?}");
            return Err(Error::serialization(text));
        }
        reply.json()
    }

    /// The version of the server's crate, as WELCOME gave it.
    pub fn version(&self) -> &str {
        &self.shared.session.terms.version
    }

    /// What was agreed with the server upon versions of methods.
    pub(crate) fn agreements(&self) -> &Agreements {
        &self.shared.session.agreements
    }

    /// The session's epoch: a server instance never gives it twice.
    pub fn epoch(&self) -> u64 {
        self.shared.session.terms.epoch
    }

    /// The largest payload of one message in bytes.
    pub fn payload_max(&self) -> u64 {
        self.shared.session.terms.payload_max
    }

    /// The names of the methods that the server has registered now.
    ///
    /// # Errors
    /// As [`Call::wait`].
    pub fn methods(&self) -> Result<Vec<String>, Error> {
        let call = self.call("outrigger.methods", ()).codec(Codec::JSON);
        call.wait()?.json()
    }

    /// A snapshot of the session's counters.
    pub fn stats(&self) -> Stats {
        self.shared.session.stats()
    }

    /// Why the session ended, if it has: the error that every call gets.
    pub fn end_reason(&self) -> Option<Error> {
        self.shared.session.end_reason().cloned()
    }

    /// Closes the session, for all clones. Calls in flight and later calls fail
    /// with CANCELLED, as it was this side that ended them; if the session had
    /// ended before, its own reason stays. May be called again, and from any
    /// thread; the reader thread has ended when the first call returns.
    ///
    /// The memory goes with the last clone.
    pub fn close(&self) {
        self.shared.close();
    }
}

fn spawn_reader(session: &Arc<Session>, incoming: Incoming) -> std::io::Result<JoinHandle<()>> {
    let reader = Reader::new(Arc::clone(session), incoming);
    thread::Builder::new()
        .name("outrigger-reader".to_owned())
        .spawn(move || reader.run())
}

impl Shared {
    fn close(&self) {
        let text = "operation cancelled: the client is closed";
        let closed = Error::new(Code::CANCELLED, text);
        if self.session.end_reason().is_none() {
            // The server frees it all the same, should that fail.
            let _ = self.session.return_stock();
        }
        self.session.end(closed, Code::OK);
        let Some(reader) = lock(&self.reader).take() else {
            return;
        };
        if reader.thread().id() == thread::current().id() {
            // The last clone went with a task that the reader thread woke: it ends
            // by itself, as it sees the end of the session next.
            return;
        }
        // A panic of the reader thread is a defect, and was reported as one.
        let _ = reader.join();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("epoch", &self.epoch())
            .field("version", &self.version())
            .field("ended", &self.end_reason())
            .finish_non_exhaustive()
    }
}
