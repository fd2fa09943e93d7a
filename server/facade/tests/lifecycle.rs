//! Real processes: life, death and what stays behind (nothing).

use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use outrigger::server::SessionStats;
use outrigger::{Client, Code};
use rustix::process::Signal;

mod process;

use process::{PATIENCE, Process, Sidecar, eventually, folder, testbed};

/// Set in the process that `kill_9_of_the_client` starts from this very test.
const CHILD_SOCKET: &str = "OUTRIGGER_TEST_CHILD_SOCKET";

/// Names of POSIX shared memory and of temporary files that could be ours.
fn residue() -> Vec<String> {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    let temporary = names("/tmp")
        .into_iter()
        .filter(|name| name.starts_with(".outrigger"));
    names("/dev/shm").into_iter().chain(temporary).collect()
}

/// 10 000 calls of all kinds: small, large, failing, cancelled.
fn mixed_calls(client: &Client) {
    let large = vec![7; 100_000];
    for round in 0..10_000 {
        match round % 100 {
            0 => {
                let reply = client
                    .call("outrigger.echo", &large[..])
                    .wait()
                    .expect("large echo");
                assert_eq!(reply.bytes(), large);
            }
            1 => assert_eq!(code(client, "nope", b""), Code::NOT_FOUND),
            2 => assert_eq!(code(client, "test.panic", b"kaboom"), Code::PANIC),
            3 => {
                let call = client.call("test.until_cancelled", &[][..]);
                let error = call
                    .timeout(Duration::from_millis(1))
                    .wait()
                    .expect_err("too late");
                assert_eq!(error.code(), Code::TIMEOUT);
            }
            _ => {
                let bytes = &large[..round % 300];
                let reply = client
                    .call("outrigger.echo", bytes)
                    .wait()
                    .expect("small echo");
                assert_eq!(reply.bytes(), bytes);
            }
        }
    }
}

/// Requests that are published and not answered.
fn in_flight(client: &Client) -> u64 {
    let stats = client.stats();
    stats.requests - stats.replies
}

fn code(client: &Client, method: &str, payload: &[u8]) -> Code {
    client
        .call(method, payload)
        .wait()
        .expect_err("an error")
        .code()
}

#[test]
fn nothing_is_left_after_mixed_calls_many_connects_and_a_killed_client() {
    let before = residue();
    let sidecar = Sidecar::start(&[]);
    let client = sidecar.client();
    let baseline = sidecar.process(&client);
    for _ in 0..100 {
        let other = sidecar.client();
        assert_eq!(
            other
                .call("outrigger.echo", &b"x"[..])
                .wait()
                .expect("an echo")
                .bytes(),
            b"x"
        );
        other.close();
    }
    let other = sidecar.client();
    mixed_calls(&other);
    other.close();
    kill_a_client_in_the_middle_of_its_calls(&sidecar);
    eventually(
        "descriptors, threads and mappings are back at baseline",
        || {
            // But for some segments, which later sessions of this process use again.
            let now = sidecar.process(&client);
            let kept = now.shared_mappings - baseline.shared_mappings;
            let wanted = Process {
                descriptors: baseline.descriptors + kept,
                shared_mappings: baseline.shared_mappings + kept,
                ..baseline
            };
            now == wanted && kept.is_multiple_of(2) && kept <= 2 * 64
        },
    );
    client.close();
    sidecar.stop();
    assert_eq!(residue(), before);
}

fn kill_a_client_in_the_middle_of_its_calls(sidecar: &Sidecar) {
    let client = sidecar.client();
    let mappings = || sidecar.process(&client).shared_mappings;
    // Sessions that closed before this one are still being taken down.
    eventually("this session is the second one", || {
        let sessions = client.call_json::<_, Vec<SessionStats>>("outrigger.sessions", &());
        sessions.expect("the sessions").len() == 2
    });
    let alone = mappings();
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "child_that_calls_until_it_is_killed",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD_SOCKET, sidecar.socket())
        .stdout(Stdio::null())
        .spawn()
        .expect("a child");
    eventually("the child has a session with large buffers", || {
        mappings() > alone + 2
    });
    child.kill().expect("kill -9");
    child.wait().expect("it ends");
    client.close();
}

/// Not a test by itself: does nothing unless started by the one above.
#[test]
fn child_that_calls_until_it_is_killed() {
    let Ok(socket) = std::env::var(CHILD_SOCKET) else {
        return;
    };
    let client = Client::connect(&socket).expect("a session");
    let give_up = Instant::now() + PATIENCE;
    while Instant::now() < give_up {
        let _reply = client
            .call("test.pattern", &b"100000"[..])
            .wait()
            .expect("a reply");
    }
    panic!("nobody killed this process");
}

