//! A server that breaks the protocol: each lie is a PROTOCOL error that names
//! it, a BYE, and the end. Never a panic, a hang, or a read out of bounds.

mod fake;

use bytemuck::{Zeroable, bytes_of};
use fake::{Fake, Knobs, Message, Task, pair, pair_with, table};
use outrigger_client::{Client, Code, Error, Policy, Reply};
use outrigger_layout::buffer::BufferRef;
use outrigger_layout::frame::{BoundBody, ControlHeader, ExtentBody, control};
use outrigger_layout::ring::kind as ring;
use outrigger_layout::segment::side;
use outrigger_layout::slot::{DetailPrefix, SlotHeader, flag, kind};
use outrigger_ringbuf::Memory;
use outrigger_ringbuf::sync::Ordering;

/// Says how a fake treats the first call it gets.
type Lie = Box<dyn Fn(&mut Fake, &Message)>;

/// Plays a lie to a waiting call, under two policies: once a spinning caller
/// may find it, once the reader thread.
#[track_caller]
fn expect(lie: &Lie, text: &str) {
    for policy in [Policy::Spin, Policy::Block] {
        let (client, mut fake) = pair_with(Client::builder().wait(policy), Knobs::default());
        let call = start(&client);
        let request = fake.call("m");
        lie(&mut fake, &request);
        let error = call.get().expect_err(text);
        assert_protocol(&error, text);
        let (code, reason) = fake.farewell();
        assert_eq!(code, Code::PROTOCOL);
        assert_eq!(reason, error.message());
        fake.end();
        let later = client.call("m", b"later").wait().unwrap_err();
        assert_eq!(later, error);
        client.close();
    }
}

#[track_caller]
fn assert_protocol(error: &Error, text: &str) {
    assert_eq!(error.code(), Code::PROTOCOL, "{error}");
    assert!(error.message().contains(text), "{error} (wanted: {text})");
}

fn start(client: &Client) -> Task<Result<Reply, Error>> {
    let client = client.clone();
    Task::run(move || client.call("m", b"x").wait())
}

/// A reply that is right but for one change of its header.
fn header(change: impl Fn(&mut SlotHeader) + 'static) -> Lie {
    raw(b"value", change)
}

/// The same, with this payload.
fn raw(payload: &[u8], change: impl Fn(&mut SlotHeader) + 'static) -> Lie {
    let payload = payload.to_vec();
    Box::new(move |fake, request| {
        let mut header = fake.reply_to(request);
        header.payload_len = payload.len() as u32;
        change(&mut header);
        fake.push_raw(0, &header, &payload);
    })
}

#[test]
fn every_field_of_a_reply_is_checked() {
    let cases: [(Lie, &str); 14] = [
        (
            header(|it| it.lap = 7),
            "lap 7 at position 0 (allowed: 1 or the one before)",
        ),
        (header(|it| it.kind = 0), "slot kind 0 (allowed: 1 to 18)"),
        (header(|it| it.kind = 19), "slot kind 19 (allowed: 1 to 18)"),
        (
            header(|it| it.kind = kind::CALL),
            "slot kind 1 in reply ring 0",
        ),
        (
            header(|it| it.kind = kind::ITEM),
            "slot kind 3 in reply ring 0",
        ),
        (
            header(|it| it.kind = kind::GRANT),
            "slot kind 14 in reply ring 0",
        ),
        (header(|it| it.flags = 0x10), "slot flags 0x10"),
        (
            header(|it| it.payload_len = 225),
            "payload length 225 (maximum 224)",
        ),
        (
            header(|it| it.payload_len = u32::MAX),
            "payload length 4294967295 (maximum 224)",
        ),
        (header(|it| it.depth = 9), "depth 9 (maximum 8)"),
        (
            header(|it| it.correlation = 0),
            "correlation 0x0 in reply ring 0",
        ),
        (header(|it| it.correlation += 1), "(it is not in flight)"),
        (
            header(|it| it.correlation += 1 << 16),
            "(it is not in flight)",
        ),
        (
            header(|it| it.correlation |= 0xffff),
            "0xffff in reply ring 0 (no call has it)",
        ),
    ];
    for (lie, text) in &cases {
        expect(lie, text);
    }
    expect(
        &header(|it| it.deadline = 2),
        "REPLY with request position 2 (at most 1)",
    );
    expect(
        &header(|it| it.codec = 1),
        "REPLY with codec json (the call's is raw)",
    );
    let progress = header(|it| {
        it.kind = kind::PROGRESS;
        it.correlation += 1;
    });
    expect(&progress, "slot kind 7 in reply ring 0");
}

