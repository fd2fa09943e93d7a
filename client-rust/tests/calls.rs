//! What a call promises to its caller while all goes well.

mod fake;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::bytes_of;
use fake::{Knobs, Task, block_on, pair, pair_with, until};
use outrigger_client::{Client, Code, Codec, Payload, Policy};
use outrigger_layout::segment::side;
use outrigger_layout::slot::{DetailPrefix, SlotHeader, TraceContext, flag, kind};

#[test]
fn fb_18_echo_is_byte_identical_from_nothing_to_the_payload_limit() {
    let (client, fake) = pair(Knobs::default());
    let serving = fake.serve();
    let mut into = Vec::new();
    for len in [
        0,
        1,
        31,
        32,
        223,
        224,
        225,
        4096,
        4097,
        65_536,
        (1 << 20) - 1,
        1 << 20,
    ] {
        let sent: Vec<u8> = (0..len).map(|index| (index * 7 + len) as u8).collect();
        let reply = client.call("echo", &sent).wait().unwrap();
        assert_eq!(reply.value(), Some(&sent[..]), "{len} bytes");
        let written = client.call_into("echo", &sent, &mut into).unwrap();
        assert_eq!((written, &into), (Some(len), &sent), "{len} bytes");
    }
    client.close();
    assert_eq!(serving.get().buffers_out, 0, "every buffer went back");
}

#[test]
fn fb_07_an_empty_value_and_no_value_differ_both_ways() {
    let (client, fake) = pair(Knobs::default());
    let _serving = fake.serve();
    let mut into = b"old".to_vec();
    assert_eq!(
        client.call("echo", b"").wait().unwrap().value(),
        Some(&b""[..])
    );
    assert_eq!(client.call_into("echo", b"", &mut into).unwrap(), Some(0));
    assert!(into.is_empty());
    into.extend_from_slice(b"old");
    assert_eq!(client.call("echo", ()).wait().unwrap().value(), None);
    assert_eq!(
        client.call_into("echo", Payload::NONE, &mut into).unwrap(),
        None
    );
    assert!(into.is_empty());
}

#[test]
fn fb_13_an_unknown_method_is_not_found_with_its_name() {
    let (client, fake) = pair(Knobs::default());
    let _serving = fake.serve();
    let error = client.call("nope", b"x").wait().unwrap_err();
    assert_eq!(error.to_string(), "outrigger: not_found: not found: nope");
    let error = client.call("", b"x").wait().unwrap_err();
    assert_eq!(error.code(), Code::NULL_POINTER);
    let error = client.call(&"n".repeat(256), b"x").wait().unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    let long = "n".repeat(255);
    let error = client.call(&long, b"x").wait().unwrap_err();
    assert_eq!(error.code(), Code::NOT_FOUND);
}

#[test]
fn fb_19_version_is_what_welcome_says() {
    let (client, _fake) = pair(Knobs::default());
    assert_eq!(client.version(), "9.8.7");
    assert_eq!(client.epoch(), 7);
    assert_eq!(client.payload_max(), 1 << 20);
}

#[test]
fn fb_10_an_error_text_that_is_not_utf8_keeps_its_code() {
    let (client, fake) = pair(Knobs::default());
    let _serving = fake.serve();
    let error = client
        .call("fail", b"bad \xff\xfe text")
        .wait()
        .unwrap_err();
    assert_eq!(error.code(), Code::HANDLER_ERROR);
    assert_eq!(error.message(), "bad \u{fffd}\u{fffd} text");
}

#[test]
fn an_error_without_a_text_and_a_long_one_arrive() {
    let (client, fake) = pair(Knobs::default());
    let serving = fake.serve();
    let error = client.call("fail", b"").wait().unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::HANDLER_ERROR, "unknown error")
    );
    let long = "x".repeat(5000);
    let mut into = Vec::new();
    let error = client.call_into("fail", &long, &mut into).unwrap_err();
    assert_eq!(error.message(), long);
    assert!(into.is_empty(), "a message is not a value");
    client.close();
    assert_eq!(serving.get().buffers_out, 0);
}

#[test]
fn an_unknown_code_is_carried_and_shown() {
    let (client, mut fake) = pair(Knobs::default());
    let call = Task::run(move || client.call("m", b"x").wait());
    let request = fake.call("m");
    fake.fail(&request, Code(4711), b"hm");
    let error = call.get().unwrap_err();
    assert_eq!(error.to_string(), "outrigger: error_4711: hm");
}

