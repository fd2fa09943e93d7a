//! The fake's handshake: good memory and a good WELCOME, then what the knobs
//! make of them.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use bytemuck::bytes_of;
use outrigger_client::Code;
use outrigger_layout::frame::{
    FRAME_MAGIC, HandshakePrefix, Hello, Refused, Welcome, control, handshake,
};
use outrigger_layout::ring::{RingDescriptor, kind as ring};
use outrigger_layout::segment::{LAYOUT_HASH, SEGMENT_MAGIC, SegmentHeader, side};
use outrigger_ringbuf::{
    ClientBell, Consumer, Frame, FrameReader, Mapping, Producer, RingView, Role, ServerBell,
    create_segment, receive, send,
};

use super::{Fake, Knobs, PATIENCE, PAUSE, Ring, SEGMENT_LEN, serve};

fn descriptors(lanes: u16, credits: u16) -> Vec<RingDescriptor> {
    let calls = u32::from(credits);
    let mut wanted = Vec::new();
    for lane in 0..lanes {
        wanted.push((ring::REQUEST, lane, (3 * calls).next_power_of_two(), 256));
        wanted.push((ring::REPLY, lane, (2 * calls).next_power_of_two(), 256));
    }
    let all = (calls * u32::from(lanes) * 8).next_power_of_two();
    wanted.push((ring::GRANT, 0, all, 64));
    wanted.push((ring::RETURN, 0, all, 64));
    wanted.push((ring::EVENT, 0, 0, 256));
    let mut end = 4096;
    let mut take = |len: u64| {
        let offset = end;
        end += len.next_multiple_of(128);
        assert!(end <= SEGMENT_LEN, "the rings fit their segments");
        offset
    };
    let place = |(kind, lane, capacity, stride)| RingDescriptor {
        kind,
        lane,
        capacity,
        stride,
        reserved: 0,
        slots_offset: take(u64::from(capacity) * u64::from(stride)),
        control_offset: take(256),
    };
    wanted.into_iter().map(place).collect()
}

impl Fake {
    pub(super) fn shake(socket: UnixStream, knobs: Knobs) -> Result<Self, String> {
        socket.set_nonblocking(true).unwrap();
        let mut frames = FrameReader::new();
        let hello = match wait_frame(&socket, &mut frames)? {
            Frame::Handshake(prefix, bytes) if prefix.kind == handshake::HELLO => {
                bytemuck::pod_read_unaligned(&bytes)
            }
            other => return Err(format!("{other:?}")),
        };
        if let Some(bytes) = knobs.instead {
            send(&socket, &bytes, &[]).map_err(|error| error.to_string())?;
            return Err("not a session".to_owned());
        }
        let epoch = 7;
        let rings = descriptors(knobs.lanes, knobs.credits);
        let good = rings.clone();
        let (server_fd, server) = create_segment(Role::Server, SEGMENT_LEN).unwrap();
        let (client_fd, client) = create_segment(Role::Client, SEGMENT_LEN).unwrap();
        let header = SegmentHeader {
            magic: SEGMENT_MAGIC,
            abi_version: 1,
            side: side::SERVER,
            epoch,
            length: SEGMENT_LEN,
            rings_offset: 64,
            ring_count: rings.len() as u32,
            layout_hash: LAYOUT_HASH,
            reserved: [0; 2],
        };
        let mut page = (header, rings);
        (knobs.page)(&mut page);
        let (header, rings) = page;
        server.copy_in(0, bytes_of(&header)).unwrap();
        server.copy_in(64, bytemuck::cast_slice(&rings)).unwrap();
        let (client_bell, pipe) = ClientBell::new().unwrap();
        let server_bell = ServerBell::new().unwrap();
        let eventfd = server_bell.as_fd().try_clone_to_owned().unwrap();
        let mut fds = vec![server_fd, client_fd, pipe, eventfd];
        (knobs.fds)(&mut fds);
        let mut welcome = good_welcome(epoch, knobs.lanes, knobs.credits, knobs.payload_max);
        (knobs.welcome)(&mut welcome);
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        send(&socket, bytes_of(&welcome), &borrowed).map_err(|error| error.to_string())?;
        let (server, client) = (Arc::new(server), Arc::new(client));
        let mut fake = Self::over(socket, frames, hello, &good, &server, &client, client_bell);
        fake.server_bell = server_bell;
        let (ready, _) = fake.try_frame()?;
        assert_eq!((ready.kind, ready.token), (control::READY, epoch));
        Ok(fake)
    }

