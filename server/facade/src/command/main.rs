//! The command `outrigger`: serve the built-in methods, call any server, and
//! generate Go for its services.

mod generator;
mod schema;
mod sessions;
mod source;

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use outrigger::server::{LogLevel, ServeArgs, exit_code, init_logging, usage};
use outrigger::{Client, Codec, Error, Server};

use generator::Generate;
use schema::SchemaArgs;
use sessions::SessionsArgs;

/// Go programs call Rust in another process through shared memory.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes are those of sysexits.h: 64 wrong usage, 65 wrong data, \
    69 no server or no such method, 70 the handler failed, 71 the system did, \
    73 no socket can be created, 75 timeout or nothing free, 76 protocol; or schemas that \
    need a new version of a method, or generated code that is stale."
)]
struct Outrigger {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the built-in methods until SIGTERM; a sidecar of your own has this command too.
    Serve(ServeArgs),
    /// Call a method and print what it returns.
    Call(CallArgs),
    /// Measure round trips of outrigger.echo.
    Ping(PingArgs),
    /// List the methods of a server.
    Methods(Target),
    /// Show the sessions of a server, and what the memory of each is doing.
    Sessions(SessionsArgs),
    /// Print the schema of a sidecar's typed services as JSON, or what two differ in.
    Schema(SchemaArgs),
    /// Generate code for other languages.
    #[command(subcommand)]
    Gen(Generate),
}

/// Which server, and how long to wait for it.
#[derive(Args)]
struct Target {
    /// Path of the server's unix socket.
    #[arg(long, value_name = "PATH", env = "OUTRIGGER_SOCKET")]
    socket: String,
    /// Milliseconds to wait for the connection, and then for each answer.
    #[arg(long, default_value_t = 3000, value_name = "MS")]
    timeout: u64,
    /// What to log, on standard error.
    #[arg(long, value_enum, default_value = "warn", env = "OUTRIGGER_LOG")]
    log_level: LogLevel,
}

#[derive(Args)]
struct CallArgs {
    #[command(flatten)]
    target: Target,
    /// Name of the method.
    method: String,
    /// The payload; `-` reads it from standard input. Without it no value is sent.
    payload: Option<String>,
    /// Send the payload as JSON instead of raw bytes.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct PingArgs {
    #[command(flatten)]
    target: Target,
    /// How many round trips.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

/// What ping sends: a common small message.
const PAYLOAD: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

fn main() -> ExitCode {
    let command = match Outrigger::try_parse() {
        Ok(Outrigger { command }) => command,
        Err(error) => return usage(&error),
    };
    let outcome = match command {
        Command::Serve(args) => return Server::builder().serve(&args),
        Command::Call(args) => call(&args),
        Command::Ping(args) => ping(&args),
        Command::Methods(target) => methods(&target),
        Command::Sessions(args) => sessions::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Gen(what) => generator::run(&what).and_then(|report| print(report.as_bytes())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(exit_code(&error))
        }
    }
}

impl Target {
    fn connect(&self) -> Result<Client, Error> {
        init_logging(self.log_level);
        let connecting = Client::builder().connect_timeout(self.timeout());
        connecting.connect(&self.socket)
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout)
    }
}

fn call(args: &CallArgs) -> Result<(), Error> {
    let payload = match args.payload.as_deref() {
        Some("-") => Some(standard_input()?),
        Some(text) => Some(text.as_bytes().to_vec()),
        None => None,
    };
    let client = args.target.connect()?;
    let mut call = client.call(&args.method, payload.as_deref());
    if args.json {
        call = call.codec(Codec::JSON);
    }
    let reply = call.timeout(args.target.timeout()).wait()?;
    print(reply.bytes())
}

fn ping(args: &PingArgs) -> Result<(), Error> {
    let client = args.target.connect()?;
    let mut nanos = Vec::with_capacity(args.count as usize);
    for _ in 0..args.count {
        let begin = Instant::now();
        let call = client.call("outrigger.echo", &PAYLOAD[..]);
        let reply = call.timeout(args.target.timeout()).wait()?;
        nanos.push(begin.elapsed().as_nanos());
        if reply.bytes() != PAYLOAD {
            return Err(Error::protocol("the echo differs from what was sent"));
        }
    }
    nanos.sort_unstable();
    let at = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    let text = format!(
        "{} round trips to {} (version {}): p50 {:.2} us, p99 {:.2} us, max {:.2} us\n",
        args.count,
        args.target.socket,
        client.version(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    print(text.as_bytes())
}

fn methods(target: &Target) -> Result<(), Error> {
    let client = target.connect()?;
    let call = client.call("outrigger.methods", None::<&[u8]>);
    let reply = call.codec(Codec::JSON).timeout(target.timeout()).wait()?;
    let mut text = reply.json::<Vec<String>>()?.join("\n");
    text.push('\n');
    print(text.as_bytes())
}

fn standard_input() -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|error| Error::invalid_argument(format!("standard input: {error}")))?;
    Ok(bytes)
}

fn print(bytes: &[u8]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    // A prompt begins its own line; what is piped is the reply and nothing else.
    let end: &[u8] = if out.is_terminal() && !bytes.ends_with(b"\n") {
        b"\n"
    } else {
        b""
    };
    let written = out.write_all(bytes).and_then(|()| out.write_all(end));
    let written = written.and_then(|()| out.flush());
    match written {
        // Whoever reads has read enough (`outrigger methods | head -1`).
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Error::handler(format!("standard output: {error}"))),
    }
}
