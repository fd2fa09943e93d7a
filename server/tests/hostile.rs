//! Every byte from a client is hostile. Each violation has a name, ends its
//! session and harms nothing else.

use outrigger_layout::Code;
use outrigger_layout::buffer::{AllocRequest, BufferRef, BufferTable};
use outrigger_layout::slot::{SlotHeader, flag, kind};
use outrigger_server::stepping::Loopback;
use outrigger_server::{Error, Limits, Server, handler};

fn pair() -> Loopback {
    let slow = handler::bytes(|_, bytes| Ok(bytes.to_vec())).on_pool();
    let limits = Limits {
        credits: 4,
        ..Limits::default()
    };
    Loopback::new(Server::builder().limits(limits).handler("pool", slow)).expect("a session")
}

/// What one hostile message does to a fresh session.
fn violation(make: impl FnOnce(u16) -> (SlotHeader, Vec<u8>)) -> Error {
    let mut pair = pair();
    let echo = pair.bind("outrigger.echo").unwrap();
    let (header, payload) = make(echo);
    pair.send(&header, &payload);
    let error = pair.step().expect_err("a violation");
    assert!(pair.receive().is_none(), "no answer to a violation");
    error
}

fn with(change: impl FnOnce(&mut SlotHeader)) -> Error {
    violation(|echo| {
        let mut header = Loopback::call_header(echo, 1);
        change(&mut header);
        (header, b"x".to_vec())
    })
}

#[test]
fn sm_04_each_header_field_out_of_range_is_named() {
    let cases = [
        (
            with(|header| header.kind = 0),
            "slot kind 0 (allowed: 1 to 18)",
        ),
        (
            with(|header| header.kind = 19),
            "slot kind 19 (allowed: 1 to 18)",
        ),
        (
            with(|header| header.kind = kind::REPLY),
            "slot kind 6 in the request ring (allowed: CALL, CANCEL)",
        ),
        (
            with(|header| header.flags = 0x80),
            "slot flags 0x80 (allowed: bits of 0x0f)",
        ),
        (
            with(|header| header.method = 0),
            "method id 0 (allowed: 1 to 1)",
        ),
        (
            with(|header| header.method = 2),
            "method id 2 (allowed: 1 to 1)",
        ),
        (
            with(|header| header.correlation = 0),
            "CALL with correlation 0 and code 0",
        ),
        (
            with(|header| header.code = 7),
            "CALL with correlation 1 and code 7",
        ),
        (with(|header| header.depth = 9), "depth 9 (maximum 8)"),
        (
            with(|header| header.depth = 3),
            "1 calls of depth 3 in flight (maximum 0)",
        ),
        (
            with(|header| header.flags = flag::NO_VALUE),
            "payload length 1 (its flags announce 0)",
        ),
        (
            with(|header| header.flags = flag::BUFFERS),
            "buffer table in 1 bytes (needed: 16)",
        ),
        (
            with(|header| header.flags = flag::DETAIL),
            "flag DETAIL with code 0 (a success has no message)",
        ),
        (
            with(|header| header.flags = flag::NO_VALUE | flag::BUFFERS),
            "slot flags 0x06 (NO_VALUE excludes BUFFERS and DETAIL)",
        ),
        (
            with(|header| header.flags = flag::TRACE),
            "trace context in 1 bytes (needed: 32)",
        ),
    ];
    for (error, text) in cases {
        assert_eq!(error.code(), Code::PROTOCOL);
        assert_eq!(error.message(), format!("protocol violation: {text}"));
    }
}

#[test]
fn more_calls_than_credits_end_the_session() {
    let mut pair = pair();
    let pool = pair.bind("pool").unwrap();
    for correlation in 1..=4 {
        pair.send_call(pool, correlation, b"");
    }
    assert_eq!(pair.poll().unwrap(), 4, "all credits in use, none answered");
    pair.send_call(pool, 5, b"");
    let error = pair.poll().unwrap_err();
    assert_eq!(
        error.message(),
        "protocol violation: 5 calls of depth 0 in flight (maximum 4)"
    );
}

#[test]
fn a_correlation_in_flight_cannot_be_used_again() {
    let mut pair = pair();
    let pool = pair.bind("pool").unwrap();
    pair.send_call(pool, 9, b"");
    pair.send_call(pool, 9, b"");
    let error = pair.poll().unwrap_err();
    assert_eq!(
        error.message(),
        "protocol violation: correlation 9 is in flight"
    );
}

