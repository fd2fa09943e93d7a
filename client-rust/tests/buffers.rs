//! Buffers in the hands of a user: had, written, sent, read, given back.

mod fake;

use std::future::IntoFuture;
use std::io::{Read, Write};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fake::{Fake, Knobs, Task, block_on, named, pair, until};
use outrigger_client::{Buffer, Client, Code, Error, PlacedReply};
use outrigger_layout::buffer::{BufferRef, Refusal};
use outrigger_layout::frame::control;
use outrigger_layout::segment::side;

const LONG: Duration = Duration::from_secs(60);

/// Has one buffer of so many bytes, which the fake grants in a fresh extent.
fn granted(client: &Client, fake: &mut Fake, len: usize) -> (Buffer, BufferRef) {
    let asking = Task::run({
        let client = client.clone();
        move || client.alloc(len)
    });
    let (alloc, asked) = fake.alloc();
    assert_eq!(asked, len as u64);
    let size = asked.next_power_of_two().max(4096);
    let extent = fake.extent(side::CLIENT, size, 1);
    let reference = fake.buffer(extent, 0);
    fake.grant(&alloc, &reference);
    (asking.get().unwrap(), reference)
}

/// Calls "m" with a buffer, in a thread of its own.
fn send(client: &Client, value: Buffer) -> Task<Result<PlacedReply, Error>> {
    let client = client.clone();
    Task::run(move || client.call_buffer("m", value).timeout(LONG).wait_placed())
}

/// A reply of these bytes in a lent buffer, as the client has it.
fn lent(client: &Client, fake: &mut Fake, bytes: &[u8]) -> (Buffer, BufferRef) {
    let calling = Task::run({
        let client = client.clone();
        move || client.call("m", ()).wait_placed()
    });
    let request = fake.call("m");
    let size = (bytes.len() as u64).next_power_of_two().max(4096);
    let extent = fake.extent(side::SERVER, size, 1);
    let mut reference = fake.buffer(extent, 0);
    reference.length = bytes.len() as u64;
    let mapping = fake.mapping(extent);
    mapping.copy_in(reference.offset, bytes).unwrap();
    fake.lend(&request, &reference);
    (calling.get().unwrap().value.unwrap(), reference)
}

#[test]
fn a_value_is_written_where_the_server_reads_it_and_sent_without_a_copy() {
    let (client, mut fake) = pair(Knobs::default());
    let (mut buffer, whole) = granted(&client, &mut fake, 5000);
    assert!(buffer.is_empty() && buffer.capacity() == 8192);
    buffer.write_at(0, &[7; 4000]).unwrap();
    buffer.write_all(&[9; 1000]).unwrap();
    buffer.write_at(10, b"in place").unwrap();
    assert_eq!(buffer.len(), 5000);
    let mut expected = [vec![7; 4000], vec![9; 1000]].concat();
    expected[10..18].copy_from_slice(b"in place");
    let written = BufferRef {
        length: 5000,
        ..whole
    };
    assert_eq!(fake.bytes(&written), expected, "before it is sent");
    let info = buffer.inspect();
    let place = (info.extent, info.index, info.generation, info.is_lent);
    assert_eq!(place, (whole.extent, whole.index, whole.generation, false));
    let call = send(&client, buffer);
    let request = fake.call("m");
    assert_eq!(named(&request), (vec![written], 0, None));
    fake.answer(&request, b"");
    call.get().unwrap();
    let stats = client.stats();
    assert_eq!((stats.grants, stats.returns), (1, 0), "sent, not returned");
    assert_eq!((stats.copied_in, stats.copied_out), (0, 0));
}

#[test]
fn cx_14_a_reply_is_the_server_s_own_memory_and_nothing_is_copied() {
    let (client, mut fake) = pair(Knobs::default());
    let bytes: Vec<u8> = (0..40_000_u32).map(|at| (at % 251) as u8).collect();
    let (buffer, reference) = lent(&client, &mut fake, &bytes);
    let info = buffer.inspect();
    let place = (info.extent, info.index, info.generation, info.is_lent);
    let (extent, index) = (reference.extent, reference.index);
    assert_eq!(place, (extent, index, reference.generation, true));
    assert_eq!((info.len, info.capacity), (40_000, 40_000));
    let mut chunks = buffer.chunks();
    let mut first = [0; 7];
    chunks.read_exact(&mut first).unwrap();
    assert_eq!(first, bytes[..7]);
    // What the server writes is seen in the next piece: it is the same memory.
    let mapping = fake.mapping(reference.extent);
    mapping.copy_in(reference.offset + 39_999, b"!").unwrap();
    let mut rest = Vec::new();
    chunks.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.last(), Some(&b'!'));
    assert_eq!(rest[..39_992], bytes[7..39_999]);
    let stats = client.stats();
    assert_eq!((stats.copied_in, stats.copied_out), (0, 0));
    assert!(!fake.is_returned(), "it is kept");
    drop(buffer);
    assert_eq!(fake.give_back(), reference);
}

