//! A server for tests, written from `layout/ABI.md` and nothing else.
//!
//! Two ways to use it. As a *puppet* the test moves it: [`Fake::request`] takes
//! the next message, [`Fake::answer`] or [`Fake::push_reply`] says what comes
//! back, right or wrong. Or it runs by itself: [`Fake::serve`], in `serve.rs`.
//! Every wait is bounded by [`PATIENCE`].

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file uses a part of it"
)]

mod hear;
mod say;
mod serve;
mod shake;
mod task;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use outrigger_client::{Client, Error, Options};
use outrigger_layout::frame::{ControlHeader, ExtentBody, Hello, Welcome};
use outrigger_layout::ring::RingDescriptor;
use outrigger_layout::segment::SegmentHeader;
use outrigger_layout::slot::SlotHeader;
use outrigger_ringbuf::sync::Ordering;
use outrigger_ringbuf::{
    ClientBell, Consumer, FrameReader, Mapping, Producer, RingView, ServerBell,
};

pub use hear::named;
pub use say::names;
pub use shake::refusal;
pub use task::{Task, block_on, until};

/// No wait of any test is longer: it fails instead.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks of a puppet.
const PAUSE: Duration = Duration::from_micros(50);
/// Bytes of each segment.
const SEGMENT_LEN: u64 = 1 << 20;

/// Changes something before the client sees it.
type Change<T> = Box<dyn FnOnce(&mut T) + Send>;

/// How a fake differs from a good server.
pub struct Knobs {
    pub lanes: u16,
    pub credits: u16,
    pub payload_max: u64,
    /// Changes WELCOME before it is sent.
    pub welcome: Change<Welcome>,
    /// Changes the server segment's header and ring table.
    pub page: Change<(SegmentHeader, Vec<RingDescriptor>)>,
    /// Changes the fds that travel with WELCOME.
    pub fds: Change<Vec<OwnedFd>>,
    /// What is sent instead of WELCOME; nothing else follows.
    pub instead: Option<Vec<u8>>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            lanes: 1,
            credits: 4,
            payload_max: 1 << 20,
            welcome: Box::new(|_| {}),
            page: Box::new(|_| {}),
            fds: Box::new(|_| {}),
            instead: None,
        }
    }
}

/// A socket in a folder of its own, both gone with it.
pub struct Socket {
    folder: PathBuf,
    listener: UnixListener,
}

impl Socket {
    pub fn new() -> Self {
        use outrigger_ringbuf::sync::AtomicU64;
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("outrigger-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let listener = UnixListener::bind(folder.join("s")).unwrap();
        Self { folder, listener }
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.folder.join("s").display())
    }

    /// Accepts one client and says nothing.
    pub fn accept_raw(&self) -> UnixStream {
        self.listener.accept().unwrap().0
    }

    /// Accepts one client and shakes hands.
    pub fn accept(&self, knobs: Knobs) -> Result<Fake, String> {
        let (socket, _) = self.listener.accept().map_err(|error| error.to_string())?;
        Fake::shake(socket, knobs)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A client and the fake it is connected to.
pub fn pair(knobs: Knobs) -> (Client, Fake) {
    pair_with(Client::builder(), knobs)
}

/// As `pair`, with options.
pub fn pair_with(options: Options, knobs: Knobs) -> (Client, Fake) {
    let (client, fake) = try_pair(options, knobs);
    (client.unwrap(), fake.unwrap())
}

/// Both outcomes of a connection.
pub fn try_pair(options: Options, knobs: Knobs) -> (Result<Client, Error>, Result<Fake, String>) {
    let socket = Socket::new();
    let address = socket.address();
    let fake = Task::run(move || {
        let fake = socket.accept(knobs);
        drop(socket);
        fake
    });
    let client = options.connect(&address);
    (client, fake.get())
}

/// One message from the client.
#[derive(Clone, Debug)]
pub struct Message {
    pub lane: usize,
    pub header: SlotHeader,
    pub payload: Vec<u8>,
}

/// The server's end of one session.
pub struct Fake {
    pub hello: Hello,
    socket: UnixStream,
    frames: FrameReader,
    /// Frames from the client that are not BIND.
    inbox: VecDeque<(ControlHeader, Vec<u8>)>,
    pub names: Vec<String>,
    /// Leave BIND unanswered, in `inbox`.
    pub hold_binds: bool,
    pub requests: Vec<Consumer<RingView>>,
    pub replies: Vec<Producer<RingView>>,
    pub grants: Producer<RingView>,
    pub returns: Consumer<RingView>,
    pub client_bell: ClientBell,
    pub server_bell: ServerBell,
    /// Ring for every message, whatever is armed; or never.
    pub ring: Ring,
    rings: Vec<RingDescriptor>,
    server: Arc<Mapping>,
    client: Arc<Mapping>,
    extents: Vec<(ExtentBody, Arc<Mapping>)>,
    serving: serve::Serving,
}

/// When a fake rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    AsArmed,
    Never,
}
