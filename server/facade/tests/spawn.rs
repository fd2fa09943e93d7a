//! A sidecar on an inherited connection: what is allowed, and that it ends with
//! its client. The Go client's tests of Spawn do the rest.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use outrigger_layout::frame::{FRAME_MAGIC, Hello, control, handshake};
use outrigger_layout::limits::ABI_VERSION;
use outrigger_ringbuf::{Frame, FrameReader, receive};
use rustix::process::Signal;

mod process;

use process::{eventually, testbed};

/// Runs a testbed to its end.
fn run(args: &[&str], socket: Option<&str>, stdin: Stdio) -> Output {
    let mut command = Command::new(testbed());
    command.arg("serve").args(args).stdin(stdin);
    command.env_remove("OUTRIGGER_SOCKET");
    command.envs(socket.map(|path| ("OUTRIGGER_SOCKET", path)));
    command.output().expect("it runs")
}

/// Exit code and text of a testbed that cannot serve.
fn failure(args: &[&str], socket: Option<&str>, stdin: Stdio) -> (Option<i32>, String) {
    let output = run(args, socket, stdin);
    let text = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), text)
}

/// A testbed, and the other end of its connection.
fn spawn() -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let child = Command::new(testbed())
        .args(["serve", "--inherited-socket"])
        .stdin(OwnedFd::from(theirs))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the testbed is built");
    (child, ours)
}

/// The end of a child, which nobody but itself brings about, and what it said.
fn end(mut child: Child) -> (ExitStatus, String) {
    eventually("the sidecar ends", || {
        child.try_wait().expect("a child of ours").is_some()
    });
    let output = child.wait_with_output().expect("its output");
    (
        output.status,
        String::from_utf8(output.stderr).expect("text"),
    )
}

fn hello() -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let (length, abi) = (size_of::<Hello>() as u32, ABI_VERSION as u32);
    let prefix: Vec<u8> = words(&[length, handshake::HELLO, abi, abi]);
    let mut bytes = [FRAME_MAGIC.to_le_bytes().to_vec(), prefix].concat();
    bytes.resize(size_of::<Hello>(), 0);
    bytes
}

/// The next frame of the server, its descriptors closed.
fn next(socket: &UnixStream, reader: &mut FrameReader) -> Frame {
    loop {
        if let Some(frame) = reader.next_frame().expect("a frame") {
            return frame;
        }
        let mut buffer = [0; 4096];
        let len = receive(socket, &mut buffer, &mut reader.fds).expect("bytes");
        assert_ne!(len, 0, "the sidecar hung up");
        reader.feed(&buffer[..len]);
    }
}

#[test]
fn one_of_path_and_inherited_connection_is_wanted() {
    let both = ["--socket", "/tmp/x", "--inherited-socket"];
    for (args, socket, seen) in [
        (&[][..], None, "--socket <PATH>|--inherited-socket"),
        (&both[..], None, "cannot be used with"),
        (&both[2..], Some("/tmp/x"), "cannot be used with"),
        (&["--inherited-socket=3"][..], None, "unexpected value '3'"),
    ] {
        let (code, text) = failure(args, socket, Stdio::null());
        assert_eq!(code, Some(64), "{args:?}: {text}");
        assert!(text.contains(seen), "{args:?}: {text}");
    }
}

#[test]
fn standard_input_that_is_no_connection_is_wrong_usage() {
    let listener = UnixListener::bind(process::folder().join("s")).expect("a listener");
    let path = listener.local_addr().expect("its address");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
    for (stdin, seen) in [
        (Stdio::null(), "no socket"),
        (Stdio::piped(), "no socket"),
        (OwnedFd::from(listener).into(), "a socket that listens"),
        (OwnedFd::from(tcp).into(), "a socket of another kind"),
    ] {
        let (code, text) = failure(&["--inherited-socket"], None, stdin);
        assert_eq!(code, Some(64), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with(&format!("standard input is {seen} (allowed")));
        assert!(text.contains("to listen on a path give --socket PATH"));
    }
    let folder = path.as_pathname().and_then(|path| path.parent());
    std::fs::remove_dir_all(folder.expect("a folder")).expect("it is ours");
}

#[test]
fn a_session_ends_the_sidecar_with_0_when_its_client_hangs_up() {
    let (child, mut socket) = spawn();
    let mut reader = FrameReader::new();
    socket.write_all(&hello()).expect("it listens");
    let Frame::Handshake(prefix, welcome) = next(&socket, &mut reader) else {
        panic!("no WELCOME");
    };
    assert_eq!(prefix.kind, handshake::WELCOME);
    let epoch = &welcome[32..40];
    let ready = [&control::READY.to_le_bytes()[..], &[0; 6], epoch].concat();
    socket.write_all(&ready).expect("it listens");
    let bind = [
        &control::BIND.to_le_bytes()[..],
        &[0, 0],
        &29_u32.to_le_bytes(),
    ]
    .concat();
    let token_and_body = [&[0; 24][..], b"test.sleep..."].concat();
    socket
        .write_all(&[bind, token_and_body].concat())
        .expect("it listens");
    let Frame::Control(bound, _) = next(&socket, &mut reader) else {
        panic!("no BOUND");
    };
    assert_eq!(bound.kind, control::BOUND);
    drop((socket, reader));
    let (status, text) = end(child);
    assert_eq!((status.code(), &*text), (Some(0), ""));
}

#[test]
fn without_a_session_the_exit_code_says_why() {
    let (child, socket) = spawn();
    drop(socket);
    let (status, text) = end(child);
    assert_eq!(status.code(), Some(69), "{text}");
    assert!(text.contains("the client hung up"), "{text}");

    let (child, mut socket) = spawn();
    socket.write_all(&[7; 64]).expect("it listens");
    let mut refused = Vec::new();
    socket.read_to_end(&mut refused).expect("an answer");
    assert!(String::from_utf8_lossy(&refused).contains("handshake magic"));
    let (status, text) = end(child);
    assert_eq!(status.code(), Some(76), "{text}");
}

#[test]
fn sigterm_before_the_handshake_is_an_end_in_order() {
    let (mut child, mut socket) = spawn();
    // Signals are caught before standard input is taken over.
    let stdin = format!("/proc/{}/fd/0", child.id());
    eventually("the sidecar has taken its connection", || {
        std::fs::read_link(&stdin).is_ok_and(|target| target.ends_with("null"))
    });
    assert!(child.try_wait().expect("a child of ours").is_none());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).expect("it runs");
    assert_eq!(socket.read(&mut [0]).expect("a hang-up"), 0);
    let (status, text) = end(child);
    assert_eq!((status.code(), &*text), (Some(0), ""));
}