#[test]
fn fb_09_a_success_with_a_message_is_a_protocol_error() {
    let lie = raw(&[0; 32], |it| it.flags = flag::DETAIL);
    expect(&lie, "flag DETAIL with code 0 (a success has no message)");
    let lie = header(|it| it.flags = flag::NO_VALUE);
    expect(&lie, "5 bytes behind the prefixes of flags 0x04");
}

#[test]
fn every_prefix_of_a_reply_is_checked() {
    let flags = |flags: u8| move |it: &mut SlotHeader| it.flags = flags;
    let error = |flags: u8| {
        move |it: &mut SlotHeader| {
            it.flags = flags;
            it.code = Code::HANDLER_ERROR.0;
        }
    };
    let detail = |message_len| DetailPrefix {
        message_len,
        reserved: [0; 3],
    };
    let buffers = |count: u32| [bytes_of(&table(count)), &[0; 64]].concat();
    let cases: [(Lie, &str); 9] = [
        (
            header(flags(flag::TRACE)),
            "payload length 5 (its prefixes need 32)",
        ),
        (
            header(flags(flag::BUFFERS)),
            "payload length 5 (its prefixes need 16)",
        ),
        (raw(&[1; 32], flags(flag::BUFFERS)), "buffers in a REPLY"),
        (
            raw(&buffers(0), flags(flag::BUFFERS)),
            "0 buffers in a REPLY (allowed: 1 to 1)",
        ),
        (
            raw(&buffers(2), flags(flag::BUFFERS)),
            "2 buffers in a REPLY (allowed: 1 to 1)",
        ),
        (
            raw(&buffers(1)[..40], flags(flag::BUFFERS)),
            "payload length 40 (its prefixes need 48)",
        ),
        (
            raw(&buffers(1), flags(flag::BUFFERS)),
            "32 bytes behind the prefixes",
        ),
        (
            header(error(flag::DETAIL)),
            "payload length 5 (its prefixes need 16)",
        ),
        (
            raw(bytes_of(&detail(1)), error(flag::DETAIL)),
            "message length 1 (maximum 0)",
        ),
    ];
    for (lie, text) in &cases {
        expect(lie, text);
    }
    let both = header(flags(flag::NO_VALUE | flag::BUFFERS));
    expect(&both, "NO_VALUE excludes BUFFERS and DETAIL");
}

#[test]
fn a_reply_in_a_buffer_must_lie_in_a_mapped_one_of_the_servers() {
    let lend = |change: fn(&mut BufferRef)| -> Lie {
        Box::new(move |fake, request| {
            let server = fake.extent(side::SERVER, 4096, 2);
            let _client = fake.extent(side::CLIENT, 4096, 2);
            let mut reference = fake.buffer(server, 1);
            change(&mut reference);
            fake.lend(request, &reference);
        })
    };
    let cases: [(Lie, &str); 7] = [
        (
            lend(|it| it.extent = 9),
            "buffer of extent 9 (it is not mapped)",
        ),
        (
            lend(|it| it.extent = 2),
            "buffer of extent 2 of side 2 (allowed: 1)",
        ),
        (lend(|it| it.index = 2), "buffer 2 of extent 1 (it has 2)"),
        (
            lend(|it| it.index = u32::MAX),
            "buffer 4294967295 of extent 1",
        ),
        (
            lend(|it| it.length = 4097),
            "4097 bytes at 4096 of extent 1",
        ),
        (lend(|it| it.offset = 0), "4096 bytes at 0 of extent 1"),
        (
            lend(|it| it.offset = u64::MAX),
            "bytes at 18446744073709551615",
        ),
    ];
    for (lie, text) in &cases {
        expect(lie, text);
    }
}

#[test]
fn a_second_reply_to_one_call_is_a_violation() {
    expect_after_reply(
        |fake, request| fake.answer(request, b"again"),
        "(it is not in flight)",
    );
}

/// A lie told when the call has got its answer: the reader thread finds it.
#[track_caller]
fn expect_after_reply(lie: impl Fn(&mut Fake, &Message), text: &str) {
    let (client, mut fake) = pair(Knobs::default());
    let call = start(&client);
    let request = fake.call("m");
    fake.answer(&request, b"");
    call.get().unwrap();
    lie(&mut fake, &request);
    fake.client_bell.ring();
    let (code, reason) = fake.farewell();
    assert_eq!(code, Code::PROTOCOL);
    assert!(reason.contains(text), "{reason}");
}

