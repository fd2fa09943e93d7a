//! What `connect` refuses, and how it says so: what was seen, what is allowed.

mod fake;

use std::os::fd::OwnedFd;
use std::time::Duration;

use fake::{Knobs, Socket, Task, pair_with, refusal, try_pair};
use outrigger_client::{Client, Code, Error};
use outrigger_layout::frame::Welcome;
use outrigger_layout::ring::RingDescriptor;
use outrigger_layout::segment::SegmentHeader;
use outrigger_ringbuf::{ClientBell, Role, create_segment};

#[track_caller]
fn refused(knobs: Knobs) -> Error {
    let (client, _) = try_pair(Client::builder(), knobs);
    client.expect_err("the session is refused")
}

#[track_caller]
fn expect(error: &Error, code: Code, text: &str) {
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(text), "{error} (wanted: {text})");
}

fn welcome(change: impl FnOnce(&mut Welcome) + Send + 'static) -> Knobs {
    Knobs {
        welcome: Box::new(change),
        ..Knobs::default()
    }
}

fn header(change: impl FnOnce(&mut SegmentHeader) + Send + 'static) -> Knobs {
    Knobs {
        page: Box::new(move |(header, _)| change(header)),
        ..Knobs::default()
    }
}

fn rings(change: impl FnOnce(&mut Vec<RingDescriptor>) + Send + 'static) -> Knobs {
    Knobs {
        page: Box::new(move |(header, rings)| {
            change(rings);
            header.ring_count = rings.len() as u32;
        }),
        ..Knobs::default()
    }
}

fn fds(change: impl FnOnce(&mut Vec<OwnedFd>) + Send + 'static) -> Knobs {
    Knobs {
        fds: Box::new(change),
        ..Knobs::default()
    }
}

