//! Calls seen from the client's end of the rings: outcomes, panics, deadlines,
//! the registry. Both ends run in one thread.

use std::sync::{Arc, Mutex, OnceLock};

use outrigger_layout::slot::{SlotHeader, flag, kind};
use outrigger_layout::{Code, Codec};
use outrigger_ringbuf::sync::{AtomicU64, Ordering};
use outrigger_server::stepping::Loopback;
use outrigger_server::{Builder, Error, Registry, Server, handler};

/// One call from a fresh correlation to its reply.
fn call(pair: &mut Loopback, header: SlotHeader, payload: &[u8]) -> (SlotHeader, Vec<u8>) {
    static CORRELATION: AtomicU64 = AtomicU64::new(1);
    let correlation = CORRELATION.fetch_add(1, Ordering::Relaxed);
    pair.send(
        &SlotHeader {
            correlation,
            ..header
        },
        payload,
    );
    assert_eq!(pair.step().expect("no violation"), 1);
    let (reply, payload) = pair.receive().expect("a reply");
    assert_eq!((reply.kind, reply.correlation), (kind::REPLY, correlation));
    assert!(pair.receive().is_none(), "exactly one reply");
    (reply, payload)
}

fn call_raw(pair: &mut Loopback, method: u16, payload: &[u8]) -> (Code, Vec<u8>) {
    let (reply, payload) = call(pair, Loopback::call_header(method, 0), payload);
    (Code(reply.code), payload)
}

fn call_json(pair: &mut Loopback, method: u16, text: &str) -> (Code, String) {
    let header = SlotHeader {
        codec: Codec::JSON.0,
        ..Loopback::call_header(method, 0)
    };
    let (reply, payload) = call(pair, header, text.as_bytes());
    assert_eq!(
        reply.codec,
        Codec::JSON.0,
        "the reply has the request's codec"
    );
    (Code(reply.code), String::from_utf8(payload).expect("text"))
}

fn pair(builder: Builder) -> Loopback {
    Loopback::new(builder).expect("a session")
}

#[test]
fn fb_07_and_fb_18_echo_returns_every_inline_length_and_tells_empty_from_none() {
    let mut pair = pair(Server::builder());
    let echo = pair.bind("outrigger.echo").unwrap();
    for len in [0, 1, 32, 223, 224] {
        let bytes: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
        assert_eq!(call_raw(&mut pair, echo, &bytes), (Code::OK, bytes));
    }
    let none = SlotHeader {
        flags: flag::NO_VALUE,
        ..Loopback::call_header(echo, 0)
    };
    let (reply, payload) = call(&mut pair, none, &[]);
    assert_eq!((reply.flags, payload.len()), (flag::NO_VALUE, 0));
}

#[test]
fn fb_13_an_unknown_method_is_not_found_by_name() {
    let mut pair = pair(Server::builder());
    let nope = pair.bind("nope").unwrap();
    assert_eq!(
        call_raw(&mut pair, nope, b""),
        (Code::NOT_FOUND, b"not found: nope".to_vec())
    );
    assert_eq!(pair.bind("").unwrap_err().code(), Code::NULL_POINTER);
    assert_eq!(
        pair.bind("").unwrap_err().message(),
        "null pointer received"
    );
    let long = pair.bind(&"n".repeat(256)).unwrap_err();
    assert_eq!(long.code(), Code::INVALID_ARGUMENT);
    assert_eq!(
        pair.bind("nope").unwrap(),
        nope,
        "binding again gives the same id"
    );
}

#[test]
fn fb_12_register_replaces_unregister_removes_and_count_and_list_tell() {
    let registry = Registry::default();
    assert!(
        !registry
            .register("m", handler::bytes(|_, _| Ok(vec![1])))
            .unwrap()
    );
    assert!(
        registry
            .register("m", handler::bytes(|_, _| Ok(vec![2])))
            .unwrap()
    );
    assert_eq!(
        (registry.count(), registry.list()),
        (1, vec!["m".to_owned()])
    );
    assert!(registry.unregister("m"));
    assert!(!registry.unregister("m"), "unknown by now");
    assert_eq!(registry.count(), 0);
    let reserved = registry.register("outrigger.echo", handler::bytes(|_, _| Ok(vec![])));
    assert_eq!(reserved.unwrap_err().code(), Code::INVALID_ARGUMENT);
    assert_eq!(
        registry
            .register("", handler::bytes(|_, _| Ok(vec![])))
            .unwrap_err()
            .code(),
        Code::NULL_POINTER
    );
}