    fn over(
        socket: UnixStream,
        frames: FrameReader,
        hello: Hello,
        rings: &[RingDescriptor],
        server: &Arc<Mapping>,
        client: &Arc<Mapping>,
        client_bell: ClientBell,
    ) -> Self {
        let view = |kind: u16, lane: usize, producer, consumer| {
            view_of(rings, kind, lane, producer, consumer)
        };
        let lanes = rings
            .iter()
            .filter(|ring| ring.kind == ring::REQUEST)
            .count();
        let requests = |lane| Consumer::new(view(ring::REQUEST, lane, client, server));
        let replies = |lane| Producer::new(view(ring::REPLY, lane, server, client));
        Self {
            hello,
            socket,
            frames,
            inbox: VecDeque::new(),
            names: Vec::new(),
            hold_binds: false,
            requests: (0..lanes).map(requests).collect(),
            replies: (0..lanes).map(replies).collect(),
            grants: Producer::new(view(ring::GRANT, 0, server, client)),
            returns: Consumer::new(view(ring::RETURN, 0, client, server)),
            client_bell,
            server_bell: ServerBell::new().unwrap(),
            ring: Ring::AsArmed,
            rings: rings.to_vec(),
            server: Arc::clone(server),
            client: Arc::clone(client),
            extents: Vec::new(),
            serving: serve::Serving::default(),
        }
    }
}

pub(super) fn view_of(
    rings: &[RingDescriptor],
    kind: u16,
    lane: usize,
    producer: &Arc<Mapping>,
    consumer: &Arc<Mapping>,
) -> RingView {
    let mut rings = rings.iter();
    let found = rings.find(|ring| ring.kind == kind && usize::from(ring.lane) == lane);
    RingView::new(found.unwrap(), producer, consumer).unwrap()
}

fn good_welcome(epoch: u64, lanes: u16, credits: u16, payload_max: u64) -> Welcome {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let mut version = [0; 32];
    version[..5].copy_from_slice(b"9.8.7");
    let mut call_credits = [0; 9];
    call_credits[0] = credits;
    Welcome {
        prefix: HandshakePrefix {
            magic: FRAME_MAGIC,
            length: size_of::<Welcome>() as u32,
            kind: handshake::WELCOME,
            abi_min: 1,
            abi_max: 1,
            features: 0,
        },
        epoch,
        clock_ns: now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64,
        server_segment_len: SEGMENT_LEN,
        client_segment_len: SEGMENT_LEN,
        payload_max,
        layout_hash: LAYOUT_HASH,
        lanes,
        call_credits,
        methods_max: 64,
        buffers_max: 256,
        reserved: [0; 4],
        version,
        reserved_tail: [0; 2],
    }
}

pub fn refusal(code: Code, abi: (u32, u32), message: &str) -> Vec<u8> {
    let refused = Refused {
        prefix: HandshakePrefix {
            magic: FRAME_MAGIC,
            length: (size_of::<Refused>() + message.len()) as u32,
            kind: handshake::REFUSED,
            abi_min: abi.0,
            abi_max: abi.1,
            features: 0,
        },
        code: code.0,
        reserved: [0; 3],
    };
    [bytes_of(&refused), message.as_bytes()].concat()
}

fn wait_frame(socket: &UnixStream, frames: &mut FrameReader) -> Result<Frame, String> {
    let begun = Instant::now();
    loop {
        if let Some(frame) = frames.next_frame().map_err(|error| error.to_string())? {
            return Ok(frame);
        }
        if !receive_once(socket, frames)? {
            thread::sleep(PAUSE);
        }
        assert!(begun.elapsed() < PATIENCE, "no frame in time");
    }
}

pub(super) fn receive_once(socket: &UnixStream, frames: &mut FrameReader) -> Result<bool, String> {
    let mut bytes = [0; 4096];
    match receive(socket, &mut bytes, &mut frames.fds) {
        Ok(0) => Err("hung up".to_owned()),
        Ok(count) => {
            frames.feed(&bytes[..count]);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}
