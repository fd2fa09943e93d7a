//! Instructions that the server's half of a call takes, as callgrind counts
//! them: a figure that does not depend on the machine's mood.
//!
//! `instructions check` compares with `benches/instructions.json` and fails if
//! the count grew by more than the tolerance there; `instructions record` writes
//! that file. Counted is `Loopback::poll` of `outrigger_server`, with all it
//! calls: one look at the rings that finds one request of 32 bytes, every check of
//! it, dispatch, `outrigger.echo`, and the publication of the reply.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use outrigger_server::Server;
use outrigger_server::stepping::Loopback;
use serde::{Deserialize, Serialize};

/// Calls counted.
const CALLS: u64 = 10_000;
/// How much the count may grow before `check` fails, in a file made by `record`.
const TOLERANCE: f64 = 0.05;
/// Callgrind counts inside this function only; it is never inlined.
const TOGGLE: &str = "--toggle-collect=*Loopback*poll*";

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Compare with what was recorded.
    Check,
    /// Write down the present count.
    Record,
    /// Make the calls.
    #[command(hide = true)]
    Workload,
}

/// `benches/instructions.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The compiler: another one's count cannot be compared.
    rustc: String,
    instructions_per_call: f64,
    tolerance: f64,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Action::Check => check(),
        Action::Record => record(),
        Action::Workload => workload().map(|()| String::new()),
    };
    match outcome {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the calls, both ends in this thread.
fn workload() -> Result<(), String> {
    let mut pair = Loopback::new(Server::builder()).map_err(|error| error.to_string())?;
    let method = pair.bind("outrigger.echo");
    let method = method.map_err(|error| error.to_string())?;
    let mut reply = [0; 256];
    for number in 1..=CALLS {
        let request = [number as u8; 32];
        pair.send_call(method, number, &request);
        let found = pair.poll().map_err(|error| error.to_string())?;
        let header = pair.receive_into(&mut reply).ok_or("no reply")?;
        if found != 1 || header.code != 0 || reply[..32] != request {
            return Err(format!("call {number}: {found} messages, {header:?}"));
        }
    }
    Ok(())
}

fn check() -> Result<String, String> {
    let path = path();
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let recorded: Record = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let rustc = rustc();
    if rustc != recorded.rustc {
        let before = recorded.rustc;
        return Ok(format!("not run: {rustc} (recorded with {before})\n"));
    }
    let Some(seen) = count()? else {
        return Ok("not run: valgrind\n".to_owned());
    };
    let before = recorded.instructions_per_call;
    let growth = seen / before - 1.0;
    let text = format!(
        "{seen:.1} instructions per call (recorded {before:.1}, {:+.1} %)\n",
        growth * 100.0
    );
    if growth > recorded.tolerance {
        let most = recorded.tolerance * 100.0;
        return Err(format!(
            "{text}allowed: +{most} %; see `instructions record`"
        ));
    }
    Ok(text)
}

fn record() -> Result<String, String> {
    let Some(seen) = count()? else {
        return Ok("not run: valgrind\n".to_owned());
    };
    let record = Record {
        rustc: rustc(),
        instructions_per_call: (seen * 10.0).round() / 10.0,
        tolerance: TOLERANCE,
    };
    let text = serde_json::to_string_pretty(&record).map_err(|error| error.to_string())? + "\n";
    fs::write(path(), &text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// Runs the workload under callgrind; `None` without valgrind.
fn count() -> Result<Option<f64>, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", TOGGLE]);
    let Ok(output) = valgrind.arg(this).arg("workload").output() else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&output.stderr);
    // ==123== Collected : 9876543
    let collected = text
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    let collected: u64 = collected
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("no count in what valgrind says:\n{text}"))?;
    if !output.status.success() || collected < CALLS {
        return Err(format!(
            "{collected} instructions in {CALLS} calls:\n{text}"
        ));
    }
    Ok(Some(collected as f64 / CALLS as f64))
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().trim().to_owned()
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}