/// ALLOC, then the grant's reference.
fn granted(pair: &mut Loopback, length: u64) -> BufferRef {
    let header = SlotHeader {
        kind: kind::ALLOC,
        ..Loopback::call_header(0, 1)
    };
    let wanted = AllocRequest::of(&[length]);
    let _rings = pair
        .returns
        .push(&header, &[bytemuck::bytes_of(&wanted)])
        .unwrap();
    for _ in 0..4 {
        pair.step().unwrap();
        pair.map_extents().unwrap();
        if let Some(header) = pair.grants.peek().unwrap() {
            assert_eq!((header.kind, header.correlation), (kind::GRANT, 1));
            let mut reference = [0; 32];
            pair.grants.copy_payload(0, &mut reference);
            pair.grants.release();
            return bytemuck::pod_read_unaligned(&reference);
        }
    }
    panic!("no grant");
}

fn send_buffer(pair: &mut Loopback, method: u16, reference: &BufferRef) {
    send_table(pair, method, &BufferTable::new(1, 0), reference);
}

fn send_table(pair: &mut Loopback, method: u16, table: &BufferTable, reference: &BufferRef) {
    let header = SlotHeader {
        flags: flag::BUFFERS,
        ..Loopback::call_header(method, 2)
    };
    let payload = [bytemuck::bytes_of(table), bytemuck::bytes_of(reference)].concat();
    pair.send(&header, &payload);
}

#[test]
fn a_buffer_that_was_not_granted_or_bytes_outside_it_end_the_session() {
    type Change = fn(&mut BufferRef);
    let wrong: [(Change, Code); 6] = [
        (|named| named.extent = 9, Code::INVALID_HANDLE),
        (|named| named.index = 999, Code::INVALID_HANDLE),
        (|named| named.generation += 1, Code::INVALID_HANDLE),
        (|named| named.length = 1 << 40, Code::OUT_OF_BOUNDS),
        (|named| named.offset = u64::MAX, Code::OUT_OF_BOUNDS),
        (|named| named.offset += 1, Code::OUT_OF_BOUNDS),
    ];
    for (change, code) in wrong {
        let mut pair = pair();
        let echo = pair.bind("outrigger.echo").unwrap();
        let mut named = granted(&mut pair, 5_000);
        change(&mut named);
        send_buffer(&mut pair, echo, &named);
        assert_eq!(pair.step().unwrap_err().code(), code, "{named:?}");
    }
}

#[test]
fn a_buffer_that_is_attached_twice_ends_the_session() {
    let mut pair = pair();
    let echo = pair.bind("outrigger.echo").unwrap();
    let named = granted(&mut pair, 5_000);
    let header = SlotHeader {
        flags: flag::BUFFERS,
        ..Loopback::call_header(echo, 2)
    };
    let table = BufferTable::new(2, 2);
    let twice = bytemuck::bytes_of(&named);
    pair.send(
        &header,
        &[bytemuck::bytes_of(&table), twice, twice].concat(),
    );
    assert_eq!(pair.step().unwrap_err().code(), Code::INVALID_HANDLE);
}

#[test]
fn a_table_that_does_not_fit_its_slot_ends_the_session() {
    for (count, attachments, text) in [
        (0, 0, "0 buffers in a table (allowed: 1 to 5)"),
        (6, 6, "6 buffers in a table (allowed: 1 to 5)"),
        (5, 5, "5 attachments (maximum 4)"),
        (
            3,
            1,
            "1 attachments of 3 buffers (allowed: all, or all but the value's)",
        ),
        (
            1,
            2,
            "2 attachments of 1 buffers (allowed: all, or all but the value's)",
        ),
        (2, 1, "payload length 48 (its flags announce 80)"),
        (2, 2, "buffer references in 48 bytes (needed: 80)"),
    ] {
        let mut pair = pair();
        let echo = pair.bind("outrigger.echo").unwrap();
        let named = granted(&mut pair, 5_000);
        send_table(
            &mut pair,
            echo,
            &BufferTable::new(count, attachments),
            &named,
        );
        let error = pair.step().unwrap_err();
        assert_eq!(error.message(), format!("protocol violation: {text}"));
    }
}

#[test]
fn fb_04_returning_twice_or_a_stale_generation_is_an_invalid_handle() {
    let mut pair = pair();
    let named = granted(&mut pair, 5_000);
    assert_eq!(give_back(&mut pair, &named).unwrap(), 1);
    assert_eq!(pair.buffers_in_use(), 0);
    let error = give_back(&mut pair, &named).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_HANDLE);
}

#[test]
fn a_large_request_is_echoed_and_every_buffer_comes_home() {
    let mut pair = pair();
    let echo = pair.bind("outrigger.echo").unwrap();
    let mut named = granted(&mut pair, 5_000);
    named.length = 5_000;
    send_buffer(&mut pair, echo, &named);
    pair.poll().unwrap();
    assert_eq!(pair.buffers_in_use(), 1, "held until the handler has ended");
}