#[test]
fn fb_17_json_goes_both_ways_and_its_failures_are_named() {
    let (client, mut fake) = pair(Knobs::default());
    let call = {
        let client = client.clone();
        Task::run(move || client.call_json::<_, Vec<u64>>("sum", &[1_u64, 2]))
    };
    let request = fake.call("sum");
    assert_eq!(
        (request.header.codec, &request.payload[..]),
        (Codec::JSON.0, &b"[1,2]"[..])
    );
    fake.answer(&request, b"[3]");
    assert_eq!(call.get().unwrap(), [3]);
    for (answer, text) in [
        (&b""[..], "empty response from \"sum\""),
        (&b"{"[..], "deserialize response: "),
    ] {
        let client = client.clone();
        let call = Task::run(move || client.call_json::<_, u64>("sum", "x"));
        let request = fake.call("sum");
        fake.answer(&request, answer);
        let error = call.get().unwrap_err();
        assert_eq!(error.code(), Code::SERIALIZATION);
        assert!(error.message().contains(text), "{error}");
    }
    let unwritable = std::collections::BTreeMap::from([([1_u8, 2], 3)]);
    let error = client.call_json::<_, u64>("sum", &unwritable).unwrap_err();
    assert_eq!(error.code(), Code::SERIALIZATION);
    assert!(error.message().contains("serialize request: "), "{error}");
}

#[test]
fn methods_are_the_names_in_the_servers_array() {
    let (client, fake) = pair(Knobs::default());
    let _serving = fake.serve();
    assert_eq!(client.methods().unwrap(), ["echo", "fail"]);
}

#[test]
fn a_name_is_bound_once() {
    let (client, mut fake) = pair(Knobs::default());
    let calls = {
        let client = client.clone();
        Task::run(move || {
            for _ in 0..3 {
                client.call("one", ()).wait().unwrap();
            }
        })
    };
    for _ in 0..3 {
        let request = fake.call("one");
        assert_eq!(request.header.flags, flag::NO_VALUE);
        assert_eq!((request.header.deadline, request.header.depth), (0, 0));
        fake.answer(&request, b"");
    }
    calls.get();
    assert_eq!(fake.names, ["one"]);
}

#[test]
fn replies_may_come_in_another_order_than_calls() {
    let (client, mut fake) = pair(Knobs::default());
    let calls: Vec<_> = (0..4_u8)
        .map(|index| {
            let client = client.clone();
            Task::run(move || client.call("m", &[index]).wait().unwrap().into_value())
        })
        .collect();
    let mut requests: Vec<_> = (0..4).map(|_| fake.call("m")).collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.payload[0]));
    for request in &requests {
        fake.answer(request, &[request.payload[0] + 100]);
    }
    for (index, call) in calls.into_iter().enumerate() {
        assert_eq!(call.get(), Some(vec![index as u8 + 100]));
    }
}

#[test]
fn correlations_are_never_zero_and_never_used_twice() {
    let (client, mut fake) = pair(Knobs {
        credits: 2,
        ..Knobs::default()
    });
    let calls = {
        let client = client.clone();
        Task::run(move || (0..50).for_each(|_| drop(client.call("m", ()).wait().unwrap())))
    };
    let mut seen = std::collections::BTreeSet::from([0]);
    for _ in 0..50 {
        let request = fake.call("m");
        assert!(seen.insert(request.header.correlation));
        fake.answer(&request, b"");
    }
    calls.get();
}

#[test]
fn a_caller_without_a_credit_waits_for_one() {
    let (client, mut fake) = pair(Knobs {
        credits: 1,
        ..Knobs::default()
    });
    let call = |payload: u8| {
        let client = client.clone();
        Task::run(move || client.call("m", &[payload]).wait().unwrap().into_value())
    };
    let calls = [call(1), call(2), call(3)];
    let mut held = Vec::new();
    for _ in 0..3 {
        let request = fake.call("m");
        assert!(fake.try_request().is_none(), "one credit, one call");
        held.push(request.payload[0]);
        fake.answer(&request, &request.payload.clone());
    }
    held.sort_unstable();
    assert_eq!(held, [1, 2, 3]);
    for (index, call) in calls.into_iter().enumerate() {
        assert_eq!(call.get(), Some(vec![index as u8 + 1]));
    }
}

