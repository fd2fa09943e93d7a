//! Asynchronous methods: what ends one, and that each is answered exactly once.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use outrigger::{Archived, Client, Code, Context, Error, Limits, Server};
use outrigger_ringbuf::sync::{AtomicU64, Ordering};

mod process;

use process::{Serving, eventually};

/// What to do.
#[outrigger::message]
struct Command {
    text: String,
    bytes: u32,
}

/// What was done.
#[outrigger::message]
struct Done {
    text: String,
    filler: Vec<u8>,
}

#[outrigger::service]
trait Waiter {
    /// Panics at once, panics later, waits for ever, or answers.
    async fn wait(&self, context: &Context<'_>, command: &Archived<Command>)
    -> Result<Done, Error>;
}

/// Counts the futures that are alive.
#[derive(Default)]
struct Alive(AtomicU64);

struct Life(Arc<Alive>);

impl Life {
    fn begin(alive: &Arc<Alive>) -> Self {
        alive.0.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Patient(Arc<Alive>);

impl Waiter for Patient {
    async fn wait(
        &self,
        context: &Context<'_>,
        command: &Archived<Command>,
    ) -> Result<Done, Error> {
        let _life = Life::begin(&self.0);
        match command.text.as_str() {
            "panic" => panic!("at once"),
            "panic later" => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                panic!("later");
            }
            "wait" => std::future::pending().await,
            text => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok(Done {
                    text: format!("{text} in {}", context.method()),
                    filler: vec![7; command.bytes.to_native() as usize],
                })
            }
        }
    }
}

/// A server of patient handlers.
struct Running {
    server: Serving,
    alive: Arc<Alive>,
}

impl Running {
    fn start(limits: Limits) -> Self {
        let alive = Arc::<Alive>::default();
        let service = WaiterServer::new(Patient(Arc::clone(&alive)));
        let builder = Server::builder().limits(limits).service(service);
        let server = Serving::start(builder);
        Self { server, alive }
    }

    fn client(&self) -> (Client, WaiterClient) {
        let client = self.server.client();
        (client.clone(), WaiterClient::new(client))
    }

    fn alive(&self) -> u64 {
        self.alive.0.load(Ordering::SeqCst)
    }
}

fn command(text: &str) -> Command {
    Command {
        text: text.to_owned(),
        bytes: 0,
    }
}

#[test]
fn an_async_method_answers_small_and_large_and_a_panic_is_its_own() {
    let server = Running::start(Limits::default());
    let (_client, waiter) = server.client();
    for bytes in [0, 100, 100_000] {
        let command = Command {
            text: "done".to_owned(),
            bytes,
        };
        let done = waiter.wait(&command).wait().expect("an answer");
        assert_eq!(done.text.as_str(), "done in waiter.wait");
        assert_eq!(done.filler.len() as u32, bytes);
    }
    for (text, message) in [("panic", "at once"), ("panic later", "later")] {
        let error = waiter.wait(&command(text)).wait().expect_err("a panic");
        assert_eq!(error.code(), Code::PANIC);
        assert!(error.message().ends_with(message), "{error}");
    }
    assert!(waiter.wait(&command("still there")).wait().is_ok());
    assert_eq!(server.alive(), 0);
}

#[test]
fn an_async_reply_above_the_session_s_limit_is_refused_as_any_other() {
    let server = Running::start(Limits {
        payload_max: 1 << 20,
        ..Limits::default()
    });
    let (_client, waiter) = server.client();
    let text = "large".to_owned();
    let large = Command {
        text,
        bytes: 2 << 20,
    };
    let error = waiter.wait(&large).wait().expect_err("too large");
    assert_eq!(error.code(), Code::BUFFER_TOO_SMALL, "{error}");
    let small = Command {
        bytes: 1 << 19,
        ..large
    };
    assert!(waiter.wait(&small).wait().is_ok());
}

#[test]
fn a_deadline_a_cancel_and_a_close_drop_the_future() {
    let server = Running::start(Limits::default());
    let (client, waiter) = server.client();
    let forever = command("wait");
    let call = waiter.wait(&forever).timeout(Duration::from_millis(50));
    assert_eq!(call.wait().expect_err("late").code(), Code::TIMEOUT);
    eventually("the deadline has dropped it", || server.alive() == 0);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let call = IntoFuture::into_future(waiter.wait(&forever));
        let waited = tokio::time::timeout(Duration::from_millis(50), call).await;
        assert!(waited.is_err(), "nobody answers");
    });
    eventually("the cancel has dropped it", || server.alive() == 0);

    let (other, other_waiter) = server.client();
    let caller = thread::spawn(move || {
        let outcome = other_waiter.wait(&command("wait")).wait();
        outcome.expect_err("closed").code()
    });
    eventually("it waits", || server.alive() == 1);
    other.close();
    assert_eq!(caller.join().expect("no panic"), Code::CANCELLED);
    eventually("the close has dropped it", || server.alive() == 0);
    let reply = client.call("outrigger.echo", b"alive").wait();
    assert_eq!(reply.expect("an echo").bytes(), b"alive");
    let stats = server.server.handle.stats();
    assert_eq!((stats.calls_in_flight, stats.buffers_in_use), (0, 0));
}

#[test]
fn a_session_takes_half_of_all_async_calls_and_the_rest_end_with_the_server() {
    let mut server = Running::start(Limits {
        jobs_max: 6,
        ..Limits::default()
    });
    let (_client, waiter) = server.client();
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let waiter = waiter.clone();
            thread::spawn(move || {
                let outcome = waiter.wait(&command("wait")).wait();
                outcome.expect_err("it never ends").code()
            })
        })
        .collect();
    eventually("three wait", || server.alive() == 3);
    let error = waiter.wait(&command("one more")).wait();
    let error = error.expect_err("too many");
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    let text = "asynchronous calls of this session: 3 (3 left for all)";
    assert!(error.message().ends_with(text), "{error}");
    let (_other, other_waiter) = server.client();
    assert!(
        other_waiter
            .wait(&command("another session"))
            .wait()
            .is_ok()
    );
    server.server.stop();
    for caller in callers {
        let code = caller.join().expect("no panic");
        assert!(
            [Code::PEER_GONE, Code::SHUTTING_DOWN].contains(&code),
            "{code}"
        );
    }
    assert_eq!(server.alive(), 0);
}
