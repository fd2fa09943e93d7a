//! `make bench-payload`: payloads from 64 bytes to 64 MiB, through shared memory and
//! through a unix socket; prints a table in Markdown and a verdict.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use outrigger_benches::machine;
use outrigger_benches::programs::{Programs, output_folder};
use outrigger_benches::role::Role;
use outrigger_benches::rounds::{Plan, run};
use outrigger_benches::sweep::{self, Row};

/// What payloads of 64 bytes to 64 MiB cost, written and read on both sides.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Length of a slice in milliseconds.
    #[arg(long, default_value_t = 100)]
    slice: u64,
    /// Seconds for each size.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
}

#[derive(Subcommand)]
enum Command {
    /// Be one of the child processes.
    #[command(subcommand, hide = true)]
    Role(Role),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Some(Command::Role(role)) => role.play(),
        None => bench(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Children speak on standard output, where the parent listens.
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    fs::create_dir_all(output_folder()).map_err(text)?;
    let programs = Programs::build(std::env::current_exe().map_err(text)?);
    let plan = Plan {
        slice: Duration::from_millis(arguments.slice),
        rounds_max: usize::MAX,
        time_max: Duration::from_secs(arguments.seconds),
    };
    println!("{}", machine::describe().join("\n"));
    println!(
        "method   both sides write and read every word; slices of {} ms in turns, {} s a size; \
         both spin for up to 200 us before they sleep; nothing is pinned\n\
         figures  median over slices; x: the socket's p50 by that of the same round\n\
         load     {:.2} before\n",
        arguments.slice,
        arguments.seconds,
        machine::load()
    );
    println!("{}", sweep::head());
    let mut rows = Vec::new();
    for size in sweep::SIZES {
        let row = Row::new(size, &run(&sweep::cases(size), &programs, &plan)?)?;
        println!("{}", sweep::line(&row));
        rows.push(row);
    }
    let hand_over = sweep::hand_over(&run(&sweep::hand_overs(), &programs, &plan)?)?;
    let [small, large] = [hand_over[0], hand_over[1]].map(sweep::time);
    println!("\nhand-over of a reply's buffer, eight bytes touched: 4 KiB {small}, 64 MiB {large}");
    println!("\n{}", sweep::verdict(&rows, hand_over));
    Ok(())
}
