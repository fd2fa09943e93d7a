//! Buffers and attachments of the Rust client with a real server: they cross where they
//! are, and the server's books say that all of them come back.

use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::task::{Context as TaskContext, Waker};
use std::thread;
use std::time::Duration;

use outrigger::client::{Buffer, Call, PlacedReply};
use outrigger::server::{Builder, SessionStats};
use outrigger::{Client, Code, Context, Error, Handler, Limits, Reply, Request, Server};

mod process;

use process::{Serving, eventually};

/// Answers with the value and the attachments that it is given.
struct Echo;

impl Handler for Echo {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        for attachment in request.attachments() {
            let [into] = reply.attach([attachment.len() as usize])?;
            attachment.copy_to(into)?;
        }
        reply
            .buffer(request.bytes().len())?
            .copy_from_slice(request.bytes());
        Ok(())
    }

    fn takes_attachments(&self) -> bool {
        true
    }
}

fn builder() -> Builder {
    Server::builder().handler("echo", Echo).workers(4)
}

fn books(serving: &Serving) -> SessionStats {
    let sessions = serving.handle.sessions();
    assert_eq!(sessions.len(), 1);
    sessions[0]
}

/// Waits until no buffer is the client's or a handler's but those in stock.
fn settled(serving: &Serving) {
    eventually("every buffer is free or in stock", || {
        let now = books(serving);
        now.buffers_in_use() == now.in_stock
    });
}

fn bytes(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + seed) as u8).collect()
}

fn attach<'a>(client: &Client, call: Call<'a>, parts: &[Vec<u8>]) -> Call<'a> {
    let lens: Vec<usize> = parts.iter().map(Vec::len).collect();
    let mut buffers = client.alloc_all(&lens).expect("buffers");
    for (buffer, part) in buffers.iter_mut().zip(parts) {
        buffer.write_all(part).expect("room");
    }
    buffers.into_iter().fold(call, Call::attach)
}

fn check(message: &PlacedReply, value: &[u8], parts: &[Vec<u8>]) {
    assert_eq!(message.value.as_ref().expect("a value").to_vec(), value);
    let attached: Vec<_> = message.attachments.iter().map(Buffer::to_vec).collect();
    assert_eq!(attached, parts);
}

#[test]
fn up_to_four_attachments_cross_both_ways_and_every_buffer_comes_back() {
    let serving = Serving::start(builder());
    let client = serving.client();
    let lens = [0, 1, 100, 224, 225, 4096, 70_000, 1 << 20];
    for round in 0..64 {
        let value = bytes(lens[round % 8], round);
        let parts = (0..round % 5).map(|index| bytes(lens[(round / 5 + index) % 8], index));
        let parts: Vec<_> = parts.collect();
        let call = attach(&client, client.call("echo", &value), &parts);
        check(&call.wait_placed().unwrap(), &value, &parts);
        let buffer = Buffer::from_bytes(&client, &value).unwrap();
        let call = attach(&client, client.call_buffer("echo", buffer), &parts);
        assert_eq!(call.wait().unwrap().bytes(), value);
    }
    settled(&serving);
    let (books, stats) = (books(&serving), client.stats());
    assert_eq!(books.grants, stats.grants);
    assert!(books.lends > 0 && stats.belt_defects == 0);
}

#[test]
fn a_method_that_takes_no_attachments_says_so_and_keeps_none() {
    let serving = Serving::start(builder());
    let client = serving.client();
    for len in [0, 100, 5000] {
        let call = client.call("outrigger.echo", b"value");
        let error = attach(&client, call, &[bytes(len, 1)]).wait().unwrap_err();
        assert_eq!(error.code(), Code::INVALID_ARGUMENT, "{error}");
        assert!(error.message().contains("takes none"), "{error}");
    }
    settled(&serving);
}

#[test]
fn cx_14_the_reply_s_buffer_is_the_server_s_and_no_byte_is_copied() {
    let serving = Serving::start(builder());
    let client = serving.client();
    let content = bytes(300_000, 3);
    let [mut value, mut attached] = client.allocate([300_000, 300_000]).wait().unwrap();
    value.write_all(&content).unwrap();
    attached.write_all(&content).unwrap();
    let call = client.call_buffer("echo", value).attach(attached);
    let message = call.wait_placed().unwrap();
    let value = message.value.as_ref().unwrap().inspect();
    let beside = message.attachments[0].inspect();
    for info in [value, beside] {
        assert!(info.is_lent && info.extent > 0 && info.generation > 0);
        assert_eq!(info.len, 300_000);
    }
    assert_ne!((value.extent, value.index), (beside.extent, beside.index));
    let now = books(&serving);
    assert_eq!((now.lent.buffers, now.lent.bytes), (2, 2 << 19));
    let stats = client.stats();
    assert_eq!((stats.copied_in, stats.copied_out), (0, 0));
    check(&message, &content, std::slice::from_ref(&content));
    drop(message);
    settled(&serving);
}

