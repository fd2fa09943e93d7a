//! Buffers of real sessions: no round trip for a large call, nothing lost, limits that
//! hold, and all of it visible.

use std::thread;
use std::time::Duration;

use outrigger::server::{Builder, SessionStats};
use outrigger::{Client, Code, Limits, Server, handler};

mod process;

use process::{Serving, eventually};

fn echo() -> Builder {
    let length = handler::bytes(|_, bytes| Ok(bytes.len().to_string().into_bytes()));
    let sleep = handler::bytes(|_, bytes| {
        thread::sleep(Duration::from_millis(20));
        Ok(bytes.to_vec())
    });
    Server::builder()
        .handler("length", length)
        .handler("sleep", sleep.on_pool())
        .workers(4)
}

fn session(serving: &Serving, client: &Client) -> SessionStats {
    let mut found = None;
    eventually("the session has begun", || {
        let sessions = serving.handle.sessions();
        let mut own = sessions.iter().filter(|one| one.session == client.epoch());
        found = own.next().copied();
        found.is_some()
    });
    found.expect("it was found")
}

#[test]
fn calls_of_4_and_64_kib_need_no_round_trip_for_their_buffers() {
    let serving = Serving::start(echo());
    let client = serving.client();
    for len in [4096, 60_000, 65_536] {
        let payload = vec![1; len];
        let call = |_| client.call("outrigger.echo", &payload).wait().unwrap();
        (0..3).map(call).for_each(drop);
        let before = client.stats();
        for round in 0..300 {
            assert_eq!(call(round).bytes(), payload);
        }
        let after = client.stats();
        assert_eq!(after.grants, before.grants, "{len}: no ALLOC");
        assert_eq!(after.stock_used, before.stock_used + 300);
    }
    assert_eq!(client.stats().belt_defects, 0);
}

#[test]
fn fb_01_after_many_mixed_calls_and_a_rest_the_session_uses_nothing() {
    let serving = Serving::start(echo());
    let client = serving.client();
    thread::scope(|scope| {
        for thread in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for round in 0..250_usize {
                    let len = (thread * 7919 + round * 6151) % 300_000;
                    let method = ["outrigger.echo", "length"][round % 2];
                    let reply = client.call(method, &vec![3; len]).wait().unwrap();
                    if round % 2 == 0 {
                        assert_eq!(reply.bytes().len(), len);
                    }
                }
            });
        }
    });
    let busy = session(&serving, &client);
    assert!(busy.stocked > 0 && busy.extents_made > 0, "{busy:?}");
    eventually("the stock is recalled and every extent dropped", || {
        let rest = session(&serving, &client);
        (rest.buffers_in_use(), rest.extent_bytes, rest.extents) == (0, 0, 0)
    });
    let rest = session(&serving, &client);
    assert!(rest.recalls > 0, "{rest:?}");
    assert_eq!(rest.extents_made, rest.extents_dropped);
    assert_eq!(client.stats().extents, 0);
    let payload = vec![9; 100_000];
    let again = client.call("outrigger.echo", &payload).wait().unwrap();
    assert_eq!(again.bytes(), payload);
}

#[test]
fn many_callers_share_few_buffers_and_nobody_waits_for_ever() {
    for buffers_max in [1, 2, 8] {
        let limits = Limits {
            buffers_max,
            payload_max: 1 << 20,
            arena_bytes: 1 << 20,
            ..Limits::default()
        };
        let serving = Serving::start(echo().limits(limits));
        let client = serving.client();
        thread::scope(|scope| {
            for thread in 0..16 {
                let client = &client;
                scope.spawn(move || {
                    for round in 0..40_usize {
                        let payload = vec![5; 1000 + (thread * 40 + round) * 1500 % 1_000_000];
                        let reply = client.call("outrigger.echo", &payload).wait();
                        assert_eq!(reply.unwrap().bytes(), payload);
                    }
                });
            }
        });
        let stats = session(&serving, &client);
        assert!(stats.client_buffers_peak <= u64::from(buffers_max));
        assert!(stats.extent_bytes_peak <= 2 << 20, "{stats:?}");
    }
}

#[test]
fn a_large_message_needs_limits_that_allow_it() {
    let serving = Serving::start(echo());
    let client = serving.client();
    let payload = vec![8; 128 << 20];
    let error = client.call("length", &payload).wait().unwrap_err();
    assert_eq!(error.code(), Code::BUFFER_TOO_SMALL);
    let text = "buffer too small: need 134217728 bytes, have 67108864";
    assert_eq!(error.message(), text);
    let limits = Limits {
        payload_max: 128 << 20,
        ..Limits::default()
    };
    let serving = Serving::start(echo().limits(limits));
    let client = serving.client();
    assert_eq!(client.payload_max(), 128 << 20);
    let reply = client.call("outrigger.echo", &payload).wait().unwrap();
    assert!(reply.bytes() == payload, "128 MiB and back");
}

