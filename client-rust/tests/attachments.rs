//! Attachments of requests and replies: sent where they are, kept where they came, and
//! nobody waits for a buffer while he has another.

mod fake;

use std::io::Write;
use std::time::Duration;

use fake::{Fake, Knobs, Task, block_on, named, pair};
use outrigger_client::{Buffer, Call, Client, Code, Error, PlacedReply};
use outrigger_layout::buffer::BufferRef;
use outrigger_layout::segment::side;
use outrigger_layout::slot::kind;

const LONG: Duration = Duration::from_secs(60);

/// Bytes of the attachment with this index.
fn bytes(len: usize, index: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + index) as u8).collect()
}

fn filled(client: &Client, bytes: &[u8]) -> Buffer {
    Buffer::from_bytes(client, bytes).unwrap()
}

fn attach<'a>(client: &Client, call: Call<'a>, parts: &[Vec<u8>]) -> Call<'a> {
    let attached = parts.iter().map(|part| filled(client, part));
    attached.fold(call, Call::attach)
}

/// Has buffers that the fake grants out of this extent, all holding "attached".
fn granted(client: &Client, fake: &mut Fake, extent: u32, count: u32) -> Vec<Buffer> {
    let asking = Task::run({
        let client = client.clone();
        move || client.alloc_all(&vec![5000; count as usize])
    });
    let (alloc, _) = fake.alloc_all();
    for index in 0..count {
        fake.grant(&alloc, &fake.buffer(extent, index));
    }
    let mut buffers = asking.get().unwrap();
    for buffer in &mut buffers {
        buffer.write_all(b"attached").unwrap();
    }
    buffers
}

/// Calls "m" with a value and attachments, in a thread of its own.
fn send(
    client: &Client,
    value: Vec<u8>,
    attached: Vec<Buffer>,
) -> Task<Result<PlacedReply, Error>> {
    let client = client.clone();
    Task::run(move || {
        let call = client.call("m", &value).timeout(LONG);
        attached.into_iter().fold(call, Call::attach).wait_placed()
    })
}

#[test]
fn up_to_four_cross_both_ways_beside_a_value_of_any_size() {
    let (client, fake) = pair(Knobs::default());
    let serving = fake.serve();
    let lens = [0, 1, 80, 224, 225, 5000, 70_000];
    for count in 0..=4 {
        for round in 0..lens.len() {
            let value = bytes(lens[round], 9);
            let parts = (0..count).map(|index| bytes(lens[(round + 3 * index) % 7], index));
            let parts: Vec<_> = parts.collect();
            let call = || attach(&client, client.call("echo", &value).timeout(LONG), &parts);
            let check = |message: PlacedReply| {
                assert_eq!(message.value.unwrap().to_vec(), value);
                let attached = message.attachments.iter().map(Buffer::to_vec);
                assert_eq!(attached.collect::<Vec<_>>(), parts);
            };
            check(call().wait_placed().unwrap());
            check(block_on(call().placed()).unwrap());
            assert_eq!(call().wait().unwrap().bytes(), value);
            assert_eq!(block_on(call().into_future()).unwrap().bytes(), value);
            let mut into = Vec::new();
            let len = call().wait_into(&mut into).unwrap();
            assert_eq!((len, into), (Some(value.len()), value.clone()));
            let call = client.call_buffer("echo", filled(&client, &value));
            let call = attach(&client, call, &parts);
            check(call.wait_placed().unwrap());
        }
    }
    let failed = client
        .call("fail", b"why")
        .attach(filled(&client, &[1; 300]));
    assert_eq!(failed.wait_placed().unwrap_err().message(), "why");
    assert_eq!(client.stats().belt_defects, 0);
    client.close();
    assert_eq!(serving.get().buffers_out, 0, "everything was given back");
}