#[test]
fn what_is_dropped_unsent_or_given_up_comes_back() {
    let serving = Serving::start(builder());
    let client = serving.client();
    drop(client.alloc_all(&[5000, 6000, 70_000]).unwrap());
    let mut buffer = client.alloc(5000).unwrap();
    buffer.write_all(b"late").unwrap();
    let call = client.call_buffer("echo", buffer);
    let error = call.timeout(Duration::ZERO).wait().unwrap_err();
    assert_eq!(error.code(), Code::TIMEOUT);
    for micros in [0, 10, 50, 100, 500] {
        let limit = Duration::from_micros(micros);
        let _ = client.allocate([9000, 80_000]).timeout(limit).wait();
        let parts = [bytes(9000, 1), bytes(80_000, 2)];
        let call = attach(&client, client.call("echo", b"x"), &parts);
        let _ = call.timeout(limit).wait_placed();
    }
    settled(&serving);
    assert!(client.end_reason().is_none());
}

/// One of several ways to use buffers; some give up in the middle.
fn use_some(client: &Client, round: usize, kept: &mut Vec<PlacedReply>) {
    let parts: Vec<_> = (0..round % 5)
        .map(|index| bytes(300 + 17_000 * ((round + index) % 4), index))
        .collect();
    let value = bytes(round * 97 % 9000, round);
    let call = attach(client, client.call("echo", &value), &parts);
    match round % 6 {
        0 => drop(call),
        1 => {
            let limit = Duration::from_micros(round as u64 % 300);
            let _ = call.timeout(limit).wait_placed();
        }
        2 => {
            let mut future = pin!(call.placed());
            let _ = future
                .as_mut()
                .poll(&mut TaskContext::from_waker(Waker::noop()));
        }
        3 => assert_eq!(call.wait().unwrap().bytes(), value),
        4 => drop(client.alloc_all(&[value.len(), 70_000])),
        _ => {
            let message = call.wait_placed().unwrap();
            check(&message, &value, &parts);
            kept.push(message);
            if kept.len() > 5 {
                kept.remove(0);
            }
        }
    }
}

#[test]
fn fb_01_after_many_mixed_uses_of_buffers_by_many_threads_all_are_back() {
    let serving = Serving::start(builder());
    let client = serving.client();
    thread::scope(|scope| {
        for thread in 0..6 {
            let client = &client;
            scope.spawn(move || {
                let mut kept = Vec::new();
                (0..300).for_each(|round| use_some(client, thread + round, &mut kept));
            });
        }
    });
    settled(&serving);
    assert!(client.end_reason().is_none());
    assert_eq!(client.stats().belt_defects, 0);
}

#[test]
fn buffers_are_readable_after_their_session_until_they_are_dropped() {
    let mut serving = Serving::start(builder());
    let client = serving.client();
    let (content, parts) = (bytes(100_000, 1), [bytes(5000, 2), bytes(300, 3)]);
    let message = attach(&client, client.call("echo", &content), &parts);
    let message = message.wait_placed().unwrap();
    let mut unsent = client.alloc(5000).unwrap();
    unsent.write_all(b"never sent").unwrap();
    serving.stop();
    eventually("the session has ended", || client.end_reason().is_some());
    client.close();
    drop(client);
    check(&message, &content, &parts);
    assert_eq!(unsent.to_vec(), b"never sent");
}

#[test]
fn threads_with_attachments_share_a_tiny_arena_and_nobody_waits_for_ever() {
    for (buffers_max, count) in [(3, 2), (4, 2), (5, 4)] {
        let limits = Limits {
            buffers_max,
            payload_max: 1 << 18,
            arena_bytes: 1 << 20,
            ..Limits::default()
        };
        let serving = Serving::start(builder().limits(limits));
        let client = serving.client();
        thread::scope(|scope| {
            for thread in 0..4 {
                let client = &client;
                scope.spawn(move || {
                    for round in 0..60 {
                        // The value needs a buffer when the attachments have theirs.
                        let value = bytes(1000 + 700 * (round % 7), round);
                        let part = |index| bytes(5000 + 4500 * ((round + index) % 6), thread);
                        let parts: Vec<_> = (0..count).map(part).collect();
                        let call = attach(client, client.call("echo", &value), &parts);
                        check(&call.wait_placed().unwrap(), &value, &parts);
                    }
                });
            }
        });
        settled(&serving);
        assert!(books(&serving).client_buffers_peak <= u64::from(buffers_max));
    }
}