#[test]
fn what_fits_in_a_slot_is_private_and_needs_no_server() {
    let (client, mut fake) = pair(Knobs::default());
    let mut buffer = client.alloc(224).unwrap();
    buffer.write_all(&[3; 200]).unwrap();
    assert_eq!(buffer.inspect().extent, 0);
    let call = send(&client, buffer);
    let request = fake.call("m");
    assert_eq!(named(&request), (vec![], 0, Some(vec![3; 200])));
    fake.answer(&request, b"small");
    let reply = call.get().unwrap();
    let value = reply.value.unwrap();
    assert_eq!(
        (value.to_vec(), value.inspect().extent),
        (b"small".to_vec(), 0)
    );
    assert!(reply.attachments.is_empty());
    drop(value);
    let none = Task::run({
        let client = client.clone();
        move || client.call_buffer("m", client.alloc(0)?).wait_placed()
    });
    let request = fake.call("m");
    assert_eq!(
        named(&request),
        (vec![], 0, Some(vec![])),
        "a value of no bytes"
    );
    let mut header = fake.reply_to(&request);
    header.flags = outrigger_layout::slot::flag::NO_VALUE;
    fake.push_reply(0, &header, b"");
    assert!(none.get().unwrap().value.is_none(), "no value");
    let stats = client.stats();
    assert_eq!((stats.grants, stats.returns, stats.stock_used), (0, 0, 0));
}

#[test]
fn a_value_is_as_long_as_it_was_made_and_never_reaches_outside_its_buffer() {
    let (client, mut fake) = pair(Knobs {
        payload_max: 6000,
        ..Knobs::default()
    });
    let (mut buffer, _) = granted(&client, &mut fake, 5000);
    assert_eq!(buffer.capacity(), 6000, "as much as may be sent");
    let error = buffer.write_at(5999, b"ab").unwrap_err();
    assert_eq!(error.code(), Code::OUT_OF_BOUNDS);
    let text = "out of bounds: 2 bytes at 5999 of a buffer (capacity 6000)";
    assert_eq!(error.message(), text);
    assert!(buffer.write_at(usize::MAX, b"ab").is_err());
    assert!(buffer.is_empty(), "nothing was written");
    buffer.write_at(100, b"ab").unwrap();
    assert_eq!(buffer.len(), 102);
    buffer.set_len(1).unwrap();
    buffer.write_all(&[1; 5999]).unwrap();
    let full = buffer.write_all(b"x").unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::WriteZero);
    assert!(full.to_string().contains("capacity 6000"), "{full}");
    assert!(buffer.set_len(6001).is_err());
    assert_eq!(buffer.len(), 6000);
    let error = buffer.copy_to(&mut [0; 7]).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    let error = client.alloc(6001).unwrap_err();
    let text = "buffer too small: need 6001 bytes, have 6000";
    assert_eq!(error.message(), text);
    let (mut reply, _) = lent(&client, &mut fake, &[5; 300]);
    let error = reply.write_at(0, b"x").unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    reply.write(b"x").unwrap_err();
    assert_eq!(reply.to_vec(), [5; 300]);
}

#[test]
fn the_payload_limit_holds_for_small_values_too() {
    let (client, mut fake) = pair(Knobs {
        payload_max: 100,
        ..Knobs::default()
    });
    let error = client.alloc(101).unwrap_err();
    assert_eq!(error.code(), Code::BUFFER_TOO_SMALL);
    assert_eq!(client.alloc(100).unwrap().capacity(), 100);
    // A reply is as long as the server made it, and may be too long to be sent.
    let call = send(&client, client.alloc(0).unwrap());
    let request = fake.call("m");
    fake.answer(&request, &[1; 200]);
    let reply = call.get().unwrap().value.unwrap();
    assert_eq!(reply.len(), 200);
    let error = client.call("m", ()).attach(reply).wait().unwrap_err();
    assert_eq!(error.code(), Code::BUFFER_TOO_SMALL);
}