#[test]
fn no_socket_and_nobody_listening_are_peer_gone() {
    let error = Client::connect("/nowhere/at/all.sock").unwrap_err();
    expect(&error, Code::PEER_GONE, "no socket at /nowhere/at/all.sock");
    let folder = std::env::temp_dir().join(format!("outrigger-dead-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = Client::connect(path.to_str().unwrap()).unwrap_err();
    expect(&error, Code::PEER_GONE, "nobody listens at");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn addresses_and_options_out_of_range_are_invalid_arguments() {
    let long = format!("unix:///{}", "x".repeat(107));
    let error = Client::connect(&long).unwrap_err();
    expect(
        &error,
        Code::INVALID_ARGUMENT,
        "socket path of 108 bytes (maximum 107)",
    );
    let error = Client::connect("tcp://localhost:80").unwrap_err();
    expect(&error, Code::INVALID_ARGUMENT, "allowed: unix:///path");
    let error = Client::builder().lanes(17).connect("/x").unwrap_err();
    expect(
        &error,
        Code::INVALID_ARGUMENT,
        "17 lanes (allowed: 0 to 16)",
    );
}

#[test]
fn lanes_wanted_are_in_hello() {
    let (_client, fake) = pair_with(Client::builder().lanes(3), Knobs::default());
    assert_eq!(fake.hello.lanes, 3);
    assert_eq!(
        (fake.hello.prefix.abi_min, fake.hello.prefix.abi_max),
        (1, 1)
    );
}

#[test]
fn a_refusal_keeps_the_servers_code_and_message() {
    let instead = Some(refusal(
        Code::RESOURCE_EXHAUSTED,
        (1, 1),
        "too many sessions",
    ));
    let error = refused(Knobs {
        instead,
        ..Knobs::default()
    });
    expect(
        &error,
        Code::RESOURCE_EXHAUSTED,
        "refused the session: too many sessions",
    );
    let instead = Some(refusal(Code::VERSION_MISMATCH, (2, 3), "no common version"));
    let error = refused(Knobs {
        instead,
        ..Knobs::default()
    });
    expect(
        &error,
        Code::VERSION_MISMATCH,
        "(it speaks ABI 2 to 3, this client 1)",
    );
}

#[test]
fn a_server_that_says_nothing_times_out_and_one_that_hangs_up_is_gone() {
    let socket = Socket::new();
    let short = Client::builder().connect_timeout(Duration::from_millis(50));
    let error = short.connect(&socket.address()).unwrap_err();
    expect(&error, Code::TIMEOUT, "no WELCOME from");
    let error = refused(Knobs {
        instead: Some(Vec::new()),
        ..Knobs::default()
    });
    expect(&error, Code::PEER_GONE, "hung up before WELCOME");
}

#[test]
fn bytes_that_are_no_handshake_are_named() {
    let instead = Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let error = refused(Knobs {
        instead,
        ..Knobs::default()
    });
    expect(&error, Code::PROTOCOL, "handshake magic 0x");
    let mut long = refusal(Code::UNKNOWN, (1, 1), "");
    long[8..12].copy_from_slice(&5000_u32.to_le_bytes());
    let error = refused(Knobs {
        instead: Some(long),
        ..Knobs::default()
    });
    expect(
        &error,
        Code::PROTOCOL,
        "frame length 5000 (allowed: 32 to 4096)",
    );
    let mut hello = refusal(Code::UNKNOWN, (1, 1), "");
    hello[12..16].copy_from_slice(&1_u32.to_le_bytes());
    let error = refused(Knobs {
        instead: Some(hello),
        ..Knobs::default()
    });
    expect(
        &error,
        Code::PROTOCOL,
        "handshake frame 1 from the server (allowed: 2, 3)",
    );
    let mut short = refusal(Code::UNKNOWN, (1, 1), "");
    short[12..16].copy_from_slice(&2_u32.to_le_bytes());
    let error = refused(Knobs {
        instead: Some(short),
        ..Knobs::default()
    });
    expect(&error, Code::PROTOCOL, "handshake frame 2 of 40 bytes");
}

#[test]
fn every_field_of_welcome_is_checked() {
    let error = refused(welcome(|it| it.prefix.abi_max = 2));
    expect(
        &error,
        Code::VERSION_MISMATCH,
        "server picked ABI 1 to 2 (allowed: 1)",
    );
    let error = refused(welcome(|it| it.layout_hash ^= 1));
    expect(&error, Code::VERSION_MISMATCH, "server's layout 0x");
    let cases: [(Knobs, &str); 14] = [
        (welcome(|it| it.epoch = 0), "epoch 0 in WELCOME"),
        (
            welcome(|it| it.lanes = 0),
            "lanes 0 in WELCOME (allowed: 1 to 16)",
        ),
        (
            welcome(|it| it.lanes = 17),
            "lanes 17 in WELCOME (allowed: 1 to 16)",
        ),
        (welcome(|it| it.payload_max = 0), "payload limit 0"),
        (
            welcome(|it| it.payload_max = 1 << 31),
            "payload limit 2147483648",
        ),
        (welcome(|it| it.call_credits[0] = 0), "credits of depth 0 0"),
        (
            welcome(|it| it.call_credits[0] = 4097),
            "credits of depth 0 4097",
        ),
        (welcome(|it| it.methods_max = 4097), "methods 4097"),
        (welcome(|it| it.buffers_max = 0), "buffers 0"),
        (welcome(|it| it.buffers_max = 4097), "buffers 4097"),
        (
            welcome(|it| it.reserved[3] = 1),
            "reserved bytes in WELCOME",
        ),
        (
            welcome(|it| it.reserved_tail[0] = 1),
            "reserved bytes in WELCOME",
        ),
        (
            welcome(|it| it.version[0] = 0xff),
            "version in WELCOME is not ASCII",
        ),
        (
            welcome(|it| it.server_segment_len = 5000),
            "server segment of 5000 bytes",
        ),
    ];
    for (knobs, text) in cases {
        expect(&refused(knobs), Code::PROTOCOL, text);
    }
}

#[test]
fn sizes_seals_and_kinds_of_the_descriptors_are_checked() {
    let other_size = || create_segment(Role::Server, 8192).unwrap().0;
    let cases: [(Knobs, &str); 8] = [
        (
            fds(|fds| drop(fds.pop())),
            "3 descriptors with WELCOME (allowed: 4)",
        ),
        (
            fds(|fds| fds.push(fds[0].try_clone().unwrap())),
            "5 descriptors",
        ),
        (
            fds(move |fds| fds[0] = other_size()),
            "server segment has 8192 bytes (announced: 1048576)",
        ),
        // A client segment in the server's place lacks FUTURE_WRITE.
        (
            fds(|fds| fds[0] = fds[1].try_clone().unwrap()),
            "server segment has seals",
        ),
        (
            welcome(|it| it.client_segment_len = 1 << 21),
            "client segment has 1048576 bytes (announced: 2097152)",
        ),
        (fds(|fds| fds.swap(2, 3)), "doorbell is a"),
        (
            fds(|fds| fds[3] = ClientBell::new().unwrap().1),
            "server doorbell is a",
        ),
        (
            fds(|fds| fds[2] = blocking_pipe()),
            "client doorbell blocks",
        ),
    ];
    for (knobs, text) in cases {
        expect(&refused(knobs), Code::PROTOCOL, text);
    }
}

fn blocking_pipe() -> OwnedFd {
    rustix::pipe::pipe().unwrap().0
}

#[test]
fn every_field_of_the_segment_header_is_checked() {
    let error = refused(header(|it| it.layout_hash ^= 1));
    expect(&error, Code::VERSION_MISMATCH, "segment layout 0x");
    let cases: [(Knobs, &str); 7] = [
        (header(|it| it.magic ^= 1), "segment magic"),
        (
            header(|it| it.abi_version = 2),
            "segment ABI version 0x2 (allowed: 0x1)",
        ),
        (header(|it| it.side = 2), "segment side 0x2 (allowed: 0x1)"),
        (
            header(|it| it.epoch = 9),
            "segment epoch 0x9 (allowed: 0x7)",
        ),
        (header(|it| it.length -= 4096), "segment length"),
        (
            header(|it| it.ring_count = u32::MAX),
            "4294967295 rings (maximum 128)",
        ),
        (
            header(|it| it.rings_offset = u32::MAX),
            "reach outside a mapping",
        ),
    ];
    for (knobs, text) in cases {
        expect(&refused(knobs), Code::PROTOCOL, text);
    }
}

#[test]
fn every_ring_is_checked() {
    // In order: request and reply of lane 0, grant, return, event.
    let cases: [(Knobs, &str); 14] = [
        (rings(|it| it[0].kind = 9), "ring kind 9 (allowed: 1 to 7)"),
        (rings(|it| it[0].capacity = 12), "ring capacity 12"),
        (rings(|it| it[0].capacity = 1 << 17), "ring capacity 131072"),
        (rings(|it| it[0].stride = 100), "slot stride 100"),
        (rings(|it| it[0].slots_offset = 100), "slots at 100"),
        (rings(|it| it[0].slots_offset = 1 << 20), "slots at 1048576"),
        (
            rings(|it| it[1].control_offset = u64::MAX - 127),
            "control words at",
        ),
        (
            rings(|it| it[1].slots_offset = it[2].slots_offset),
            "rings overlap",
        ),
        (
            rings(|it| it[0].stride = 64),
            "ring 1 of lane 0: 16 slots of 32 bytes",
        ),
        (
            rings(|it| it[0].capacity = 8),
            "ring 1 of lane 0: 8 slots of 224 bytes (at least 12 of 176)",
        ),
        (rings(|it| it.truncate(3)), "no ring 7 of lane 0"),
        (rings(|it| it[3].capacity = 0), "ring of kind 7 is absent"),
        (
            rings(|it| {
                let mut two = it[4];
                two.kind = 1;
                it.push(two);
            }),
            "two rings 1 of lane 0",
        ),
        (
            rings(|it| {
                it[4].capacity = 4;
                it[4].slots_offset = 1 << 19;
                it[4].control_offset = 1 << 19;
            }),
            "ring kind 5 of 4 slots (allowed: 0)",
        ),
    ];
    for (knobs, text) in cases {
        expect(&refused(knobs), Code::PROTOCOL, text);
    }
}

#[test]
fn a_slow_handshake_in_small_pieces_is_understood() {
    use std::io::Write;
    let listener = Socket::new();
    let address = listener.address();
    let client = Task::run(move || Client::connect(&address).unwrap_err());
    let accepted = Task::run(move || {
        let bytes = refusal(Code::SHUTTING_DOWN, (1, 1), "not now");
        let mut stream = listener.accept_raw();
        for byte in bytes {
            stream.write_all(&[byte]).unwrap();
        }
        stream
    });
    expect(&client.get(), Code::SHUTTING_DOWN, "not now");
    drop(accepted.get());
}
