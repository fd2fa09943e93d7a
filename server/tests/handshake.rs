//! The handshake byte by byte, from a raw socket: what is refused, and how.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use outrigger_layout::Code;
use outrigger_layout::buffer::BufferRef;
use outrigger_layout::frame::{
    ControlHeader, FRAME_MAGIC, HandshakePrefix, Hello, Refused, Welcome, control, handshake,
};
use outrigger_layout::limits::ABI_VERSION;
use outrigger_layout::ring::{self, RingDescriptor};
use outrigger_layout::segment::SegmentHeader;
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_ringbuf::{Producer, RingView, Role, ServerBell, map_received, receive};
use outrigger_server::{Error, Server, ServerHandle};

/// A server on a socket of its own, ended by drop.
struct Running {
    path: PathBuf,
    handle: ServerHandle,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Running {
    fn start(name: &str) -> Self {
        let name = format!("outrigger-{}-{name}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let server = Server::builder().bind(&path).expect("the path is free");
        let handle = server.handle();
        let thread = Some(std::thread::spawn(move || server.run()));
        Self {
            path,
            handle,
            thread,
        }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends bytes; returns the code and message of REFUSED.
    fn refusal_of(&self, bytes: &[u8]) -> (Code, String) {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .expect("the server answers and hangs up");
        let refused: Refused = bytemuck::pod_read_unaligned(&answer[..size_of::<Refused>()]);
        assert_eq!(refused.prefix.kind, handshake::REFUSED);
        assert_eq!(refused.prefix.length as usize, answer.len());
        let message = String::from_utf8(answer[size_of::<Refused>()..].to_vec()).unwrap();
        (Code(refused.code), message)
    }

    /// Shakes hands; returns the live socket and the epoch.
    fn shake(&self) -> (UnixStream, u64) {
        let mut stream = self.connect();
        stream.write_all(bytemuck::bytes_of(&hello())).unwrap();
        let mut bytes = [0; size_of::<Welcome>()];
        stream.read_exact(&mut bytes).unwrap();
        let welcome: Welcome = bytemuck::pod_read_unaligned(&bytes);
        assert_eq!(welcome.prefix.kind, handshake::WELCOME);
        send(&mut stream, control::READY, welcome.epoch, &[]);
        (stream, welcome.epoch)
    }

    fn wait_for_sessions(&self, count: u64) {
        let give_up = Instant::now() + Duration::from_secs(20);
        while self.handle.stats().sessions != count {
            assert!(Instant::now() < give_up, "{:?}", self.handle.stats());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.abort();
        if let Some(thread) = self.thread.take() {
            thread
                .join()
                .expect("the server does not panic")
                .expect("and ends in order");
        }
        assert!(!self.path.exists(), "nothing is left behind");
    }
}

fn hello() -> Hello {
    let abi = ABI_VERSION as u32;
    let prefix = HandshakePrefix {
        magic: FRAME_MAGIC,
        length: size_of::<Hello>() as u32,
        kind: handshake::HELLO,
        abi_min: abi,
        abi_max: abi,
        features: 0,
    };
    Hello {
        prefix,
        clock_ns: 1,
        lanes: 0,
        reserved: [0; 3],
        reserved_tail: [0; 2],
    }
}

fn send(stream: &mut UnixStream, kind: u16, token: u64, body: &[u8]) {
    let header = ControlHeader {
        kind,
        code: 0,
        length: body.len() as u32,
        token,
    };
    stream
        .write_all(&[bytemuck::bytes_of(&header), body].concat())
        .unwrap();
}

/// The next frame of a live session.
fn next(stream: &mut UnixStream) -> (ControlHeader, Vec<u8>) {
    let mut bytes = [0; size_of::<ControlHeader>()];
    stream.read_exact(&mut bytes).expect("a frame");
    let header: ControlHeader = bytemuck::pod_read_unaligned(&bytes);
    let mut body = vec![0; header.length as usize];
    stream.read_exact(&mut body).expect("its body");
    (header, body)
}

#[test]
fn wrong_magic_version_kind_and_length_are_refused_clearly_and_the_server_lives() {
    let server = Running::start("refused");
    let changed = |change: fn(&mut Hello)| {
        let mut hello = hello();
        change(&mut hello);
        server.refusal_of(bytemuck::bytes_of(&hello))
    };
    let cases = [
        (
            changed(|hello| hello.prefix.magic = 7),
            Code::PROTOCOL,
            "handshake magic 0x",
        ),
        (
            changed(|hello| hello.prefix.length = 5000),
            Code::PROTOCOL,
            "frame length 5000",
        ),
        (
            changed(|hello| hello.prefix.length = 40),
            Code::PROTOCOL,
            "HELLO of 40 bytes",
        ),
        (
            changed(|hello| hello.prefix.kind = 2),
            Code::PROTOCOL,
            "handshake kind 2",
        ),
        (
            changed(|hello| hello.prefix.abi_min = 2),
            Code::VERSION_MISMATCH,
            "client speaks ABI 2 to 1, server speaks 1",
        ),
        (
            changed(|hello| hello.reserved[1] = 1),
            Code::PROTOCOL,
            "reserved bytes",
        ),
    ];
    for ((code, message), wanted, text) in cases {
        assert_eq!(code, wanted, "{message}");
        assert!(message.contains(text), "{message}");
    }
    let (_stream, _) = server.shake();
    server.wait_for_sessions(1);
    assert_eq!(server.handle.stats().refused, 6);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_handshake_leaves_nothing() {
    let server = Running::start("leaves");
    for len in [0, 8, 40, 64] {
        let mut stream = server.connect();
        stream
            .write_all(&bytemuck::bytes_of(&hello())[..len])
            .unwrap();
        drop(stream);
    }
    let (stream, _) = server.shake();
    server.wait_for_sessions(1);
    drop(stream);
    server.wait_for_sessions(0);
}

#[test]
fn fb_10_bind_answers_each_wrong_name_and_the_session_lives() {
    let server = Running::start("bind");
    let (mut stream, _) = server.shake();
    let bind = |name: &[u8]| [&[0; 16], name].concat();
    let long = bind(&[b'n'; 256]);
    let mut typed = bind(b"outrigger.echo");
    typed[3] = 1;
    let cases: [(&[u8], Code); 6] = [
        (&bind(b"any.name"), Code::OK),
        (&bind(b""), Code::NULL_POINTER),
        (&bind(b"\xff\xfe"), Code::INVALID_UTF8),
        (&long, Code::INVALID_ARGUMENT),
        (&typed, Code::VERSION_MISMATCH),
        (b"short", Code::INVALID_ARGUMENT),
    ];
    for (token, (body, code)) in cases.into_iter().enumerate() {
        send(&mut stream, control::BIND, token as u64, body);
        let (bound, message) = next(&mut stream);
        assert_eq!((bound.kind, bound.token), (control::BOUND, token as u64));
        assert_eq!(
            Code(bound.code),
            code,
            "{}",
            String::from_utf8_lossy(&message)
        );
    }
}

#[test]
fn frames_that_a_client_may_not_send_end_its_session_with_a_reason_and_no_other() {
    let server = Running::start("frames");
    let (mut bystander, _) = server.shake();
    for (kind, token, body, text) in [
        (99, 0, &b""[..], "frame 99 from a client"),
        (control::BOUND, 0, b"", "frame 3 from a client"),
        (
            control::EXTENT_MAPPED,
            9,
            b"",
            "extent 9 is not awaiting its mapping",
        ),
        (
            control::EXTENT_DROPPED,
            9,
            b"",
            "extent 9 is not being dropped",
        ),
        (control::GOAWAY_ACK, 0, b"abc", "GOAWAY_ACK without GOAWAY"),
    ] {
        let (mut stream, _) = server.shake();
        send(&mut stream, kind, token, body);
        let (bye, message) = next(&mut stream);
        assert_eq!((bye.kind, Code(bye.code)), (control::BYE, Code::PROTOCOL));
        assert_eq!(
            String::from_utf8(message).unwrap(),
            format!("protocol violation: {text}")
        );
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "hang-up follows");
    }
    send(
        &mut bystander,
        control::BIND,
        5,
        &[&[0; 16], &b"still.here"[..]].concat(),
    );
    assert_eq!(next(&mut bystander).0.token, 5);
    assert_eq!(server.handle.stats().failed, 5);
}

#[test]
fn ready_must_come_and_name_the_epoch() {
    let server = Running::start("ready");
    let mut stream = server.connect();
    stream.write_all(bytemuck::bytes_of(&hello())).unwrap();
    stream.read_exact(&mut [0; size_of::<Welcome>()]).unwrap();
    send(&mut stream, control::READY, 4711, &[]);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[size_of::<Refused>()..]).into_owned();
    assert!(text.contains("token 4711 instead of READY"), "{text}");
}

/// A raw client that has mapped its segments: the writing end of its return ring, and
/// the server's doorbell.
fn returns_of(running: &Running) -> (UnixStream, Producer<RingView>, ServerBell) {
    let mut stream = running.connect();
    stream.write_all(bytemuck::bytes_of(&hello())).unwrap();
    let mut bytes = [0; size_of::<Welcome>()];
    let mut fds = VecDeque::new();
    let count = receive(&stream, &mut bytes, &mut fds).unwrap();
    assert_eq!((count, fds.len()), (bytes.len(), 4));
    let welcome: Welcome = bytemuck::pod_read_unaligned(&bytes);
    let server = map_received(&fds[0], Role::Server, welcome.server_segment_len).unwrap();
    let client = map_received(&fds[1], Role::Client, welcome.client_segment_len).unwrap();
    let (server, client) = (Arc::new(server), Arc::new(client));
    let mut header: SegmentHeader = bytemuck::Zeroable::zeroed();
    server
        .copy_out(0, bytemuck::bytes_of_mut(&mut header))
        .unwrap();
    let stride = size_of::<RingDescriptor>() as u64;
    let descriptor = (0..header.ring_count).find_map(|index| {
        let mut ring: RingDescriptor = bytemuck::Zeroable::zeroed();
        let offset = u64::from(header.rings_offset) + u64::from(index) * stride;
        let copied = server.copy_out(offset, bytemuck::bytes_of_mut(&mut ring));
        copied.unwrap();
        (ring.kind == ring::kind::RETURN).then_some(ring)
    });
    let descriptor = descriptor.expect("a return ring");
    // buffers_max RETURNs, an ALLOC per credit, and a quarter for lazy positions.
    let least = u32::from(welcome.buffers_max) + u32::from(welcome.call_credits[0]);
    assert!(descriptor.capacity * 3 >= least * 4, "{descriptor:?}");
    let view = RingView::new(&descriptor, &client, &server).unwrap();
    send(&mut stream, control::READY, welcome.epoch, &[]);
    let bell = ServerBell::from_received(fds.remove(3).expect("the bell"));
    (stream, Producer::new(view), bell)
}

#[test]
fn fb_04_a_return_of_what_was_never_granted_is_named_counted_and_harms_nobody_else() {
    let running = Running::start("return");
    let (_victim, _) = running.shake();
    let (mut stream, mut returns, bell) = returns_of(&running);
    running.wait_for_sessions(2);
    let header = SlotHeader {
        kind: kind::RETURN,
        ..bytemuck::Zeroable::zeroed()
    };
    let named = BufferRef {
        extent: 1,
        generation: 1,
        ..bytemuck::Zeroable::zeroed()
    };
    let _armed = returns
        .push(&header, &[bytemuck::bytes_of(&named)])
        .unwrap();
    bell.ring();
    let (bye, text) = next(&mut stream);
    assert_eq!(
        (bye.kind, Code(bye.code)),
        (control::BYE, Code::INVALID_HANDLE)
    );
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "invalid handle: buffer 0 of extent 1, generation 1 (not the client's)"
    );
    running.wait_for_sessions(1);
    let stats = running.handle.stats();
    assert_eq!((stats.failed, stats.wrong_buffers), (1, 1));
}
