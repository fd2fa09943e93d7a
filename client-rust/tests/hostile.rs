//! A server that breaks the protocol: each lie is a PROTOCOL error that names
//! it, a BYE, and the end. Never a panic, a hang, or a read out of bounds.

mod fake;

use bytemuck::{Zeroable, bytes_of};
use fake::{Fake, Knobs, Message, Task, names, pair, pair_with};
use outrigger_client::{Client, Code, Error, Policy, Reply};
use outrigger_layout::buffer::{BufferRef, BufferTable, Refusal};
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

/// A reply with these flags; a success.
fn flags(flags: u8) -> impl Fn(&mut SlotHeader) + 'static {
    move |it| it.flags = flags
}

/// An error with these flags.
fn error(flags: u8) -> impl Fn(&mut SlotHeader) + 'static {
    move |it| {
        it.flags = flags;
        it.code = Code::HANDLER_ERROR.0;
    }
}

#[test]
fn every_prefix_of_a_reply_is_checked() {
    let detail = |message_len| DetailPrefix {
        message_len,
        reserved: [0; 3],
    };
    let cases: [(Lie, &str); 4] = [
        (
            header(flags(flag::TRACE)),
            "payload length 5 (its prefixes need 32)",
        ),
        (
            header(error(flag::DETAIL)),
            "payload length 5 (its prefixes need 16)",
        ),
        (
            raw(bytes_of(&detail(1)), error(flag::DETAIL)),
            "message length 1 (maximum 0)",
        ),
        (
            header(flags(flag::NO_VALUE | flag::BUFFERS)),
            "NO_VALUE excludes BUFFERS and DETAIL",
        ),
    ];
    for (lie, text) in &cases {
        expect(lie, text);
    }
}

