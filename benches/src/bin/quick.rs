//! `make bench-quick`: prints a table and writes `target/bench/quick.json`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use outrigger_benches::case::cases;
use outrigger_benches::programs::{Programs, output_folder};
use outrigger_benches::report::Report;
use outrigger_benches::role::Role;
use outrigger_benches::rounds::{Plan, run};
use outrigger_benches::{idle, machine, settings};

/// What a call costs, beside what the machine allows and what else there is.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Length of a slice in milliseconds.
    #[arg(long, default_value_t = 100)]
    slice: u64,
    /// Rounds at most.
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// Seconds after which no further round begins.
    #[arg(long, default_value_t = 42)]
    seconds: u64,
    /// Only these cases (and `floor`), separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where to write the figures [default: target/bench/quick.json].
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// The idle test: an idle sidecar and an idle client use no CPU.
    Idle,
    /// Be one of the child processes.
    #[command(subcommand, hide = true)]
    Role(Role),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Some(Command::Role(role)) => role.play(),
        Some(Command::Idle) => programs()
            .and_then(|programs| idle::check(&programs))
            .map(|text| println!("{text}")),
        None => bench(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Children speak on standard output, where `quick` listens.
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn programs() -> Result<Programs, String> {
    let text = |error: io::Error| error.to_string();
    fs::create_dir_all(output_folder()).map_err(text)?;
    Ok(Programs::build(std::env::current_exe().map_err(text)?))
}

fn bench(arguments: &Arguments) -> Result<(), String> {
    let programs = programs()?;
    let wanted = |name: &str| arguments.only.iter().any(|only| only == name) || name == "floor";
    let cases: Vec<_> = cases()
        .into_iter()
        .filter(|case| arguments.only.is_empty() || wanted(case.name))
        .collect();
    let plan = Plan {
        slice: Duration::from_millis(arguments.slice),
        rounds_max: arguments.rounds,
        time_max: Duration::from_secs(arguments.seconds),
    };
    let load = machine::load();
    let results = run(&cases, &programs, &plan)?;
    let report = Report::new(&results);
    println!("{}\n", settings::lines(&plan, &results, load).join("\n"));
    println!("{}", report.table());
    println!("{}", report.verdict());
    let path = arguments.json.clone();
    let path = path.unwrap_or_else(|| output_folder().join("quick.json"));
    fs::write(&path, report.json()).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("written to {}", path.display());
    Ok(())
}
