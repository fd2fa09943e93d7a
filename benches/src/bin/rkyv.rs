//! `make bench-rkyv`: prints a table in Markdown and a verdict.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;

use outrigger_benches::child::Child;
use outrigger_benches::contest::{ITEMS, Outcome, Plan, rows, run};
use outrigger_benches::machine;
use outrigger_benches::programs::{go_build, output_folder};
use outrigger_benches::scores::Scores;

/// What messages cost: archives in Rust and Go, and other formats in Go.
#[derive(Parser)]
struct Arguments {
    /// Length of a slice in milliseconds.
    #[arg(long, default_value_t = 20)]
    slice: u64,
    /// Rounds at most.
    #[arg(long, default_value_t = 40)]
    rounds: usize,
    /// Seconds after which no further round begins.
    #[arg(long, default_value_t = 90)]
    seconds: u64,
}

fn main() -> ExitCode {
    match bench(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<(), String> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("go-rkyv");
    let folder = output_folder();
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let go = go_build(&module, &folder.join("outrigger-bench-rkyv"), "0")?;
    let go = Child::start(&mut Command::new(go), None)?;
    let plan = Plan {
        slice: Duration::from_millis(arguments.slice),
        rounds_max: arguments.rounds,
        time_max: Duration::from_secs(arguments.seconds),
    };
    println!(
        "the same {} messages in {} rows, in slices of {} ms; up to {} s",
        ITEMS.len(),
        rows().len(),
        arguments.slice,
        arguments.seconds
    );
    let before = machine::machine_ticks();
    let load = machine::load();
    let outcome = run(go, &plan)?;
    let busy = busy_cpus(before);
    println!("{}\n", settings(&outcome, load, busy).join("\n"));
    println!("{}", Scores::new(&outcome).table());
    println!("{}", Scores::new(&outcome).verdict());
    Ok(())
}

/// CPUs in use on average since then.
fn busy_cpus(before: machine::Ticks) -> f64 {
    let after = machine::machine_ticks();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let part = (after.busy - before.busy) as f64 / (after.total - before.total).max(1) as f64;
    part * cpus as f64
}

fn settings(outcome: &Outcome, load: f64, busy: f64) -> Vec<String> {
    let [small, middle, large] = outcome.lens;
    let mut lines = machine::describe();
    lines.extend([
        format!("orders   {ITEMS:?} items: {small}, {middle}, {large} bytes as archives"),
        "equal    Rust's and Go's archives byte by byte; the sum over all fields in all rows"
            .to_owned(),
        format!(
            "method   {} rounds; time: median over slices of the mean; x: median over rounds of \
             the time by that of Rust's rkyv in the same step and round",
            outcome.rounds
        ),
        format!("noise    {busy:.2} CPUs in use (1 is this bench's); load before {load:.2}"),
    ]);
    lines
}
