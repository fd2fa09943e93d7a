//! Both ends of a session in one thread, over heap memory: no sockets, no other
//! thread, no clock but the one given. For tests, and for counting instructions.
//!
//! ```
//! use outrigger_server::stepping::Loopback;
//! use outrigger_server::{Server, Code};
//!
//! let mut pair = Loopback::new(Server::builder())?;
//! let echo = pair.bind("outrigger.echo")?;
//! pair.send_call(echo, 1, b"ping");
//! pair.step()?;
//! let (header, payload) = pair.receive().expect("a reply");
//! assert_eq!((Code(header.code), &payload[..]), (Code::OK, &b"ping"[..]));
//! # Ok::<(), outrigger_server::Error>(())
//! ```

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use outrigger_layout::buffer::BufferRef;
use outrigger_layout::frame::{BindBody, BoundBody, ExtentBody, control};
use outrigger_layout::ring::kind as ring;
use outrigger_layout::schema::UNTYPED;
use outrigger_layout::segment::side;
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_layout::{Error, limits};
use outrigger_ringbuf::{
    ClientBell, Consumer, Mapping, Producer, RingView, Role, ServerBell, map_received,
};
use tokio::sync::mpsc;

use crate::builder::Builder;
use crate::clock::Now;
use crate::context::Peer;
use crate::errno::system;
use crate::estate::Holding;
use crate::pool::Pool;
use crate::quota::Quota;
use crate::registry::Registry;
use crate::session::{Geometry, Intake, OUTGOING_MAX, Outgoing, Services, Session, SessionMemory};
use crate::sessions::SessionStats;

/// A session whose client half is driven by hand.
#[derive(Debug)]
pub struct Loopback {
    session: Arc<Session>,
    intake: Intake,
    registry: Arc<Registry>,
    pool: Arc<Pool>,
    /// What the client writes into lane 0's request ring.
    pub requests: Producer<RingView>,
    /// What the client reads from lane 0's reply ring.
    pub replies: Consumer<RingView>,
    /// What the client writes into the return ring.
    pub returns: Producer<RingView>,
    /// What the client reads from the grant ring.
    pub grants: Consumer<RingView>,
    outgoing: mpsc::Receiver<Outgoing>,
    /// What the client has mapped, by the extents' ids.
    extents: BTreeMap<u32, Mapping>,
    /// The client's end of its doorbell. Without it ringing is SIGPIPE, which not every
    /// process that has tests ignores.
    _client_end: OwnedFd,
    now_ns: u64,
}

impl Loopback {
    /// A session of one lane with the builder's handlers and limits.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED without descriptors for the doorbells.
    pub fn new(builder: Builder) -> Result<Self, Error> {
        let text = |error: std::io::Error| system("creating a doorbell", &error);
        let (client_bell, client_end) = ClientBell::new().map_err(text)?;
        let bells = (client_bell, ServerBell::new().map_err(text)?);
        let limits = builder.limits;
        let geometry = Geometry::new(1, 1, &limits.call_credits(), limits.buffers_max);
        let memory = SessionMemory::heap(geometry)?;
        let SessionMemory {
            geometry,
            server,
            client,
        } = &memory;
        let requests = geometry.view(ring::REQUEST, 0, client, server)?;
        let replies = geometry.view(ring::REPLY, 0, server, client)?;
        let returns = geometry.view(ring::RETURN, 0, client, server)?;
        let grants = geometry.view(ring::GRANT, 0, server, client)?;
        let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
        let uid = rustix::process::geteuid().as_raw();
        let peer = Peer {
            uid,
            pid: 0,
            in_place: builder.in_place,
        };
        let account = Quota::new(limits.uid_bytes, limits.total_bytes).open(uid);
        let holding = Holding::new(account, None);
        let (session, intake) = Session::new(1, peer, limits, memory, bells, sender, holding)?;
        builder.sessions.insert(&session);
        Ok(Self {
            session,
            intake,
            registry: builder.registry,
            pool: Arc::new(Pool::start(0, limits.jobs_max).map_err(text)?),
            requests: Producer::new(requests),
            replies: Consumer::new(replies),
            returns: Producer::new(returns),
            grants: Consumer::new(grants),
            outgoing,
            extents: BTreeMap::new(),
            _client_end: client_end,
            now_ns: 1,
        })
    }