#[test]
fn messages_that_do_not_belong_to_the_return_ring_end_the_session() {
    let mut alloc = SlotHeader {
        kind: kind::ALLOC,
        ..Loopback::call_header(0, 1)
    };
    let any = "(allowed: 1 to 5 lengths, then zeros)";
    for (lengths, text) in [
        (
            [0; 8],
            format!("ALLOC of [0, 0, 0, 0, 0, 0, 0, 0] bytes {any}"),
        ),
        (
            [1, 0, 0, 0, 0, 0, 0, 1],
            format!("ALLOC of [1, 0, 0, 0, 0, 0, 0, 1] bytes {any}"),
        ),
        (
            [1; 8],
            format!("ALLOC of [1, 1, 1, 1, 1, 1, 1, 1] bytes {any}"),
        ),
        (
            [5, (64 << 20) + 1, 0, 0, 0, 0, 0, 0],
            "ALLOC of 67108865 bytes (allowed: 1 to 67108864)".to_owned(),
        ),
        (
            [u32::MAX, 0, 0, 0, 0, 0, 0, 0],
            "ALLOC of 4294967295 bytes (allowed: 1 to 67108864)".to_owned(),
        ),
    ] {
        let mut pair = pair();
        let wanted = AllocRequest { lengths };
        let _rings = pair
            .returns
            .push(&alloc, &[bytemuck::bytes_of(&wanted)])
            .unwrap();
        let error = pair.step().unwrap_err();
        assert_eq!(error.message(), format!("protocol violation: {text}"));
    }
    let mut pair = pair();
    let nobody = SlotHeader {
        correlation: 0,
        ..alloc
    };
    let wanted = AllocRequest::of(&[1]);
    let _rings = pair
        .returns
        .push(&nobody, &[bytemuck::bytes_of(&wanted)])
        .unwrap();
    let error = pair.step().unwrap_err();
    let text = "protocol violation: ALLOC with correlation 0";
    assert_eq!(error.message(), text);
    let mut pair = self::pair();
    let _rings = pair.returns.push(&alloc, &[b"short"]).unwrap();
    let error = pair.step().unwrap_err();
    let text = "protocol violation: ALLOC with a payload of 5 bytes (allowed: 32)";
    assert_eq!(error.message(), text);
    alloc.kind = kind::CALL;
    let mut pair = self::pair();
    let _rings = pair.returns.push(&alloc, &[&[0; 16]]).unwrap();
    let error = pair.step().unwrap_err();
    let text = "protocol violation: slot kind 1 in the return ring (allowed: ALLOC, RETURN)";
    assert_eq!(error.message(), text);
}

/// ALLOC of a page, and the server's turn.
fn ask(pair: &mut Loopback, correlation: u64) -> Result<(), Error> {
    let wanted = AllocRequest::of(&[4096]);
    let header = SlotHeader {
        kind: kind::ALLOC,
        correlation,
        ..Loopback::call_header(0, 1)
    };
    let _rings = pair
        .returns
        .push(&header, &[bytemuck::bytes_of(&wanted)])
        .unwrap();
    pair.step()?;
    pair.map_extents()?;
    Ok(())
}

fn give_back(pair: &mut Loopback, named: &BufferRef) -> Result<usize, Error> {
    let header = SlotHeader {
        kind: kind::RETURN,
        ..Loopback::call_header(0, 0)
    };
    let payload = bytemuck::bytes_of(named);
    let _rings = pair.returns.push(&header, &[payload]).unwrap();
    pair.step()
}

#[test]
fn a_client_that_asks_without_end_gets_no_more_than_it_may_have() {
    let mut pair = pair();
    let error = (1..1000).find_map(|correlation| ask(&mut pair, correlation).err());
    assert_eq!(
        error.expect("it ends").message(),
        "protocol violation: 5 ALLOCs unanswered (maximum 4)"
    );
    assert_eq!(pair.buffers_in_use(), 256);
}

#[test]
fn a_client_that_reads_no_grant_ends_its_session_and_blocks_nobody() {
    let mut pair = pair();
    for round in 1..1000 {
        ask(&mut pair, u64::from(round)).unwrap();
        if let Some(reason) = pair.ended() {
            assert_eq!(
                reason.message(),
                "protocol violation: grant ring: ring full: 512 unread messages"
            );
            return;
        }
        // It guesses what it was granted: always the same buffer, a generation later.
        let named = BufferRef {
            extent: 1,
            generation: round,
            ..bytemuck::Zeroable::zeroed()
        };
        give_back(&mut pair, &named).unwrap();
    }
    panic!("999 unread grants");
}