#[test]
fn beside_attachments_there_is_always_a_value() {
    let (client, mut fake) = pair(Knobs::default());
    let calling = Task::run({
        let client = client.clone();
        move || client.call("m", ()).attach(client.alloc(0)?).wait_placed()
    });
    let request = fake.call("m");
    let expected = (vec![BufferRef::EMPTY], 1, Some(vec![]));
    assert_eq!(named(&request), expected, "no buffer for no bytes");
    fake.attach(&request, b"beside", &[BufferRef::EMPTY]);
    let message = calling.get().unwrap();
    assert_eq!(message.value.unwrap().to_vec(), b"beside");
    assert!(message.attachments[0].is_empty());
    drop(message.attachments);
    assert!(!fake.is_returned(), "there is no buffer to be returned");
}

#[test]
fn a_fifth_one_is_refused_and_nothing_is_lost() {
    let (client, fake) = pair(Knobs::default());
    let serving = fake.serve();
    let attach = |count: usize| {
        let call = client.call("echo", b"value");
        (0..count).fold(call, |call, _| call.attach(filled(&client, &[1; 300])))
    };
    let error = attach(5).wait().unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert!(error.message().contains("5 attachments (maximum 4)"));
    let error = block_on(attach(6).placed()).unwrap_err();
    assert!(error.message().contains("6 attachments (maximum 4)"));
    attach(4).wait().unwrap();
    client.close();
    assert_eq!(serving.get().buffers_out, 0);
}

#[test]
fn what_was_granted_is_named_where_it_is() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::CLIENT, 8192, 3);
    let mut attached = granted(&client, &mut fake, extent, 3);
    let value = attached.remove(1);
    let calling = Task::run({
        let client = client.clone();
        move || {
            let call = client.call_buffer("m", value);
            attached.into_iter().fold(call, Call::attach).wait()
        }
    });
    let request = fake.call("m");
    let (names, count, inline) = named(&request);
    let indexes: Vec<_> = names.iter().map(|one| (one.index, one.length)).collect();
    assert_eq!(indexes, [(1, 8), (0, 8), (2, 8)], "the value first");
    assert_eq!((count, inline), (2, None));
    fake.answer(&request, b"");
    calling.get().unwrap();
    let stats = client.stats();
    assert_eq!((stats.grants, stats.returns, stats.copied_in), (3, 0, 0));
}

#[test]
fn a_call_puts_down_what_it_has_before_it_waits_for_a_buffer() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::CLIENT, 8192, 3);
    let attached = granted(&client, &mut fake, extent, 2);
    let call = send(&client, vec![7; 6000], attached);
    let mut back = [fake.give_back().index, fake.give_back().index];
    back.sort_unstable();
    assert_eq!(back, [0, 1], "returned before it asks");
    let (alloc, lens) = fake.alloc_all();
    assert_eq!(lens, [6000, 8, 8], "all of them together");
    for index in [2, 1, 0] {
        fake.grant(&alloc, &fake.buffer(extent, index));
    }
    let request = fake.call("m");
    let (names, count, _) = named(&request);
    let contents: Vec<_> = names.iter().map(|one| fake.bytes(one)).collect();
    assert_eq!(count, 2);
    assert_eq!(
        contents,
        [vec![7; 6000], b"attached".to_vec(), b"attached".to_vec()]
    );
    fake.answer(&request, b"");
    call.get().unwrap();
}

#[test]
fn a_call_keeps_what_it_has_if_the_rest_is_in_stock() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::CLIENT, 8192, 4);
    let attached = granted(&client, &mut fake, extent, 1);
    fake.stock(&fake.buffer(extent, 2));
    fake.stock(&fake.buffer(extent, 3));
    let small = filled(&client, b"small");
    let call = send(
        &client,
        vec![7; 6000],
        attached.into_iter().chain([small]).collect(),
    );
    let request = fake.call("m");
    let (names, _, _) = named(&request);
    let indexes: Vec<_> = names.iter().map(|one| one.index).collect();
    assert_eq!(indexes[1], 0, "where it was");
    assert_eq!(fake.bytes(&names[2]), b"small");
    fake.answer(&request, b"");
    call.get().unwrap();
    let stats = client.stats();
    assert_eq!((stats.grants, stats.stock_used, stats.returns), (1, 2, 0));
    assert_eq!((stats.copied_in, stats.copied_out), (6005, 0));
}