#[test]
fn a_builder_refuses_a_name_twice_and_reports_the_first_error() {
    let handler = || handler::bytes(|_, _| Ok(vec![]));
    for (names, text) in [
        (["m", "m"], "method m is registered twice"),
        (["", "m"], "empty method name (allowed: 1 to 255 bytes)"),
        (
            ["outrigger.m", ""],
            "method name \"outrigger.m\" (the prefix outrigger. is reserved)",
        ),
    ] {
        let [first, second] = names;
        let builder = Server::builder().handler(first, handler());
        let error = builder.handler(second, handler()).bind("/tmp/never.sock");
        let error = error.expect_err(text);
        assert_eq!(error.code(), Code::INVALID_ARGUMENT);
        assert_eq!(error.message(), format!("invalid argument: {text}"));
    }
}

#[test]
fn fb_12_a_bound_method_follows_the_registry() {
    let mut pair = pair(Server::builder());
    let method = pair.bind("m").unwrap();
    assert_eq!(call_raw(&mut pair, method, b"").0, Code::NOT_FOUND);
    pair.registry()
        .register("m", handler::bytes(|_, _| Ok(b"one".to_vec())))
        .unwrap();
    assert_eq!(
        call_raw(&mut pair, method, b""),
        (Code::OK, b"one".to_vec())
    );
    pair.registry()
        .register("m", handler::bytes(|_, _| Ok(b"two".to_vec())))
        .unwrap();
    assert_eq!(
        call_raw(&mut pair, method, b""),
        (Code::OK, b"two".to_vec())
    );
    pair.registry().unregister("m");
    assert_eq!(call_raw(&mut pair, method, b"").0, Code::NOT_FOUND);
}

#[test]
fn fb_12_a_call_in_flight_finishes_on_the_handler_it_began_with() {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    let builder = Server::builder().handler(
        "m",
        handler::bytes(|_, _| {
            let registry = REGISTRY.get().expect("set below");
            registry.register("m", handler::bytes(|_, _| Ok(b"new".to_vec())))?;
            assert!(registry.unregister("m"));
            Ok(b"old".to_vec())
        }),
    );
    REGISTRY.set(builder.registry()).unwrap();
    let mut pair = pair(builder);
    let method = pair.bind("m").unwrap();
    assert_eq!(
        call_raw(&mut pair, method, b""),
        (Code::OK, b"old".to_vec())
    );
    assert_eq!(call_raw(&mut pair, method, b"").0, Code::NOT_FOUND);
}

#[test]
fn fb_11_us_19_p_1_to_p_5_a_panic_fails_its_call_and_nothing_else() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropping a panic's payload");
        }
    }
    let mut pair = pair(
        Server::builder()
            .handler("ok", handler::bytes(|_, bytes| Ok(bytes.to_vec())))
            .handler(
                "panic",
                handler::bytes(|_, kind| match kind {
                    b"none" => Ok(vec![]),
                    b"number" => std::panic::panic_any(7),
                    b"bomb" => std::panic::panic_any(Bomb),
                    _ => panic!("kaboom"),
                }),
            ),
    );
    let (ok, panics) = (pair.bind("ok").unwrap(), pair.bind("panic").unwrap());
    let count = pair.registry().count();
    for (kind, text) in [
        ("text", "kaboom"),
        ("number", "unknown panic payload"),
        ("bomb", "unknown panic payload"),
    ] {
        let (code, message) = call_raw(&mut pair, panics, kind.as_bytes());
        let message = String::from_utf8(message).unwrap();
        assert_eq!(code, Code::PANIC, "P-1, P-4, P-5");
        assert_eq!(message, format!("panic caught at FFI boundary: {text}"));
        assert_eq!(
            call_raw(&mut pair, panics, b"none").0,
            Code::OK,
            "P-2: the same handler"
        );
        assert_eq!(
            call_raw(&mut pair, ok, b"x").0,
            Code::OK,
            "P-3: another handler"
        );
        assert_eq!(pair.registry().count(), count, "P-3");
    }
}

