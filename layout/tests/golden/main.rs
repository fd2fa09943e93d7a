//! Golden bytes: what each shared struct looks like in memory, locked.
//!
//! `layout/golden/*.json` is read here and by the Go module's tests: both must
//! decode `hex` to `fields` and encode `fields` to `hex`. To change a vector is
//! to change the ABI. Never edit one by hand: `OUTRIGGER_REWRITE=1 cargo test -p
//! outrigger-layout --test golden` writes the files from the values below.

mod vector;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use outrigger_layout::Code;
use outrigger_layout::buffer::{AllocRequest, BufferRef, BufferTable, Refusal};
use outrigger_layout::frame::{
    BindBody, BoundBody, ControlHeader, ExtentBody, FRAME_MAGIC, HandshakePrefix, Hello, Refused,
    Welcome, control, handshake,
};
use outrigger_layout::generate::STRUCTS;
use outrigger_layout::ring::{self, ConsumerControl, RingDescriptor};
use outrigger_layout::segment::{LAYOUT_HASH, SEGMENT_MAGIC, SegmentHeader, side};
use outrigger_layout::slot::{DetailPrefix, SlotHeader, TraceContext, flag, kind};
use vector::{Vector, decode, of, sample};

/// One file per module of the crate, as the vectors follow below.
fn files() -> [(&'static str, Vec<Vector>); 5] {
    [
        ("frame.json", frame()),
        ("segment.json", segment()),
        ("ring.json", ring()),
        ("slot.json", slot()),
        ("buffer.json", buffer()),
    ]
}

const PREFIX: HandshakePrefix = HandshakePrefix {
    magic: FRAME_MAGIC,
    length: 64,
    kind: handshake::HELLO,
    abi_min: 1,
    abi_max: 1,
    features: 0,
};

const HELLO: Hello = Hello {
    prefix: PREFIX,
    clock_ns: 1_234_567_890_123_456_789,
    lanes: 2,
    reserved: [0; 3],
    reserved_tail: [0; 2],
};

fn welcome() -> Welcome {
    let mut version = [0; 32];
    version[..5].copy_from_slice(b"0.1.0");
    Welcome {
        prefix: HandshakePrefix {
            length: 160,
            kind: handshake::WELCOME,
            ..PREFIX
        },
        epoch: 7,
        clock_ns: HELLO.clock_ns + 54_321,
        server_segment_len: 1 << 20,
        client_segment_len: 3 << 20,
        payload_max: 64 << 20,
        layout_hash: LAYOUT_HASH,
        lanes: 2,
        call_credits: [256, 128, 64, 32, 16, 8, 4, 2, 1],
        methods_max: 4096,
        buffers_max: 256,
        reserved: [0; 4],
        version,
        reserved_tail: [0; 2],
    }
}

const REFUSED: Refused = Refused {
    prefix: HandshakePrefix {
        length: 57,
        kind: handshake::REFUSED,
        ..PREFIX
    },
    code: Code::VERSION_MISMATCH.0,
    reserved: [0; 3],
};

fn frame() -> Vec<Vector> {
    let later = HandshakePrefix {
        abi_max: 3,
        features: 1 << 63 | 1,
        ..PREFIX
    };
    let bind = ControlHeader {
        kind: control::BIND,
        code: 0,
        length: 32,
        token: 42,
    };
    let unmapped = ControlHeader {
        kind: control::EXTENT_MAPPED,
        code: Code::RESOURCE_EXHAUSTED.0,
        length: 0,
        token: 3,
    };
    let fingerprint = core::array::from_fn(|at| 0xf0 + at as u8);
    let method = BoundBody {
        method: 0x0102,
        reserved: [0; 3],
    };
    let extent = ExtentBody {
        side: side::CLIENT,
        buffer_count: 16,
        buffer_len: 65_536,
        length: 1 << 20,
        reserved: 0,
    };
    [
        sample::<HandshakePrefix>(),
        of("of HELLO", &PREFIX),
        of("of a later client", &later),
        sample::<Hello>(),
        of("two lanes", &HELLO),
        sample::<Welcome>(),
        of("two lanes, credits of every depth", &welcome()),
        sample::<Refused>(),
        of("version mismatch", &REFUSED),
        sample::<ControlHeader>(),
        of("BIND", &bind),
        of("EXTENT_MAPPED that failed", &unmapped),
        sample::<BindBody>(),
        of("typed", &BindBody { fingerprint }),
        sample::<BoundBody>(),
        of("method 258", &method),
        sample::<ExtentBody>(),
        of("sixteen buffers of 64 KiB", &extent),
    ]
    .concat()
}

fn segment() -> Vec<Vector> {
    let server = SegmentHeader {
        magic: SEGMENT_MAGIC,
        abi_version: 1,
        side: side::SERVER,
        epoch: 7,
        length: 1 << 20,
        rings_offset: 64,
        ring_count: 6,
        layout_hash: LAYOUT_HASH,
        reserved: [0; 2],
    };
    let client = SegmentHeader {
        side: side::CLIENT,
        rings_offset: 0,
        ring_count: 0,
        ..server
    };
    [
        sample::<SegmentHeader>(),
        of("server", &server),
        of("client", &client),
    ]
    .concat()
}

fn ring() -> Vec<Vector> {
    let requests = RingDescriptor {
        kind: ring::kind::REQUEST,
        lane: 1,
        capacity: 1024,
        stride: 256,
        reserved: 0,
        slots_offset: 8192,
        control_offset: 4096,
    };
    let absent = RingDescriptor {
        kind: ring::kind::EVENT,
        ..bytemuck::Zeroable::zeroed()
    };
    let mut control: ConsumerControl = bytemuck::Zeroable::zeroed();
    control.position = 0x0102_0304_0506_0708;
    control.event_index = control.position + 1;
    [
        sample::<RingDescriptor>(),
        of("requests of lane 1", &requests),
        of("absent", &absent),
        sample::<ConsumerControl>(),
        of("armed one ahead", &control),
    ]
    .concat()
}

fn slot() -> Vec<Vector> {
    let call = SlotHeader {
        lap: 1,
        kind: kind::CALL,
        flags: 0,
        method: 1,
        correlation: 42,
        payload_len: 5,
        code: 0,
        depth: 0,
        codec: 1,
        deadline: 0,
    };
    let late = SlotHeader {
        lap: 0xfffe_fdfc,
        flags: flag::TRACE | flag::BUFFERS,
        depth: 8,
        deadline: 1_234_567_890_123_456_789,
        ..call
    };
    let reply = SlotHeader {
        kind: kind::REPLY,
        flags: flag::DETAIL,
        code: Code::HANDLER_ERROR.0,
        payload_len: 16 + 12 + 8,
        deadline: 1025,
        ..call
    };
    let trace = TraceContext {
        trace_id: core::array::from_fn(|at| at as u8 + 1),
        span_id: core::array::from_fn(|at| at as u8 + 0xa1),
        trace_flags: 1,
        reserved: [0; 7],
    };
    let detail = DetailPrefix {
        message_len: 12,
        reserved: [0; 3],
    };
    [
        sample::<SlotHeader>(),
        of("call", &call),
        of("call with deadline", &late),
        of("reply with an error and its detail", &reply),
        sample::<TraceContext>(),
        of("sampled", &trace),
        sample::<DetailPrefix>(),
        of("message of twelve bytes", &detail),
    ]
    .concat()
}

fn buffer() -> Vec<Vector> {
    let table = BufferTable::new(1, 0);
    let reference = BufferRef {
        extent: 3,
        index: 15,
        generation: 0x8000_0001,
        reserved: 0,
        offset: 983_040,
        length: 65_536,
    };
    let alloc = AllocRequest::of(&[1_000_000]);
    let refusal = Refusal {
        needed: 67_108_864,
        available: 4_096,
    };
    [
        sample::<BufferTable>(),
        of("one buffer", &table),
        of("a value and two attachments", &BufferTable::new(3, 2)),
        sample::<BufferRef>(),
        of("the last of an extent", &reference),
        sample::<AllocRequest>(),
        of("a million bytes", &alloc),
        of(
            "a value and two attachments",
            &AllocRequest::of(&[70_000, 1 << 30, 1]),
        ),
        sample::<Refusal>(),
        of("64 MiB wanted, 4 KiB there", &refusal),
    ]
    .concat()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

#[test]
fn golden_files_hold_the_bytes_of_every_vector() {
    for (name, vectors) in files() {
        let path = folder().join(name);
        let text = vector::to_json(&vectors);
        if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
            fs::write(&path, text).unwrap();
            println!("wrote {}", path.display());
            continue;
        }
        let committed = fs::read_to_string(&path).unwrap();
        for wanted in vector::from_json(&committed) {
            let found = vectors.iter().find(|vector| vector.is(&wanted));
            let found = found.unwrap_or_else(|| panic!("{name}: {wanted:?} is gone"));
            assert_eq!(found.hex, wanted.hex, "{name}: bytes of {}", wanted.title());
            assert_eq!(found.fields, wanted.fields, "{name}: {}", wanted.title());
        }
        assert_eq!(
            committed, text,
            "{name}: see the top of tests/golden/main.rs"
        );
    }
}

#[test]
fn golden_fields_are_what_the_hex_decodes_to() {
    for (name, _) in files() {
        let committed = fs::read_to_string(folder().join(name)).unwrap();
        for vector in vector::from_json(&committed) {
            assert_eq!(decode(&vector), vector.fields, "{name}: {}", vector.title());
        }
    }
}

#[test]
fn golden_vectors_cover_every_struct_with_all_bits_and_a_real_value() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let files = files();
    for vector in files.iter().flat_map(|(_, vectors)| vectors) {
        *counts.entry(vector.type_name.as_str()).or_default() += 1;
    }
    for info in STRUCTS {
        let count = counts.get(info.name).copied().unwrap_or(0);
        assert!(count >= 4, "{}: {count} vectors (at least 4)", info.name);
    }
    assert_eq!(counts.len(), STRUCTS.len());
}