#[test]
fn every_table_of_buffers_of_a_reply_is_checked() {
    // A table with these numbers, and so many bytes behind it.
    let table = |count, attachments, behind: usize| {
        let table = BufferTable {
            count,
            attachments,
            reserved: [0; 2],
        };
        let payload = [bytes_of(&table), &[0; 192][..behind]].concat();
        raw(&payload, flags(flag::BUFFERS))
    };
    let cases: [(Lie, &str); 10] = [
        (
            header(flags(flag::BUFFERS)),
            "payload length 5 (its prefixes need 16)",
        ),
        (
            raw(&[1; 32], flags(flag::BUFFERS)),
            "16843009 buffers in a table (allowed: 1 to 5)",
        ),
        (table(0, 0, 64), "0 buffers in a table (allowed: 1 to 5)"),
        (table(6, 5, 192), "6 buffers in a table (allowed: 1 to 5)"),
        (table(5, 5, 160), "5 attachments (maximum 4)"),
        (table(1, u32::MAX, 32), "4294967295 attachments (maximum 4)"),
        (
            table(2, 0, 64),
            "0 attachments of 2 buffers (allowed: all, or all but the value's)",
        ),
        (
            table(1, 2, 64),
            "2 attachments of 1 buffers (allowed: all, or all but the value's)",
        ),
        (table(1, 0, 24), "payload length 40 (its prefixes need 48)"),
        (
            table(4, 4, 124),
            "payload length 140 (its prefixes need 144)",
        ),
    ];
    for (lie, text) in &cases {
        expect(lie, text);
    }
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
fn each_attachment_of_a_reply_must_lie_in_a_mapped_buffer_of_the_servers_own_to_it() {
    // The value and two attachments, each in a buffer of its own, but for one change.
    let attach = |change: fn(&mut [BufferRef; 3])| -> Lie {
        Box::new(move |fake, request| {
            let server = fake.extent(side::SERVER, 4096, 3);
            let _client = fake.extent(side::CLIENT, 4096, 2);
            let mut references = [0, 1, 2].map(|index| fake.buffer(server, index));
            change(&mut references);
            fake.push_names(request, &names(&references, 2));
        })
    };
    let cases: [(Lie, &str); 9] = [
        (
            attach(|it| it[1].extent = 9),
            "buffer of extent 9 (it is not mapped)",
        ),
        (
            attach(|it| it[1].extent = 0),
            "buffer of extent 0 (it is not mapped)",
        ),
        (
            attach(|it| it[2].extent = 2),
            "buffer of extent 2 of side 2 (allowed: 1)",
        ),
        (
            attach(|it| it[2].index = 3),
            "buffer 3 of extent 1 (it has 3)",
        ),
        (
            attach(|it| it[1].length = 4097),
            "4097 bytes at 4096 of extent 1 (buffer 1: 4096 to 8192)",
        ),
        (
            attach(|it| it[2].offset = u64::MAX - 5),
            "4096 bytes at 18446744073709551610 of extent 1",
        ),
        (
            attach(|it| it[2] = it[1]),
            "buffer 1 of extent 1 twice in a REPLY",
        ),
        (
            attach(|it| it[1] = it[0]),
            "buffer 0 of extent 1 twice in a REPLY",
        ),
        (
            attach(|it| {
                it[1] = it[0];
                it[1].generation += 1;
                it[1].length = 0;
            }),
            "buffer 0 of extent 1 twice in a REPLY",
        ),
    ];
    for (lie, text) in &cases {
        expect(lie, text);
    }
}

#[test]
fn nothing_stands_behind_the_names_of_buffers_and_an_error_names_no_attachments() {
    let behind: Lie = Box::new(|fake, request| {
        let server = fake.extent(side::SERVER, 4096, 2);
        let references = [0, 1].map(|index| fake.buffer(server, index));
        fake.push_names(request, &[&names(&references, 1), &b"more"[..]].concat());
    });
    expect(&behind, "4 bytes behind the prefixes of flags 0x02");
    let failed: Lie = Box::new(|fake, request| {
        let server = fake.extent(side::SERVER, 4096, 1);
        let mut header = fake.reply_to(request);
        header.flags = flag::BUFFERS;
        header.code = Code::HANDLER_ERROR.0;
        let payload = [names(&[fake.buffer(server, 0)], 1), b"why".to_vec()].concat();
        fake.push_reply(0, &header, &payload);
    });
    expect(&failed, "1 attachments of an error (allowed: 0)");
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
fn the_grants_of_one_alloc_are_as_many_as_were_asked_for_and_each_another_one() {
    type Say = Box<dyn Fn(&mut Fake, &Message)>;
    let grants = |indexes: &'static [u32]| -> Say {
        Box::new(move |fake, alloc| {
            let extent = fake.extent(side::CLIENT, 8192, 4);
            let small = fake.extent(side::CLIENT, 4096, 1);
            for index in indexes {
                let granted = match index {
                    9 => fake.buffer(small, 0),
                    index => fake.buffer(extent, *index),
                };
                fake.grant(alloc, &granted);
            }
        })
    };
    let refused: Say = Box::new(|fake, alloc| {
        let extent = fake.extent(side::CLIENT, 8192, 1);
        fake.grant(alloc, &fake.buffer(extent, 0));
        let refusal = Refusal {
            needed: 13_000,
            available: 0,
        };
        fake.refuse(alloc, Code::RESOURCE_EXHAUSTED, &refusal);
    });
    let cases: [(Say, &str); 4] = [
        (
            grants(&[1, 1]),
            "buffer 1 of extent 1 twice in an ALLOC's GRANTs",
        ),
        (
            grants(&[1, 9]),
            "GRANT of 4096 bytes (at least 8000 were asked for)",
        ),
        (grants(&[0, 1, 2]), "(it did not ask)"),
        (refused, "behind a GRANT"),
    ];
    for (say, text) in &cases {
        let (client, mut fake) = pair(Knobs::default());
        let asking = {
            let client = client.clone();
            Task::run(move || client.alloc_all(&[5000, 8000]).map(drop))
        };
        let (alloc, lens) = fake.alloc_all();
        assert_eq!(lens, [5000, 8000]);
        say(&mut fake, &alloc);
        fake.client_bell.ring();
        let (code, reason) = fake.farewell();
        assert_eq!(code, Code::PROTOCOL);
        assert!(reason.contains(text), "{reason} (wanted: {text})");
        // The grants may have come before what is wrong.
        if let Err(error) = asking.get() {
            assert_protocol(&error, text);
        }
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
            .timeout(std::time::Duration::from_micros(100));
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
            Task::run(move || {
                let call = client.call("m", b"x").timeout(limit);
                match round % 2 {
                    0 => call.wait().map(drop),
                    _ => call.wait_placed().map(drop),
                }
            })
        };
        let request = fake.call("m");
        let mut header = fake.reply_to(&request);
        header.payload_len = (random() % 225) as u32;
        let mut payload: Vec<u8> = (0..224).map(|_| random() as u8).collect();
        if random() % 2 == 0 {
            // Names of buffers that there might be.
            header.flags = flag::BUFFERS;
            let mut word = |below: u64| (random() % below) as u32;
            let table = [word(7), word(6), 0, 0];
            payload[..16].copy_from_slice(bytemuck::cast_slice(&table));
            for reference in payload[16..208].chunks_exact_mut(32) {
                let (index, length) = (word(3), word(4098));
                let words = [word(3), index, 1, 0, 4096 * index, 0, length, 0];
                reference.copy_from_slice(bytemuck::cast_slice(&words));
            }
        }
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