#[test]
fn a_call_puts_down_what_it_has_before_it_waits_for_a_credit() {
    let (client, mut fake) = pair(Knobs {
        credits: 1,
        ..Knobs::default()
    });
    let extent = fake.extent(side::CLIENT, 8192, 1);
    let attached = granted(&client, &mut fake, extent, 1);
    let first = send(&client, b"first".to_vec(), vec![]);
    let held = fake.call("m");
    let second = send(&client, b"second".to_vec(), attached);
    assert_eq!(fake.give_back().index, 0, "others may wait for it");
    fake.answer(&held, b"");
    first.get().unwrap();
    let (alloc, lens) = fake.alloc_all();
    assert_eq!(lens, [8]);
    fake.grant(&alloc, &fake.buffer(extent, 0));
    let request = fake.call("m");
    let (names, _, value) = named(&request);
    assert_eq!(value, Some(b"second".to_vec()));
    assert_eq!(fake.bytes(&names[0]), b"attached");
    fake.answer(&request, b"");
    second.get().unwrap();
}

#[test]
fn more_buffers_than_the_session_may_have_are_refused_before_they_are_asked_for() {
    let (client, mut fake) = pair(Knobs {
        welcome: Box::new(|welcome| welcome.buffers_max = 2),
        ..Knobs::default()
    });
    let extent = fake.extent(side::CLIENT, 8192, 2);
    let attached = granted(&client, &mut fake, extent, 2);
    let call = send(&client, vec![7; 6000], attached);
    fake.give_back();
    fake.give_back();
    let error = call.get().unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert!(
        error.message().contains("3 buffers together (maximum 2)"),
        "{error}"
    );
    let error = client.alloc_all(&[300; 3]).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    let call = send(&client, b"the credit is free".to_vec(), vec![]);
    let request = fake.call("m");
    fake.answer(&request, b"");
    call.get().unwrap();
}

#[test]
fn a_reply_that_nobody_waits_for_gives_its_attachments_back() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::SERVER, 4096, 3);
    let late = Task::run({
        let client = client.clone();
        move || {
            let call = client.call("m", b"x").timeout(Duration::from_millis(5));
            call.wait_placed().map(drop)
        }
    });
    let request = fake.call("m");
    assert_eq!(late.get().unwrap_err().code(), Code::TIMEOUT);
    assert_eq!(fake.request().header.kind, kind::CANCEL);
    let references = [0, 1, 2].map(|index| fake.buffer(extent, index));
    fake.push_names(&request, &fake::names(&references, 2));
    let mut back = [(); 3].map(|()| fake.give_back().index);
    back.sort_unstable();
    assert_eq!(back, [0, 1, 2]);
    // The same if it came and was not taken.
    let mut future = Box::pin(client.call("m", b"x").placed());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    let request = fake.call("m");
    let before = client.stats().replies;
    fake.push_names(&request, &fake::names(&references, 2));
    fake::until("it has come", || client.stats().replies > before);
    drop(future);
    let mut back = [(); 3].map(|()| fake.give_back().index);
    back.sort_unstable();
    assert_eq!(back, [0, 1, 2]);
}

#[test]
fn the_attachments_of_a_reply_are_returned_each_for_itself() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::SERVER, 4096, 3);
    let call = send(&client, b"x".to_vec(), vec![]);
    let request = fake.call("m");
    let references = [0, 1, 2].map(|index| fake.buffer(extent, index));
    fake.attach(&request, b"value", &references);
    let mut message = call.get().unwrap();
    drop(message.attachments.remove(1));
    assert_eq!(fake.give_back().index, 1);
    assert!(!fake.is_returned());
    drop(message);
    let mut back = [(); 2].map(|()| fake.give_back().index);
    back.sort_unstable();
    assert_eq!(back, [0, 2]);
}