#[test]
fn what_is_dropped_is_returned_and_what_is_sent_is_not() {
    let (client, mut fake) = pair(Knobs::default());
    let (buffer, reference) = granted(&client, &mut fake, 5000);
    drop(buffer);
    assert_eq!(fake.give_back(), reference);
    let (buffer, unused) = granted(&client, &mut fake, 5000);
    let call = send(&client, buffer);
    assert_eq!(fake.give_back(), unused, "it has no bytes to be sent");
    let request = fake.call("m");
    assert_eq!(named(&request), (vec![], 0, Some(vec![])));
    fake.fail(&request, Code::NOT_FOUND, b"gone");
    assert_eq!(call.get().unwrap_err().code(), Code::NOT_FOUND);
    let (mut buffer, _) = granted(&client, &mut fake, 5000);
    buffer.write_all(b"moved whatever becomes of it").unwrap();
    let call = send(&client, buffer);
    let request = fake.call("m");
    fake.fail(&request, Code::NOT_FOUND, b"gone");
    call.get().unwrap_err();
    assert!(!fake.is_returned());
    let (mut buffer, late) = granted(&client, &mut fake, 5000);
    buffer.write_all(b"never sent").unwrap();
    let call = client.call_buffer("m", buffer).timeout(Duration::ZERO);
    assert_eq!(call.wait().unwrap_err().code(), Code::TIMEOUT);
    assert_eq!(fake.give_back(), late);
}

#[test]
fn a_buffer_that_another_client_granted_is_refused_and_goes_back_there() {
    let (client, mut fake) = pair(Knobs::default());
    let (other, mut others_fake) = pair(Knobs::default());
    let (mut foreign, reference) = granted(&other, &mut others_fake, 5000);
    foreign.write_all(b"theirs").unwrap();
    let error = client.call_buffer("m", foreign).wait().unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert!(error.message().contains("a buffer of another Client"));
    assert_eq!(others_fake.give_back(), reference);
    let (foreign, reference) = granted(&other, &mut others_fake, 5000);
    let error = client.call("m", ()).attach(foreign).wait().unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert_eq!(others_fake.give_back(), reference);
    // What came with a reply is copied; it goes back when that is done.
    let (reply, reference) = lent(&other, &mut others_fake, &[4; 5000]);
    let call = send(&client, reply);
    let (alloc, len) = fake.alloc();
    assert_eq!(len, 5000);
    let extent = fake.extent(side::CLIENT, 8192, 1);
    fake.grant(&alloc, &fake.buffer(extent, 0));
    let request = fake.call("m");
    let (names, _, _) = named(&request);
    assert_eq!(fake.bytes(&names[0]), [4; 5000]);
    assert_eq!(others_fake.give_back(), reference);
    fake.answer(&request, b"");
    call.get().unwrap();
    assert_eq!(client.stats().copied_in, 5000);
}

#[test]
fn several_are_had_by_one_alloc_and_in_order() {
    let (client, mut fake) = pair(Knobs::default());
    let asking = Task::run({
        let client = client.clone();
        move || client.alloc_all(&[5000, 0, 100, 300, 70_000])
    });
    let (alloc, lens) = fake.alloc_all();
    assert_eq!(lens, [5000, 300, 70_000], "what needs buffers");
    let extent = fake.extent(side::CLIENT, 131_072, 3);
    for index in [2, 0, 1] {
        fake.grant(&alloc, &fake.buffer(extent, index));
    }
    let buffers = asking.get().unwrap();
    let places = buffers.iter().map(|one| one.inspect());
    let places: Vec<_> = places
        .map(|it| (it.extent, it.index, it.capacity))
        .collect();
    let granted = |index| (extent, index, 131_072);
    let expected = [granted(2), (0, 0, 0), (0, 0, 224), granted(0), granted(1)];
    assert_eq!(places, expected);
    drop(buffers);
    let mut back = [(); 3].map(|()| fake.give_back().index);
    back.sort_unstable();
    assert_eq!(back, [0, 1, 2]);
    let error = client.alloc_all(&[300; 6]).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert!(error.message().contains("6 buffers together (maximum 5)"));
    assert_eq!(client.stats().grants, 3);
}

#[test]
fn the_stock_serves_all_or_is_left_as_it_was() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::CLIENT, 8192, 4);
    for index in 0..2 {
        fake.stock(&fake.buffer(extent, index));
    }
    let asking = Task::run({
        let client = client.clone();
        move || client.allocate([8192, 5000, 300]).wait()
    });
    let (alloc, lens) = fake.alloc_all();
    assert_eq!(lens, [8192, 5000, 300], "two are not enough");
    assert_eq!(client.stats().stock_used, 0);
    let others = fake.extent(side::CLIENT, 8192, 3);
    for index in 0..3 {
        fake.grant(&alloc, &fake.buffer(others, index));
    }
    let first = asking.get().unwrap();
    assert!(first.iter().all(|one| one.inspect().extent == others));
    let second = client.alloc_all(&[300, 8192]).unwrap();
    assert!(second.iter().all(|one| one.inspect().extent == extent));
    let stats = client.stats();
    assert_eq!((stats.grants, stats.stock_used), (3, 2));
}