    /// Sets the time that deadlines are compared with, in nanoseconds.
    pub fn set_now(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    /// The registry of the server half.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Binds a method, as the control socket would.
    ///
    /// # Errors
    /// As BOUND.
    pub fn bind(&self, name: &str) -> Result<u16, Error> {
        self.bind_typed(name, UNTYPED)
    }

    /// Binds a typed method.
    ///
    /// # Errors
    /// As BOUND.
    pub fn bind_typed(&self, name: &str, fingerprint: [u8; 16]) -> Result<u16, Error> {
        let body = BindBody { fingerprint };
        let body = [bytemuck::bytes_of(&body), name.as_bytes()].concat();
        let bound = self.session.bindings().bind(&body, &self.registry)?;
        Ok(bytemuck::pod_read_unaligned::<BoundBody>(&bound).method)
    }

    /// Header of a raw CALL of depth 0 without a deadline.
    pub fn call_header(method: u16, correlation: u64) -> SlotHeader {
        let header: SlotHeader = bytemuck::Zeroable::zeroed();
        SlotHeader {
            kind: kind::CALL,
            method,
            correlation,
            ..header
        }
    }

    /// Publishes a raw CALL.
    ///
    /// # Panics
    /// Panics if the ring is full or the payload does not fit: the test's fault.
    pub fn send_call(&mut self, method: u16, correlation: u64, payload: &[u8]) {
        self.send(&Self::call_header(method, correlation), payload);
    }

    /// Publishes any message in the request ring.
    ///
    /// # Panics
    /// Panics if the ring is full or the payload does not fit: the test's fault.
    pub fn send(&mut self, header: &SlotHeader, payload: &[u8]) {
        let _rings = self
            .requests
            .push(header, &[payload])
            .expect("room for a message");
    }

    /// Runs the server half: reads the rings once, then runs the jobs this queued.
    /// Returns how many messages were read.
    ///
    /// # Errors
    /// The violation that ends the session.
    pub fn step(&mut self) -> Result<usize, Error> {
        let found = self.poll()?;
        self.pool.run_queued();
        Ok(found)
    }

    /// As [`Loopback::step`], with a worker that may wait for extents: they are
    /// mapped and unmapped meanwhile.
    ///
    /// # Errors
    /// The violation that ends the session.
    pub fn step_mapping(&mut self) -> Result<usize, Error> {
        let found = self.poll()?;
        let pool = Arc::clone(&self.pool);
        std::thread::scope(|scope| {
            let worker = scope.spawn(move || pool.run_queued());
            while !worker.is_finished() {
                self.map_extents()?;
                std::thread::yield_now();
            }
            self.map_extents()
        })?;
        Ok(found)
    }

    /// Runs the poller's part alone, as the instruction count wants it.
    ///
    /// # Errors
    /// The violation that ends the session.
    #[inline(never)]
    pub fn poll(&mut self) -> Result<usize, Error> {
        let now = Now::fixed(self.now_ns);
        let mut services = Services {
            registry: &self.registry,
            pool: &self.pool,
            now,
        };
        self.intake.poll(&mut services)
    }

    /// Takes the next reply.
    pub fn receive(&mut self) -> Option<(SlotHeader, Vec<u8>)> {
        let mut payload = vec![0; limits::INLINE_MAX as usize];
        let header = self.receive_into(&mut payload)?;
        payload.truncate(header.payload_len as usize);
        Some((header, payload))
    }

    /// Takes the next reply into `payload`, which has room for a slot.
    pub fn receive_into(&mut self, payload: &mut [u8]) -> Option<SlotHeader> {
        let header = self.replies.peek().ok().flatten()?;
        self.replies
            .copy_payload(0, &mut payload[..header.payload_len as usize]);
        self.replies.release();
        Some(header)
    }

    /// Writes into a buffer that was granted, from its beginning.
    ///
    /// # Panics
    /// Panics if it is in no extent that the client has mapped: the test's fault.
    pub fn write(&self, granted: &BufferRef, bytes: &[u8]) {
        let mapping = &self.extents[&granted.extent];
        let written = mapping.copy_in(granted.offset, bytes);
        written.expect("it has room");
    }

    /// Reads what a reply says of a buffer that was lent.
    ///
    /// # Panics
    /// Panics if it is in no extent that the client has mapped: the server's fault.
    pub fn read(&self, lent: &BufferRef) -> Vec<u8> {
        let mut bytes = vec![0; lent.length as usize];
        let copied = self.extents[&lent.extent].copy_out(lent.offset, &mut bytes);
        copied.expect("the reply names bytes of its extent");
        bytes
    }

    /// Maps every extent that was announced, unmaps those that are to be dropped, and
    /// acknowledges both. Returns how many were announced.
    ///
    /// # Errors
    /// As the control socket would report.
    pub fn map_extents(&mut self) -> Result<usize, Error> {
        let mut count = 0;
        while let Ok(frame) = self.outgoing.try_recv() {
            let (arena, id) = (self.session.arena(), frame.token as u32);
            let plans = match frame.kind {
                control::EXTENT => {
                    count += 1;
                    self.extents.insert(id, extent(&frame)?);
                    arena.mapped(&self.session, id)?
                }
                control::EXTENT_DROP => {
                    self.extents.remove(&id);
                    arena.dropped(&self.session, id)?
                }
                _ => continue,
            };
            arena.grow_all(&self.session, &plans);
        }
        Ok(count)
    }

    /// Ticks, as the control task does about once a second while there is something to
    /// do. Returns true if it would go on.
    pub fn tick(&mut self) -> bool {
        let (plans, again) = self.session.arena().tick(&self.session);
        self.session.arena().grow_all(&self.session, &plans);
        again
    }

    /// What the session's memory does.
    pub fn stats(&self) -> SessionStats {
        SessionStats::of(&self.session)
    }

    /// Ends the session, as the control socket does when the client has closed it.
    pub fn end(&self, reason: Error) {
        self.session.end(reason);
    }

    /// Why the session ended, if it has.
    pub fn ended(&self) -> Option<Error> {
        self.session.reason()
    }

    /// Buffers that are not free now.
    pub fn buffers_in_use(&self) -> u64 {
        self.session.arena().usage().ledger.in_use()
    }
}

/// An extent, mapped as a client maps it.
fn extent(frame: &Outgoing) -> Result<Mapping, Error> {
    let body: ExtentBody = bytemuck::pod_read_unaligned(&frame.body);
    let role = if body.side == side::SERVER {
        Role::Server
    } else {
        Role::Client
    };
    let fd = frame.fd.as_ref();
    let fd = fd.ok_or_else(|| Error::protocol("an extent without a descriptor"))?;
    map_received(fd, role, body.length).map_err(|error| system("mapping an extent", &error))
}