#[test]
fn a_session_beyond_the_quota_is_refused_with_numbers() {
    let segments = {
        let serving = Serving::start(echo());
        let client = serving.client();
        session(&serving, &client).segment_bytes
    };
    let limits = Limits {
        uid_bytes: segments * 2 + 1,
        ..Limits::default()
    };
    let serving = Serving::start(echo().limits(limits));
    // (Their lengths may differ by a page.)
    let clients = [serving.client(), serving.client()];
    let error = Client::connect(&serving.socket()).unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    assert!(error.message().contains("(maximum "), "{error}");
    let small = clients[0].call("outrigger.echo", &b"small"[..]).wait();
    assert_eq!(small.unwrap().bytes(), b"small", "who is in stays in");
    let error = clients[1]
        .call("length", &vec![1; 5000])
        .wait()
        .unwrap_err();
    let refused = [Code::RESOURCE_EXHAUSTED, Code::BUFFER_TOO_SMALL];
    assert!(refused.contains(&error.code()), "{error}");
    assert!(serving.handle.stats().memory_bytes <= limits.uid_bytes);
}

/// An echo that leaves extents of a MiB behind, on a connection of its own.
fn connect_and_leave(socket: &str) -> Result<(), outrigger::Error> {
    let client = Client::connect(socket)?;
    let echoed = client.call("outrigger.echo", &vec![1; 1 << 20]).wait();
    client.close();
    echoed.map(drop)
}

#[test]
fn a_process_that_connects_again_and_again_uses_its_segments_again() {
    let serving = Serving::start(echo());
    let mut after = Vec::new();
    for _ in 0..2 {
        for _ in 0..20 {
            let client = serving.client();
            let reply = client.call("outrigger.echo", &b"small"[..]).wait();
            assert_eq!(reply.unwrap().bytes(), b"small");
            client.close();
        }
        eventually("the last session has ended", || {
            serving.handle.stats().sessions == 0
        });
        let stats = serving.handle.stats();
        assert_eq!(stats.memory_bytes, stats.memory_bytes_ended);
        after.push(stats.memory_bytes_ended);
        // Not at once: a thread of the client could still write to them.
        thread::sleep(Duration::from_millis(5100));
    }
    assert!(after[0] > 0, "the process may map it still");
    assert_eq!(after[0], after[1], "no more for the next twenty");
}

#[test]
fn memory_that_a_living_process_may_map_counts_until_its_share_is_used_up() {
    let limits = Limits {
        uid_bytes: 32 << 20,
        ..Limits::default()
    };
    let serving = Serving::start(echo().limits(limits));
    let refused = (0..100).find_map(|_| connect_and_leave(&serving.socket()).err());
    let error = refused.expect("no more than its share");
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    let stats = serving.handle.stats();
    assert!(stats.memory_bytes <= limits.uid_bytes, "{stats:?}");
    assert!(stats.memory_bytes_ended > 16 << 20, "{stats:?}");
}

#[test]
fn a_process_that_exits_gives_everything_back() {
    let limits = Limits {
        uid_bytes: 32 << 20,
        ..Limits::default()
    };
    let serving = Serving::start(echo().limits(limits));
    for _ in 0..4 {
        let test = "child_that_connects_and_leaves";
        let child = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args([test, "--exact", "--nocapture"])
            .env(CHILD_SOCKET, serving.socket())
            .stdout(std::process::Stdio::null())
            .status();
        assert!(
            child.expect("a child").success(),
            "its share was free again"
        );
        eventually("what the child left is given back", || {
            serving.handle.stats().memory_bytes == 0
        });
    }
    assert!(serving.handle.stats().memory_bytes_peak > 16 << 20);
}

/// Tells the child where to connect.
const CHILD_SOCKET: &str = "OUTRIGGER_TEST_OWNERSHIP";

/// Not a test by itself: does nothing unless started by the one above.
#[test]
fn child_that_connects_and_leaves() {
    if let Ok(socket) = std::env::var(CHILD_SOCKET) {
        for _ in 0..8 {
            connect_and_leave(&socket).expect("within its share");
        }
    }
}

#[test]
fn the_command_and_the_method_show_what_the_handle_shows() {
    let serving = Serving::start(echo());
    let client = serving.client();
    let payload = vec![1; 60_000];
    client.call("outrigger.echo", &payload).wait().unwrap();
    let told: Vec<SessionStats> = client.call_json("outrigger.sessions", &()).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].session, client.epoch());
    assert_eq!(told[0].pid, std::process::id() as i32);
    assert_eq!((told[0].in_stock, told[0].grants), (1, 1));
    let run = |flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_outrigger"));
        let command = command.args(["sessions", "--socket", &serving.socket()]);
        let output = command.args(flags).output().expect("the command");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let told: Vec<SessionStats> = serde_json::from_str(&run(&["--json"])).unwrap();
    let other: Vec<u64> = told.iter().map(|one| one.session).collect();
    assert_eq!(other[0], client.epoch());
    assert_eq!(other.len(), 2, "its own session, too");
    let table = run(&[]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].contains("granted") && lines[0].contains("oldest"),
        "{table}"
    );
    assert!(lines[1].contains("1 (64 KiB), 1 in stock"), "{table}");
}
