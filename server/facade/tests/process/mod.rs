//! Sidecar processes for tests: started, watched, ended by drop.

#![allow(dead_code, reason = "each test uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use outrigger::server::Builder;
use outrigger::{Client, ServerHandle};
use outrigger_ringbuf::sync::{AtomicU32, Ordering};
use serde::Deserialize;

/// Longest wait of a test for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What `test.process` tells of a testbed.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) shared_mappings: usize,
}

/// A running sidecar and the folder of its socket.
pub(crate) struct Sidecar {
    child: Child,
    folder: PathBuf,
}

/// The example `testbed`, built beside the command by `cargo test`.
pub(crate) fn testbed() -> PathBuf {
    let command = Path::new(env!("CARGO_BIN_EXE_outrigger"));
    command.parent().expect("a folder").join("examples/testbed")
}

/// A fresh folder below the system's folder for temporary files.
pub(crate) fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("or-{}-{count}", std::process::id()));
    std::fs::create_dir(&folder).expect("a fresh folder");
    folder
}

impl Sidecar {
    /// Starts the testbed and waits until it listens.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_in(folder(), flags)
    }

    /// Starts it with its socket in a folder that exists.
    pub(crate) fn start_in(folder: PathBuf, flags: &[&str]) -> Self {
        let socket = folder.join("s");
        let child = Command::new(testbed())
            .arg("serve")
            .arg("--socket")
            .arg(&socket)
            .args(flags)
            .stderr(Stdio::null())
            .spawn()
            .expect("the testbed is built");
        let sidecar = Self { child, folder };
        sidecar.await_listening();
        sidecar
    }

    fn await_listening(&self) {
        eventually("the sidecar listens", || {
            std::os::unix::net::UnixStream::connect(self.socket()).is_ok()
        });
    }

    /// The socket's path.
    pub(crate) fn socket(&self) -> String {
        self.folder
            .join("s")
            .to_str()
            .expect("an ASCII path")
            .to_owned()
    }

    /// A fresh connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket()).expect("a session")
    }

    /// What the process holds now.
    pub(crate) fn process(&self, client: &Client) -> Process {
        client.call_json("test.process", &()).expect("test.process")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the sidecar runs");
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(Instant::now() < give_up, "the sidecar does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it as an operator would, and checks that nothing is left behind.
    pub(crate) fn stop(mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert_eq!(self.wait().code(), Some(0));
        let left: Vec<_> = std::fs::read_dir(&self.folder)
            .expect("the folder")
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // Ended already, in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < give_up, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A server in this process, and its end.
pub(crate) struct Serving {
    pub(crate) handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    folder: PathBuf,
}

impl Serving {
    /// Serves what the builder has on a socket of its own.
    pub(crate) fn start(builder: Builder) -> Self {
        let folder = folder();
        let server = builder.bind(folder.join("s")).expect("a fresh socket");
        let handle = server.handle();
        let thread = std::thread::spawn(move || server.run().expect("it serves"));
        Self {
            handle,
            thread: Some(thread),
            folder,
        }
    }

    /// Path of the socket.
    pub(crate) fn socket(&self) -> String {
        let socket = self.folder.join("s");
        socket.to_str().expect("an ASCII path").to_owned()
    }

    /// A new connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket()).expect("it listens")
    }

    /// Ends it at once.
    pub(crate) fn stop(&mut self) {
        self.handle.abort();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop();
        // Empty by then; if not, the test has something to say that counts more.
        let _ = std::fs::remove_dir(&self.folder);
    }
}