#[test]
fn many_threads_and_lanes_lose_nothing() {
    const THREADS: u8 = 8;
    const CALLS: u16 = 300;
    for policy in [Policy::Spin, Policy::Hybrid, Policy::Block] {
        let knobs = Knobs {
            lanes: 3,
            credits: 2,
            ..Knobs::default()
        };
        let (client, fake) = pair_with(Client::builder().wait(policy), knobs);
        let serving = fake.serve();
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let client = client.clone();
                Task::run(move || {
                    let mut into = Vec::new();
                    for call in 0..CALLS {
                        let len = if call % 16 == 0 { 6000 } else { 8 };
                        let mut sent = vec![thread; len];
                        sent[..2].copy_from_slice(&call.to_le_bytes());
                        let written = client.call_into("echo", &sent, &mut into).unwrap();
                        assert_eq!((written, &into), (Some(len), &sent));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(Task::get);
        let stats = client.stats();
        assert_eq!(
            (stats.belt_defects, stats.late_replies),
            (0, 0),
            "{policy:?}"
        );
        assert_eq!(stats.replies, u64::from(THREADS) * u64::from(CALLS));
        client.close();
        assert_eq!(serving.get().buffers_out, 0, "{policy:?}");
    }
}

#[test]
fn awaited_calls_need_no_runtime_and_mix_with_blocking_ones() {
    let (client, fake) = pair(Knobs {
        lanes: 2,
        credits: 2,
        ..Knobs::default()
    });
    let serving = fake.serve();
    let tasks: Vec<_> = (0..6_u8)
        .map(|task| {
            let client = client.clone();
            Task::run(move || {
                for call in 0..200_u16 {
                    let sent = vec![task; if call % 20 == 0 { 9000 } else { 3 }];
                    let reply = if task % 2 == 0 {
                        block_on(client.call("echo", &sent).into_future())
                    } else {
                        client.call("echo", &sent).wait()
                    };
                    assert_eq!(reply.unwrap().value(), Some(&sent[..]));
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(Task::get);
    assert_eq!(client.stats().belt_defects, 0);
    client.close();
    assert_eq!(serving.get().buffers_out, 0);
}

#[test]
fn one_task_awaits_many_calls_at_once() {
    let (client, mut fake) = pair(Knobs::default());
    let both = {
        let client = client.clone();
        Task::run(move || {
            let mut first = Box::pin(client.call("m", b"1").into_future());
            let mut second = Box::pin(client.call("m", b"2").into_future());
            block_on(async {
                let mut answers = (None, None);
                std::future::poll_fn(|context| {
                    use std::future::Future;
                    use std::task::Poll;
                    if answers.0.is_none()
                        && let Poll::Ready(reply) = first.as_mut().poll(context)
                    {
                        answers.0 = Some(reply.unwrap());
                    }
                    if answers.1.is_none()
                        && let Poll::Ready(reply) = second.as_mut().poll(context)
                    {
                        answers.1 = Some(reply.unwrap());
                    }
                    match &answers {
                        (Some(one), Some(two)) => Poll::Ready((one.clone(), two.clone())),
                        _ => Poll::Pending,
                    }
                })
                .await
            })
        })
    };
    let requests = [fake.call("m"), fake.call("m")];
    for request in requests.iter().rev() {
        fake.answer(request, &request.payload);
    }
    let (one, two) = both.get();
    assert_eq!((one.bytes(), two.bytes()), (&b"1"[..], &b"2"[..]));
}

#[test]
fn prefixes_of_a_reply_are_skipped_and_a_detail_is_not_message() {
    let (client, mut fake) = pair(Knobs::default());
    let call = || {
        let client = client.clone();
        Task::run(move || client.call("m", ()).wait())
    };
    let waiting = call();
    let request = fake.call("m");
    let trace: TraceContext = bytemuck::Zeroable::zeroed();
    let header = SlotHeader {
        flags: flag::TRACE,
        ..fake.reply_to(&request)
    };
    fake.push_reply(0, &header, &[bytes_of(&trace), b"value"].concat());
    assert_eq!(waiting.get().unwrap().bytes(), b"value");
    let waiting = call();
    let request = fake.call("m");
    let detail = DetailPrefix {
        message_len: 4,
        reserved: [0; 3],
    };
    let header = SlotHeader {
        flags: flag::TRACE | flag::DETAIL,
        code: Code::HANDLER_ERROR.0,
        ..fake.reply_to(&request)
    };
    let payload = [bytes_of(&trace), bytes_of(&detail), b"textdetail"].concat();
    fake.push_reply(0, &header, &payload);
    assert_eq!(waiting.get().unwrap_err().message(), "text");
}

#[test]
fn progress_is_counted_and_changes_nothing() {
    let (client, mut fake) = pair(Knobs::default());
    let waiting = {
        let client = client.clone();
        Task::run(move || client.call("m", ()).wait())
    };
    let request = fake.call("m");
    let header = SlotHeader {
        kind: kind::PROGRESS,
        code: Code::STALE_WARN.0,
        ..fake.reply_to(&request)
    };
    fake.push_reply(0, &header, &[]);
    until("the progress is read", || client.stats().progress == 1);
    assert!(!waiting.is_finished());
    fake.answer(&request, b"x");
    assert_eq!(waiting.get().unwrap().bytes(), b"x");
}

#[test]
fn a_deadline_travels_in_the_servers_clock() {
    // The same clock: no shift. Another time namespace: shifted by the difference.
    for (ahead, name) in [(0, "same"), (3_600_000_000_000_u64, "other")] {
        let welcome = Box::new(move |welcome: &mut outrigger_layout::frame::Welcome| {
            welcome.clock_ns += ahead;
        });
        let (client, mut fake) = pair(Knobs {
            welcome,
            ..Knobs::default()
        });
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now_ns = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
        let deadline = Instant::now() + Duration::from_secs(1000);
        let call = Task::run(move || client.call("m", ()).deadline(deadline).wait());
        let request = fake.call("m");
        let expected = now_ns + 1_000_000_000_000 + ahead;
        let off = request.header.deadline.abs_diff(expected);
        assert!(off < 1_000_000_000, "{name} clock: off by {off} ns");
        fake.answer(&request, b"");
        call.get().unwrap();
    }
}

#[test]
fn a_payload_above_the_limit_is_refused_and_nothing_is_sent() {
    let (client, mut fake) = pair(Knobs {
        payload_max: 1000,
        ..Knobs::default()
    });
    let error = client.call("m", &vec![0; 1001]).wait().unwrap_err();
    assert_eq!(
        error.to_string(),
        "outrigger: buffer_too_small: buffer too small: need 1001 bytes, have 1000"
    );
    let stats = client.stats();
    assert_eq!((stats.requests, stats.grants), (0, 0));
    client.close();
    let (code, _) = fake.farewell();
    assert_eq!(
        code,
        Code::OK,
        "BYE is the first frame: not even BIND was sent"
    );
    assert!(fake.names.is_empty());
}

#[test]
fn a_large_request_asks_writes_and_names_its_buffer() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::CLIENT, 8192, 2);
    let sent: Arc<Vec<u8>> = Arc::new((0..5000).map(|index| index as u8).collect());
    let call = {
        let (client, sent) = (client.clone(), Arc::clone(&sent));
        Task::run(move || client.call("m", &*sent).wait())
    };
    let (alloc, len) = fake.alloc();
    assert_eq!(len, 5000);
    let granted = fake.buffer(extent, 1);
    fake.grant(&alloc, &granted);
    let request = fake.call("m");
    assert_eq!(request.header.correlation, alloc.header.correlation);
    assert_eq!(request.header.flags, flag::BUFFERS);
    let named: outrigger_layout::buffer::BufferRef =
        bytemuck::pod_read_unaligned(&request.payload[16..]);
    assert_eq!((named.index, named.offset, named.length), (1, 8192, 5000));
    assert_eq!(fake.bytes(&named), *sent);
    fake.answer(&request, b"ok");
    assert_eq!(call.get().unwrap().bytes(), b"ok");
    assert_eq!(client.stats().returns, 0, "the buffer is the server's");
}

#[test]
fn a_refused_buffer_fails_its_call_with_the_numbers() {
    let (client, mut fake) = pair(Knobs {
        credits: 1,
        ..Knobs::default()
    });
    for (code, text) in [
        (
            Code::RESOURCE_EXHAUSTED,
            "a buffer of 5000 bytes (100 available)",
        ),
        (Code::BUFFER_TOO_SMALL, "need 5000 bytes, have 100"),
    ] {
        let client = client.clone();
        let call = Task::run(move || client.call("m", &vec![1; 5000]).wait());
        let (alloc, _) = fake.alloc();
        let header = SlotHeader {
            kind: kind::REFUSED,
            code: code.0,
            correlation: alloc.header.correlation,
            ..bytemuck::Zeroable::zeroed()
        };
        fake.push_grant(&header, bytemuck::cast_slice(&[5000_u64, 100]));
        let error = call.get().unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.message().contains(text), "{error}");
    }
}

#[test]
fn a_large_reply_is_copied_and_its_buffer_returned() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::SERVER, 4096, 4);
    let call = {
        let client = client.clone();
        Task::run(move || client.call("m", ()).wait())
    };
    let request = fake.call("m");
    let lent = outrigger_layout::buffer::BufferRef {
        generation: 42,
        length: 600,
        ..fake.buffer(extent, 2)
    };
    fake.mapping(extent)
        .copy_in(lent.offset, &[9; 600])
        .unwrap();
    fake.lend(&request, &lent);
    assert_eq!(call.get().unwrap().bytes(), [9; 600]);
    let back = fake.give_back();
    assert_eq!((back.extent, back.index, back.generation), (extent, 2, 42));
}

#[test]
fn an_extent_is_dropped_on_request() {
    use outrigger_layout::frame::control;
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::SERVER, 4096, 4);
    assert_eq!(client.stats().extents, 1);
    fake.post(control::EXTENT_DROP, Code::OK, u64::from(extent), &[]);
    let (dropped, _) = fake.frame(control::EXTENT_DROPPED);
    assert_eq!(dropped.token, u64::from(extent));
    assert_eq!(client.stats().extents, 0);
}