#[test]
fn every_message_of_the_grant_ring_is_checked() {
    let grant = |change: fn(&mut SlotHeader, &mut BufferRef)| {
        move |fake: &mut Fake, alloc: &Message| {
            let extent = fake.extent(side::CLIENT, 8192, 1);
            let _server = fake.extent(side::SERVER, 8192, 1);
            let mut header = SlotHeader {
                kind: kind::GRANT,
                correlation: alloc.header.correlation,
                ..Zeroable::zeroed()
            };
            let mut reference = fake.buffer(extent, 0);
            change(&mut header, &mut reference);
            fake.push_grant(&header, bytes_of(&reference));
        }
    };
    let cases: [(Lie, &str); 8] = [
        (
            Box::new(grant(|it, _| it.kind = kind::REPLY)),
            "slot kind 6 in grant ring",
        ),
        (
            Box::new(grant(|it, _| {
                (it.kind, it.correlation) = (kind::REFUSED, 0);
            })),
            "slot kind 16 with correlation 0 in grant ring (allowed: 14, 15)",
        ),
        (
            Box::new(grant(|it, _| it.correlation = 99)),
            "correlation 0x63 in grant ring",
        ),
        (
            Box::new(grant(|it, _| it.correlation += 1)),
            "(it did not ask)",
        ),
        (
            Box::new(grant(|_, it| it.length = 4999)),
            "GRANT of 4999 bytes (at least 5000",
        ),
        (
            Box::new(grant(|_, it| it.extent = 2)),
            "buffer of extent 2 of side 1 (allowed: 2)",
        ),
        (
            Box::new(grant(|_, it| it.length = 8193)),
            "8193 bytes at 0 of extent 1",
        ),
        (
            Box::new(grant(|it, _| it.kind = kind::REFUSED)),
            "REFUSED with code 0",
        ),
    ];
    for (lie, text) in &cases {
        let (client, mut fake) = pair(Knobs::default());
        let call = Task::run(move || client.call("m", &vec![1; 5000]).wait());
        let (alloc, _) = fake.alloc();
        lie(&mut fake, &alloc);
        assert_protocol(&call.get().unwrap_err(), text);
        assert_eq!(fake.farewell().0, Code::PROTOCOL);
    }
}

#[test]
fn a_grant_that_nobody_asked_for_is_a_violation() {
    expect_after_reply(
        |fake, request| {
            let extent = fake.extent(side::CLIENT, 8192, 1);
            fake.grant(request, &fake.buffer(extent, 0));
        },
        "(it did not ask)",
    );
}

#[test]
fn every_frame_from_the_server_is_checked() {
    let post = |kind: u16, token: u64, body: Vec<u8>| -> Lie {
        Box::new(move |fake, _| fake.post(kind, Code::OK, token, &body))
    };
    let bound = |method: u16, reserved: u16| {
        let reserved = [0, reserved, 0];
        bytes_of(&BoundBody { method, reserved }).to_vec()
    };
    let cases: [(Lie, &str); 10] = [
        (post(0, 0, vec![]), "frame 0 from the server"),
        (post(control::READY, 7, vec![]), "frame 1 from the server"),
        (
            post(control::GOAWAY_ACK, 0, vec![0; 8]),
            "frame 9 from the server",
        ),
        (
            post(99, 0, vec![]),
            "frame 99 from the server (allowed: 3, 4, 6, 8, 10)",
        ),
        (
            post(control::BOUND, 77, bound(1, 0)),
            "BOUND of token 77 (it was not asked)",
        ),
        (
            post(control::BOUND, 1, vec![0; 7]),
            "BOUND body of 7 bytes (allowed: 8)",
        ),
        (
            post(control::BOUND, 1, bound(0, 0)),
            "method id 0 with reserved",
        ),
        (
            post(control::BOUND, 1, bound(1, 3)),
            "method id 1 with reserved [0, 3, 0]",
        ),
        (
            post(control::EXTENT, 1, vec![0; 32]),
            "extent 1 without its fd",
        ),
        (
            post(control::EXTENT_DROP, 5, vec![]),
            "extent 5 dropped (it was not announced)",
        ),
    ];
    for (lie, text) in &cases {
        expect(lie, text);
    }
    let long: Lie = Box::new(|fake, _| {
        let header = ControlHeader {
            kind: control::GOAWAY,
            code: 0,
            length: 5000,
            token: 0,
        };
        fake.post_bytes(bytes_of(&header));
    });
    expect(&long, "frame length 5016 (allowed: 16 to 4096)");
}

