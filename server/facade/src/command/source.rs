//! Where a schema comes from: a sidecar binary, a running server, a file, or this program.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use outrigger::__private::schema::Document;
use outrigger::server::builtin_schema;
use outrigger::{Client, Error};

/// Longest document that is read, in bytes.
const DOCUMENT_MAX: u64 = 16 << 20;
/// How long a sidecar binary may take to print its schema.
const PRINT_WAIT_MAX: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Longest part that is shown of a line that is no schema, in characters.
const LINE_MAX: usize = 60;
/// What a running server's address begins with.
const SCHEME: &str = "unix://";
/// The source that is the built-in methods of this version.
const BUILT_IN: &str = "builtin";

/// Reads the schema that `from` names: `unix:///path` of a running server, a JSON
/// file, a sidecar binary, which is run with the word `schema`, or `builtin`.
///
/// # Errors
/// INVALID_ARGUMENT if there is none; what was wrong with it; as `Client::connect`.
pub(crate) fn read(from: &str, timeout: Duration) -> Result<Document, Error> {
    if from.starts_with(SCHEME) {
        return of_server(from, timeout);
    }
    if from == BUILT_IN {
        return Ok(builtin_schema());
    }
    let path = Path::new(from);
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut start));
    read.map_err(|error| missing(from, &error))?;
    if start == *b"\x7fELF" || start.starts_with(b"#!") {
        return of_binary(from);
    }
    let text = File::open(path).and_then(read_bounded);
    let text = bounded(text.map_err(|error| missing(from, &error))?)?;
    if !is_object(&text) && serde_json::from_slice::<serde_json::Value>(&text).is_err() {
        let text = format!("{from} is neither a sidecar binary nor a schema");
        return Err(Error::invalid_argument(text));
    }
    Document::read(&text)
}

/// True if a text begins as a schema does.
fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// Reads at most one byte more than a document may have.
fn read_bounded(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(DOCUMENT_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn bounded(text: Vec<u8>) -> Result<Vec<u8>, Error> {
    if text.len() as u64 > DOCUMENT_MAX {
        let text = format!("a schema of more than {DOCUMENT_MAX} bytes (that is the maximum)");
        return Err(Error::invalid_argument(text));
    }
    Ok(text)
}

fn missing(from: &str, error: &std::io::Error) -> Error {
    let first = match error.kind() {
        ErrorKind::NotFound => ": build it first",
        _ => "",
    };
    Error::invalid_argument(format!(
        "{from}: {error}{first} (allowed: a sidecar binary, a JSON file, unix:///path of a server, \
         builtin)"
    ))
}

/// What a binary has printed in place of a schema.
fn chatter(path: &str, text: &[u8]) -> Error {
    let text = String::from_utf8_lossy(text.trim_ascii());
    let line: String = text
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(LINE_MAX)
        .collect();
    Error::invalid_argument(format!(
        "{path} printed {line:?} and no schema: \
         a sidecar's main must not write to standard output before cli()"
    ))
}

fn of_server(address: &str, timeout: Duration) -> Result<Document, Error> {
    let client = Client::builder()
        .connect_timeout(timeout)
        .connect(address)?;
    let reply = client
        .call("outrigger.schema", ())
        .timeout(timeout)
        .wait()?;
    Document::read(reply.bytes())
}

fn of_binary(path: &str) -> Result<Document, Error> {
    // A bare name would be looked up in PATH, and was found here just now.
    let program = Path::new(".").join(path);
    let mut child = Command::new(program)
        .arg("schema")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| missing(path, &error))?;
    // The output may stay open behind the child, with a child of its own: nobody waits
    // for the reader longer than for the child, and it ends with this process.
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        thread::spawn(move || sender.send(read_bounded(output)));
    }
    let give_up = Instant::now() + PRINT_WAIT_MAX;
    let ended = end_of(&mut child, give_up);
    let left = give_up.saturating_duration_since(Instant::now());
    let text = receiver.recv_timeout(left).ok().and_then(Result::ok);
    match (ended, text) {
        (Some(true), Some(text)) if is_object(&text) => Document::read(&bounded(text)?),
        (Some(true), Some(text)) if !text.trim_ascii().is_empty() => Err(chatter(path, &text)),
        (Some(_), _) => Err(Error::invalid_argument(format!(
            "`{path} schema` failed (allowed: a binary whose main is Server::builder()…cli())"
        ))),
        (None, _) => {
            let seconds = PRINT_WAIT_MAX.as_secs();
            let text = format!("`{path} schema` did not end in {seconds} s");
            Err(Error::invalid_argument(text))
        }
    }
}

/// Waits for the end of a child: whether it succeeded; `None` if it had to be
/// killed.
fn end_of(child: &mut Child, give_up: Instant) -> Option<bool> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < give_up => thread::sleep(LOOK),
            _ => {
                // It may have ended just now; then there is nothing to kill.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}