#[test]
fn fb_15_a_poisoned_handler_reports_it_and_the_registry_never_is() {
    let state = Mutex::new(0);
    let mut pair = pair(Server::builder().handler(
        "poison",
        handler::bytes(move |_, command| {
            let _state = state.lock()?;
            assert_ne!(command, b"break");
            Ok(vec![])
        }),
    ));
    let poison = pair.bind("poison").unwrap();
    assert_eq!(call_raw(&mut pair, poison, b"break").0, Code::PANIC);
    let poisoned = (Code::LOCK_POISONED, b"mutex lock is poisoned".to_vec());
    assert_eq!(call_raw(&mut pair, poison, b""), poisoned);
    pair.registry()
        .register("other", handler::bytes(|_, _| Ok(vec![])))
        .unwrap();
    let other = pair.bind("other").unwrap();
    assert_eq!(call_raw(&mut pair, other, b"").0, Code::OK);
    assert_eq!(pair.registry().count(), 7);
}

#[test]
fn fb_16_bad_json_is_serialization_and_the_handler_is_not_called() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let mut pair = pair(Server::builder().handler(
        "sum",
        handler::json(|_, (a, b): (i64, i64)| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            a.checked_add(b)
                .ok_or_else(|| Error::handler("the sum overflows"))
        }),
    ));
    let sum = pair.bind("sum").unwrap();
    assert_eq!(
        call_json(&mut pair, sum, "[1,2]"),
        (Code::OK, "3".to_owned())
    );
    let (code, text) = call_json(&mut pair, sum, "[1,");
    assert_eq!(code, Code::SERIALIZATION);
    assert!(text.contains("EOF while parsing"), "{text}");
    let (code, text) = call_json(&mut pair, sum, "[9223372036854775807,1]");
    assert_eq!(
        (code, &*text),
        (Code::HANDLER_ERROR, "handler error: the sum overflows")
    );
    assert_eq!(CALLS.load(Ordering::Relaxed), 2);
    let (code, text) = call_raw(&mut pair, sum, b"[1,2]");
    assert_eq!(code, Code::SERIALIZATION, "another codec");
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.ends_with("method sum does not take raw (allowed: [json])"),
        "{text}"
    );
    assert_eq!(CALLS.load(Ordering::Relaxed), 2);
}

#[test]
fn fb_09_errors_cross_unchanged_and_never_without_a_text() {
    let mut pair = pair(
        Server::builder()
            .handler("timeout", handler::bytes(|_, _| Err(Error::timeout())))
            .handler(
                "empty",
                handler::bytes(|_, _| Err(Error::new(Code::HANDLER_ERROR, ""))),
            )
            .handler(
                "odd",
                handler::bytes(|_, _| Err(Error::new(Code(777), "odd"))),
            ),
    );
    let timeout = pair.bind("timeout").unwrap();
    let text = b"operation timed out".to_vec();
    assert_eq!(call_raw(&mut pair, timeout, b""), (Code::TIMEOUT, text));
    let empty = pair.bind("empty").unwrap();
    assert_eq!(call_raw(&mut pair, empty, b"").1, b"unknown error");
    let odd = pair.bind("odd").unwrap();
    assert_eq!(call_raw(&mut pair, odd, b""), (Code(777), b"odd".to_vec()));
}

#[test]
fn a_deadline_that_has_passed_is_timeout_and_the_handler_is_not_called() {
    let mut pair = pair(
        Server::builder()
            .handler("inline", handler::bytes(|_, _| panic!("called")))
            .handler("pool", handler::bytes(|_, _| panic!("called")).on_pool()),
    );
    pair.set_now(5_000);
    let inline = pair.bind("inline").unwrap();
    let header = SlotHeader {
        deadline: 5_000,
        ..Loopback::call_header(inline, 0)
    };
    let (reply, _) = call(&mut pair, header, b"");
    assert_eq!(Code(reply.code), Code::TIMEOUT);
    let pool = pair.bind("pool").unwrap();
    let header = SlotHeader {
        deadline: 5_001,
        ..Loopback::call_header(pool, 0)
    };
    let (reply, _) = call(&mut pair, header, b"");
    assert_eq!(
        Code(reply.code),
        Code::TIMEOUT,
        "passed while it waited for a worker"
    );
}