#[test]
fn an_extent_with_a_wrong_shape_or_seals_is_a_violation() {
    let extent = |change: fn(&mut ExtentBody)| -> Lie {
        Box::new(move |fake, _| {
            let (fd, _mapping) =
                outrigger_ringbuf::create_segment(outrigger_ringbuf::Role::Client, 8192).unwrap();
            let mut body = ExtentBody {
                side: side::CLIENT,
                buffer_count: 2,
                buffer_len: 4096,
                length: 8192,
                reserved: 0,
            };
            change(&mut body);
            fake.post_with(control::EXTENT, Code::OK, 1, bytes_of(&body), &[&fd]);
        })
    };
    let cases: [(Lie, &str); 4] = [
        (extent(|it| it.side = 3), "extent 1 of side 3"),
        (
            extent(|it| it.buffer_count = 3),
            "extent 1 of 8192 bytes: 3 buffers of 4096",
        ),
        (
            extent(|it| (it.buffer_count, it.length) = (4, 16384)),
            "segment has 8192 bytes",
        ),
        (extent(|it| it.side = side::SERVER), "segment has seals"),
    ];
    for (lie, text) in &cases {
        expect(lie, text);
    }
}

#[test]
fn descriptors_that_no_frame_announces_end_the_session() {
    let (client, mut fake) = pair(Knobs::default());
    let call = start(&client);
    let _request = fake.call("m");
    let (fd, _mapping) =
        outrigger_ringbuf::create_segment(outrigger_ringbuf::Role::Client, 8192).unwrap();
    for _ in 0..3 {
        fake.post_with(control::GOAWAY, Code::OK, 0, b"", &[&fd, &fd, &fd]);
    }
    assert_protocol(&call.get().unwrap_err(), "descriptors without a frame");
}

#[test]
fn an_impossible_request_position_is_found_by_the_belt() {
    let (client, mut fake) = pair(Knobs::default());
    let call = start(&client);
    let _request = fake.call("m");
    let view = fake.view(ring::REQUEST, 0);
    view.store_position(1 << 40, Ordering::Release);
    assert_protocol(&call.get().unwrap_err(), "consumer position 1099511627776");
}

#[test]
fn a_server_that_never_reads_its_socket_does_not_block_callers() {
    let (client, fake) = pair(Knobs::default());
    let mut outcome = None;
    // Each name is a BIND frame; the socket's buffer fills, then the outbox.
    for index in 0..20_000 {
        let name = format!("{index:0>250}");
        let call = client
            .call(&name, ())
            .timeout(std::time::Duration::from_micros(1));
        let error = call.wait().unwrap_err();
        if error.code() != Code::TIMEOUT {
            outcome = Some(error);
            break;
        }
    }
    let error = outcome.expect("the bound of the outbox is reached");
    assert_eq!(error.code(), Code::PEER_GONE, "{error}");
    assert!(error.message().contains("frames unread"), "{error}");
    drop(fake);
}

#[test]
fn random_replies_never_panic_or_hang() {
    let seed = std::env::var("OUTRIGGER_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("OUTRIGGER_SEED={seed}");
    let mut state = seed;
    let mut random = move || {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    for round in 0..150 {
        let policy = [Policy::Spin, Policy::Hybrid, Policy::Block][round % 3];
        let (client, mut fake) = pair_with(Client::builder().wait(policy), Knobs::default());
        let _extent = fake.extent(side::SERVER, 4096, 2);
        let call = {
            let client = client.clone();
            let limit = std::time::Duration::from_millis(30);
            Task::run(move || client.call("m", b"x").timeout(limit).wait())
        };
        let request = fake.call("m");
        let mut header = fake.reply_to(&request);
        header.payload_len = (random() % 225) as u32;
        let payload: Vec<u8> = (0..224).map(|_| random() as u8).collect();
        for _ in 0..1 + random() % 3 {
            match random() % 9 {
                0 => header.kind = random() as u8,
                1 => header.flags = random() as u8 & 0x1f,
                2 => header.correlation ^= 1 << (random() % 64),
                3 => header.payload_len = random() as u32 >> (random() % 32),
                4 => header.code = random() as u16,
                5 => header.depth = random() as u8,
                6 => header.codec = random() as u8,
                7 => header.deadline = random() >> (random() % 64),
                _ => header.lap = random() as u32 | 1,
            }
        }
        fake.push_raw(0, &header, &payload);
        // Whatever it is: an outcome, in time.
        let _ = call.get();
        client.close();
    }
}