#[test]
fn death_of_the_server_ends_every_call_in_flight_with_peer_gone() {
    let mut sidecar = Sidecar::start(&["--workers", "8"]);
    let client = sidecar.client();
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| code(&client, "test.sleep", b"60000")))
            .collect();
        eventually("all calls are in flight", || in_flight(&client) == 8);
        sidecar.signal(Signal::KILL);
        for call in calls {
            assert_eq!(call.join().expect("no panic"), Code::PEER_GONE);
        }
    });
    assert_eq!(
        code(&client, "outrigger.echo", b""),
        Code::PEER_GONE,
        "later calls too"
    );
    sidecar.wait();
}

#[test]
fn sigterm_lets_calls_in_flight_end_and_exits_0() {
    let mut sidecar = Sidecar::start(&[]);
    let client = sidecar.client();
    client
        .call("outrigger.echo", &b"bound"[..])
        .wait()
        .expect("an echo");
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| client.call("test.sleep", &b"500"[..]).wait());
        eventually("the call is in flight", || in_flight(&client) == 1);
        sidecar.signal(Signal::TERM);
        eventually("new calls are refused", || {
            matches!(client.call("outrigger.echo", &b""[..]).wait(),
                Err(error) if error.code() == Code::SHUTTING_DOWN)
        });
        assert_eq!(
            slow.join().expect("no panic").expect("the answer").bytes(),
            b"500"
        );
    });
    assert_eq!(sidecar.wait().code(), Some(0));
    assert_eq!(code(&client, "outrigger.echo", b""), Code::SHUTTING_DOWN);
}

#[test]
fn a_closed_session_leaves_no_queued_calls_behind_that_others_wait_for() {
    let sidecar = Sidecar::start(&["--workers", "1"]);
    let client = sidecar.client();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..60 {
            scope.spawn(|| assert_eq!(code(&client, "test.sleep", b"1000"), Code::CANCELLED));
        }
        eventually("all calls are in flight", || in_flight(&client) == 60);
        client.close();
    });
    let other = sidecar.client();
    let reply = other.call("test.sleep", &b"1"[..]).wait();
    assert_eq!(reply.expect("the worker is free").bytes(), b"1");
    other.close();
    sidecar.stop();
    let spent = began.elapsed();
    assert!(spent < Duration::from_secs(20), "{spent:?} of 60 s");
}

#[test]
fn sigterm_lets_calls_that_are_queued_end_too() {
    let mut sidecar = Sidecar::start(&["--workers", "1"]);
    let client = sidecar.client();
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..5)
            .map(|_| scope.spawn(|| client.call("test.sleep", &b"100"[..]).wait()))
            .collect();
        eventually("the calls are in flight", || in_flight(&client) == 5);
        sidecar.signal(Signal::TERM);
        for call in calls {
            let reply = call.join().expect("no panic").expect("the answer");
            assert_eq!(reply.bytes(), b"100");
        }
    });
    assert_eq!(sidecar.wait().code(), Some(0));
}

#[test]
fn a_second_sigterm_ends_at_once() {
    let mut sidecar = Sidecar::start(&[]);
    let client = sidecar.client();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| code(&client, "test.sleep", b"60000"));
        eventually("the call is in flight", || in_flight(&client) == 1);
        sidecar.signal(Signal::TERM);
        eventually("the socket is gone", || {
            !std::path::Path::new(&sidecar.socket()).exists()
        });
        sidecar.signal(Signal::TERM);
        assert_eq!(sidecar.wait().code(), Some(128 + 15));
        let ended = slow.join().expect("no panic");
        assert!(
            matches!(ended, Code::PEER_GONE | Code::SHUTTING_DOWN),
            "{ended:?}"
        );
    });
}

#[test]
fn a_stale_socket_is_taken_over_and_a_live_one_refused() {
    let place = folder();
    drop(UnixListener::bind(place.join("s")).expect("a socket that nobody serves"));
    let sidecar = Sidecar::start_in(place, &[]);
    let second = Command::new(testbed())
        .args(["serve", "--socket", &sidecar.socket()])
        .output()
        .expect("it runs");
    assert_eq!(second.status.code(), Some(69));
    let text = String::from_utf8(second.stderr).expect("text");
    assert!(text.starts_with("a server is listening on "), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let client = sidecar.client();
    assert!(
        client.call("outrigger.echo", &b""[..]).wait().is_ok(),
        "the first one lives"
    );
    client.close();
    sidecar.stop();
}

#[test]
fn fb_20_many_threads_call_while_others_register_and_connect() {
    let sidecar = Sidecar::start(&[]);
    let client = sidecar.client();
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let (client, sidecar) = (&client, &sidecar);
            scope.spawn(move || {
                for round in 0..1_000_u32 {
                    let bytes = (thread * 1_000 + round).to_le_bytes();
                    let reply = client
                        .call("outrigger.echo", &bytes[..])
                        .wait()
                        .expect("an echo");
                    assert_eq!(reply.bytes(), bytes);
                    if round % 100 == 0 {
                        sidecar.client().close();
                    }
                }
            });
        }
    });
    client.close();
    sidecar.stop();
}