#[test]
fn fb_04_what_is_returned_must_be_the_clients_own() {
    type Change = fn(&mut BufferRef);
    let wrong: [Change; 5] = [
        |named| named.extent = 0,
        |named| named.extent = 2,
        |named| named.index = 16,
        |named| named.generation = 0,
        |named| named.index += 1,
    ];
    for change in wrong {
        let mut pair = pair();
        let named = granted(&mut pair, 5_000);
        let mut other = named;
        change(&mut other);
        let error = give_back(&mut pair, &other).unwrap_err();
        assert_eq!(error.code(), Code::INVALID_HANDLE, "{other:?}");
        assert_eq!(pair.buffers_in_use(), 1, "the victim is intact");
        // Offset and length of a RETURN mean nothing.
        let named = BufferRef {
            offset: u64::MAX,
            length: u64::MAX,
            ..named
        };
        assert_eq!(give_back(&mut pair, &named).unwrap(), 1);
        assert_eq!(pair.buffers_in_use(), 0);
    }
}

#[test]
fn sm_06_a_buffer_of_another_session_is_nobodys_here_and_intact_there() {
    let (mut victim, mut thief) = (pair(), pair());
    let named = granted(&mut victim, 5_000);
    let error = give_back(&mut thief, &named).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_HANDLE);
    let mut thief = pair();
    let echo = thief.bind("outrigger.echo").unwrap();
    send_buffer(&mut thief, echo, &named);
    assert_eq!(thief.step().unwrap_err().code(), Code::INVALID_HANDLE);
    assert_eq!(victim.buffers_in_use(), 1);
    assert_eq!(give_back(&mut victim, &named).unwrap(), 1);
}

#[test]
fn a_buffer_that_the_server_has_can_neither_be_sent_again_nor_returned() {
    for again in [true, false] {
        let mut pair = pair();
        let pool = pair.bind("pool").unwrap();
        let mut named = granted(&mut pair, 5_000);
        named.length = 100;
        send_buffer(&mut pair, pool, &named);
        pair.poll().unwrap();
        assert_eq!(pair.stats().held.buffers, 1);
        let error = if again {
            send_buffer(&mut pair, pool, &named);
            pair.poll().unwrap_err()
        } else {
            give_back(&mut pair, &named).unwrap_err()
        };
        assert_eq!(error.code(), Code::INVALID_HANDLE);
        assert_eq!(pair.stats().held.buffers, 1, "its handler still reads it");
    }
}

#[test]
fn a_lent_buffer_cannot_be_sent() {
    let mut pair = pair();
    let echo = pair.bind("outrigger.echo").unwrap();
    let mut named = granted(&mut pair, 5_000);
    named.length = 5_000;
    send_buffer(&mut pair, echo, &named);
    pair.step_mapping().unwrap();
    let (_, payload) = pair.receive().expect("a reply");
    let lent: BufferRef = bytemuck::pod_read_unaligned(&payload[16..]);
    assert_eq!(pair.stats().lent.buffers, 1);
    send_buffer(&mut pair, echo, &lent);
    assert_eq!(pair.step().unwrap_err().code(), Code::INVALID_HANDLE);
    assert_eq!(pair.stats().lent.buffers, 1, "nobody else gets it");
}

#[test]
fn an_alloc_that_finds_the_queue_full_is_refused_and_no_extent_is_made() {
    let slow = handler::bytes(|_, bytes| Ok(bytes.to_vec())).on_pool();
    let limits = Limits {
        jobs_max: 1,
        ..Limits::default()
    };
    let builder = Server::builder().limits(limits).handler("pool", slow);
    let mut pair = Loopback::new(builder).expect("a session");
    let pool = pair.bind("pool").unwrap();
    pair.send_call(pool, 1, b"");
    pair.poll().unwrap();
    let header = SlotHeader {
        kind: kind::ALLOC,
        ..Loopback::call_header(0, 2)
    };
    let wanted = AllocRequest::of(&[1 << 20]);
    let _rings = pair
        .returns
        .push(&header, &[bytemuck::bytes_of(&wanted)])
        .unwrap();
    pair.poll().unwrap();
    let refused = pair.grants.peek().unwrap().expect("an answer");
    assert_eq!((refused.kind, refused.correlation), (kind::REFUSED, 2));
    assert_eq!(Code(refused.code), Code::RESOURCE_EXHAUSTED);
    assert_eq!(pair.map_extents().unwrap(), 0);
    assert!(pair.ended().is_none(), "the session lives");
}
