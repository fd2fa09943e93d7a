//! A sidecar whose methods misbehave on demand: what the tests of both clients,
//! and attackers, call. `testbed serve --socket PATH`.

use core::time::Duration;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, Weak};

use outrigger::server::Registry;
use outrigger::{Code, Context, Error, Handler, Placement, Reply, Request, Server, handler};
use outrigger_ringbuf::sync::{AtomicU64, Ordering};
use serde::{Deserialize, Serialize};

mod albums;
mod bulk;
mod counting;
mod diaries;
mod kitchen;
mod timers;
mod words;

/// Counts the calls of `test.json.sum` that reached the handler.
static SUMS: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let state = Mutex::new(0_u64);
    let mut builder = Server::builder();
    let registry = Arc::downgrade(&builder.registry());
    if let Ok(name) = std::env::var("OUTRIGGER_TESTBED_HANDLER") {
        builder = builder.handler(&name, handler::bytes(fail));
    }
    builder
        .service(albums::AlbumsServer::new(albums::Photographer))
        .service(kitchen::KitchensServer::new(kitchen::Cook))
        .service(timers::TimersServer::new(timers::Talking::default()))
        .service(words::DictionaryServer::new(words::Book))
        .handler("test.panic", handler::bytes(panic))
        .handler("test.sleep", handler::bytes(sleep).on_pool())
        .handler(
            "test.until_cancelled",
            handler::bytes(until_cancelled).on_pool(),
        )
        .handler(
            "test.poison",
            handler::bytes(move |_, bytes| poison(&state, bytes)),
        )
        .handler("test.fail", handler::bytes(fail))
        .handler("test.pattern", Pattern)
        .handler("test.bulk", bulk::Bulk)
        .handler("test.checksum", handler::bytes(checksum))
        .handler("test.checksum.pool", handler::bytes(checksum).on_pool())
        .handler(
            "test.echo.pool",
            handler::bytes(|_, bytes| Ok(bytes.to_vec())).on_pool(),
        )
        .handler("test.json.sum", handler::json(sum))
        .handler(
            "test.json.sums",
            handler::json(|_, ()| Ok::<_, Error>(sums())),
        )
        .handler("test.context", handler::json(context))
        .handler(
            "test.diaries",
            handler::bytes(move |_, version| diaries(&registry, version)),
        )
        .handler("test.process", handler::json(|_, ()| process()))
        .cli()
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    core::str::from_utf8(bytes).map_err(|_| Error::invalid_utf8("payload"))
}

fn number(bytes: &[u8]) -> Result<u64, Error> {
    let text = text(bytes)?;
    text.parse()
        .map_err(|_| Error::invalid_argument(format!("{text:?} (allowed: a number)")))
}

/// Panics with what the payload names.
fn panic(_: &Context<'_>, kind: &[u8]) -> Result<Vec<u8>, Error> {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropping the payload of a panic");
        }
    }
    match text(kind)? {
        "number" => std::panic::panic_any(7_u64),
        "bomb" => std::panic::panic_any(Bomb),
        other => panic!("{other}"),
    }
}

/// Sleeps the milliseconds that the payload names, whatever the caller does.
fn sleep(_: &Context<'_>, millis: &[u8]) -> Result<Vec<u8>, Error> {
    std::thread::sleep(Duration::from_millis(number(millis)?.min(60_000)));
    Ok(millis.to_vec())
}

/// Runs until the caller no longer waits, a minute at most.
fn until_cancelled(context: &Context<'_>, _: &[u8]) -> Result<Vec<u8>, Error> {
    for _ in 0..60_000 {
        if context.is_cancelled() {
            return Err(Error::cancelled());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(Error::handler("nobody cancelled"))
}

/// Serves the version of the service `diaries` that the payload names.
fn diaries(registry: &Weak<Registry>, version: &[u8]) -> Result<Vec<u8>, Error> {
    let registry = registry
        .upgrade()
        .ok_or_else(|| Error::handler("no registry"))?;
    diaries::serve(&registry, text(version)?)?;
    Ok(Vec::new())
}

/// Adds to its own state; `break` panics while it is locked.
fn poison(state: &Mutex<u64>, command: &[u8]) -> Result<Vec<u8>, Error> {
    let mut calls = state.lock()?;
    assert_ne!(command, b"break", "the state is poisoned now");
    *calls += 1;
    Ok(calls.to_string().into_bytes())
}

/// Fails with a code and a message: `<code> <message>`.
fn fail(_: &Context<'_>, command: &[u8]) -> Result<Vec<u8>, Error> {
    let (code, message) = text(command)?.split_once(' ').unwrap_or(("99", ""));
    let code = code
        .parse()
        .map_err(|_| Error::invalid_argument(format!("code {code:?}")))?;
    Err(Error::new(Code(code), message))
}

/// As many bytes as the payload says, each the low byte of its index, written
/// in place.
struct Pattern;

impl Handler for Pattern {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let bytes = reply.buffer(number(request.bytes())? as usize)?;
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = index as u8;
        }
        Ok(())
    }

    fn placement(&self) -> Placement {
        Placement::Pool
    }
}

/// Sum of all bytes, as decimal text.
fn checksum(_: &Context<'_>, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    Ok(sum.to_string().into_bytes())
}

#[derive(Deserialize)]
struct Pair {
    a: i64,
    b: i64,
}

fn sum(_: &Context<'_>, pair: Pair) -> Result<i64, Error> {
    SUMS.fetch_add(1, Ordering::Relaxed);
    pair.a
        .checked_add(pair.b)
        .ok_or_else(|| Error::handler("the sum overflows"))
}

fn sums() -> u64 {
    SUMS.load(Ordering::Relaxed)
}

#[derive(Serialize)]
struct ContextReply {
    method: String,
    uid: u32,
    pid: i32,
    session: u64,
    remaining_ms: Option<u128>,
}

fn context(context: &Context<'_>, (): ()) -> Result<ContextReply, Error> {
    Ok(ContextReply {
        method: context.method().to_owned(),
        uid: context.peer().uid,
        pid: context.peer().pid,
        session: context.session(),
        remaining_ms: context.remaining().map(|left| left.as_millis()),
    })
}

/// What this process holds, for tests that look for leaks.
#[derive(Serialize)]
struct ProcessReply {
    descriptors: usize,
    threads: usize,
    shared_mappings: usize,
    allocations: u64,
}

fn process() -> Result<ProcessReply, Error> {
    let entries = |folder: &str| std::fs::read_dir(folder).map(Iterator::count);
    let failed = |error: std::io::Error| Error::handler(error);
    let maps = std::fs::read_to_string("/proc/self/maps").map_err(failed)?;
    Ok(ProcessReply {
        descriptors: entries("/proc/self/fd").map_err(failed)?,
        threads: entries("/proc/self/task").map_err(failed)?,
        shared_mappings: maps.matches("memfd:outrigger").count(),
        allocations: counting::allocations(),
    })
}