#[test]
fn who_gives_an_allocation_up_returns_what_was_granted_and_what_will_be() {
    let (client, mut fake) = pair(Knobs {
        credits: 1,
        ..Knobs::default()
    });
    let extent = fake.extent(side::CLIENT, 8192, 3);
    let asking = Task::run({
        let client = client.clone();
        move || {
            let asked = client.allocate([5000; 3]);
            asked.timeout(Duration::from_millis(50)).wait().map(drop)
        }
    });
    let (alloc, _) = fake.alloc_all();
    fake.grant(&alloc, &fake.buffer(extent, 0));
    assert_eq!(asking.get().unwrap_err().code(), Code::TIMEOUT);
    assert_eq!(fake.give_back().index, 0, "the first, at once");
    let short = client.call("m", ()).timeout(Duration::from_millis(10));
    let error = short.wait().unwrap_err();
    assert_eq!(error.code(), Code::TIMEOUT, "the credit is still taken");
    fake.grant(&alloc, &fake.buffer(extent, 1));
    assert_eq!(fake.give_back().index, 1);
    fake.grant(&alloc, &fake.buffer(extent, 2));
    assert_eq!(fake.give_back().index, 2);
    // The same by a future that is dropped.
    let mut future = Box::pin(client.allocate([5000]).into_future());
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    let (alloc, _) = fake.alloc();
    drop(future);
    fake.grant(&alloc, &fake.buffer(extent, 1));
    assert_eq!(fake.give_back().index, 1);
    let call = send(&client, client.alloc(0).unwrap());
    let request = fake.call("m");
    fake.answer(&request, b"the credit is free");
    call.get().unwrap();
    assert_eq!(client.stats().belt_defects, 0);
}

#[test]
fn a_refused_allocation_says_why_and_keeps_no_credit() {
    let (client, mut fake) = pair(Knobs {
        credits: 1,
        ..Knobs::default()
    });
    for _ in 0..3 {
        let asking = Task::run({
            let client = client.clone();
            move || client.alloc_all(&[5000, 6000]).map(drop)
        });
        let (alloc, _) = fake.alloc_all();
        let refusal = Refusal {
            needed: 11_000,
            available: 4096,
        };
        fake.refuse(&alloc, Code::RESOURCE_EXHAUSTED, &refusal);
        let error = asking.get().unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert!(error.message().contains("11000 bytes"), "{error}");
    }
}

#[test]
fn an_allocation_can_be_awaited() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::CLIENT, 8192, 2);
    let granting = Task::run(move || {
        let (alloc, _) = fake.alloc_all();
        for index in 0..2 {
            fake.grant(&alloc, &fake.buffer(extent, index));
        }
        fake
    });
    let asked = client.allocate([5000, 8000]).timeout(LONG);
    let [first, second] = block_on(asked.into_future()).unwrap();
    assert_eq!((first.inspect().index, second.inspect().index), (0, 1));
    drop(granting.get());
    let wrong = block_on(client.allocate([300; 6]).into_future());
    assert_eq!(wrong.unwrap_err().code(), Code::INVALID_ARGUMENT);
    let mut future = pin!(client.allocate([300]).timeout(Duration::ZERO).into_future());
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Err(_))));
}

#[test]
fn buffers_outlive_their_session_and_then_go_back_to_nobody() {
    let (client, mut fake) = pair(Knobs::default());
    let (mut own, whole) = granted(&client, &mut fake, 5000);
    own.write_all(b"still here").unwrap();
    let (reply, _) = lent(&client, &mut fake, &[8; 70_000]);
    fake.post(control::EXTENT_DROP, Code::OK, whole.extent.into(), b"");
    until("the extent is forgotten", || client.stats().extents == 1);
    fake.post(control::BYE, Code::PROTOCOL, 0, b"enough");
    until("the session has ended", || client.end_reason().is_some());
    assert_eq!(own.to_vec(), b"still here");
    own.write_at(0, b"STILL").unwrap();
    assert_eq!(own.to_vec(), b"STILL here");
    let sent = client.call_buffer("m", own).wait().unwrap_err();
    assert_eq!(Some(sent), client.end_reason());
    client.close();
    drop(client);
    assert_eq!(reply.to_vec(), [8; 70_000]);
    drop(reply);
    assert!(!fake.is_returned(), "its memory may be another session's");
}

#[test]
fn from_bytes_is_a_copy() {
    let (client, fake) = pair(Knobs::default());
    let serving = fake.serve();
    for len in [0, 1, 224, 225, 100_000] {
        let mut bytes = vec![6; len];
        let buffer = Buffer::from_bytes(&client, &bytes).unwrap();
        bytes.fill(0);
        assert_eq!(buffer.to_vec(), vec![6; len]);
        let reply = client.call_buffer("echo", buffer).wait().unwrap();
        assert_eq!(reply.bytes(), vec![6; len]);
    }
    let stats = client.stats();
    assert_eq!(stats.copied_in, 225 + 100_000);
    assert_eq!(stats.copied_out, 225 + 100_000, "`wait` copies the reply");
    client.close();
    assert_eq!(serving.get().buffers_out, 0);
}