#[test]
fn a_cancelled_call_is_answered_once_and_a_stale_cancel_is_ignored() {
    let mut pair =
        pair(Server::builder().handler("pool", handler::bytes(|_, _| panic!("called")).on_pool()));
    let pool = pair.bind("pool").unwrap();
    let cancel = SlotHeader {
        kind: kind::CANCEL,
        ..Loopback::call_header(0, 7)
    };
    pair.send_call(pool, 7, b"");
    pair.send(&cancel, b"");
    assert_eq!(pair.step().unwrap(), 2);
    let (reply, _) = pair.receive().expect("a reply");
    assert_eq!(Code(reply.code), Code::CANCELLED);
    pair.send(&cancel, b"");
    assert_eq!(pair.step().unwrap(), 1);
    assert!(pair.receive().is_none());
}

#[test]
fn calls_that_are_queued_when_their_session_ends_are_not_begun() {
    let mut pair =
        pair(Server::builder().handler("pool", handler::bytes(|_, _| panic!("called")).on_pool()));
    let pool = pair.bind("pool").unwrap();
    pair.send_call(pool, 1, b"");
    pair.send_call(pool, 2, b"");
    assert_eq!(pair.poll().unwrap(), 2, "queued");
    pair.end(Error::new(Code::PEER_GONE, "the client closed"));
    pair.send_call(pool, 3, b"");
    assert_eq!(
        pair.step().unwrap(),
        1,
        "still read, so that its ring is empty"
    );
    let mut ended: Vec<_> = std::iter::from_fn(|| pair.receive())
        .map(|(reply, _)| (reply.correlation, Code(reply.code)))
        .collect();
    ended.sort_by_key(|(correlation, _)| *correlation);
    let all = [1, 2, 3].map(|correlation| (correlation, Code::CANCELLED));
    assert_eq!(ended, all);
}

#[test]
fn fb_19_and_us_15_version_and_methods_are_there_before_anything_else() {
    let mut pair = pair(Server::builder());
    let version = pair.bind("outrigger.version").unwrap();
    let text = env!("CARGO_PKG_VERSION").as_bytes().to_vec();
    assert_eq!(call_raw(&mut pair, version, b""), (Code::OK, text));
    let methods = pair.bind("outrigger.methods").unwrap();
    let (code, text) = call_json(&mut pair, methods, "null");
    let names = ["echo", "methods", "schema", "sessions", "version"];
    let wanted = names.map(|name| format!("\"outrigger.{name}\"")).join(",");
    let wanted = format!("[{wanted}]");
    assert_eq!((code, text), (Code::OK, wanted));
}

#[test]
fn a_reply_carries_the_position_up_to_which_requests_were_read() {
    let mut pair = pair(Server::builder());
    let echo = pair.bind("outrigger.echo").unwrap();
    for round in 1..=1_000 {
        let (reply, _) = call(&mut pair, Loopback::call_header(echo, 0), b"x");
        assert_eq!(reply.deadline, round);
        pair.requests.learn(reply.deadline).unwrap();
    }
}

#[test]
fn fb_20_no_call_is_lost_while_eight_threads_register_and_unregister() {
    let answer = |value: u8| handler::bytes(move |_, _| Ok(vec![value]));
    let builder = Server::builder().handler("kept", answer(0));
    let registry = builder.registry();
    let mut pair = pair(builder);
    let (kept, own) = (pair.bind("kept").unwrap(), pair.bind("own.3").unwrap());
    let count = registry.count();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let registry = &registry;
            scope.spawn(move || {
                let name = format!("own.{thread}");
                for _ in 0..10_000 {
                    assert!(!registry.register(&name, answer(thread)).unwrap());
                    assert!(registry.register("kept", answer(thread)).unwrap());
                    assert!(registry.unregister(&name));
                }
            });
        }
        for _ in 0..10_000 {
            let (code, value) = call_raw(&mut pair, kept, b"");
            assert!(code == Code::OK && value[0] < 8, "{code} {value:?}");
            let (code, _) = call_raw(&mut pair, own, b"");
            assert!(matches!(code, Code::OK | Code::NOT_FOUND), "{code}");
        }
    });
    assert_eq!(registry.count(), count);
}
