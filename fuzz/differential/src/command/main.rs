//! The command `differential`: random types and fixed ones, rkyv against Go.
//!
//! ```text
//!   differential [--seed N] [--minutes M] [--mutants N] [--schemas N] [--fixtures]
//! ```
//!
//! First the fixed types of layout/tests/archives with `--mutants` mutants, then
//! schemas at random, each of a seed, for so many minutes or until there were so
//! many. It prints what to say to repeat a schema that fails. All that it writes is
//! in target/differential.

mod options;
mod rounds;
mod scratch;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use options::Options;
use rounds::Counts;
use scratch::Scratch;

/// Mutants of each random schema.
const SCHEMA_MUTANTS: u64 = 100_000;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("differential: {text}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            println!("{text}");
            println!("differential: FAILED");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let scratch = Scratch::new()?;
    let mut total = Counts::default();
    let seed = options.seed;
    println!("fixed types, {} mutants, seed {seed}", options.mutants);
    let repeat = |text: String, words: &str| format!("{text}\nrepeat it: make fuzz {words}");
    let fixtures = scratch.fixtures()?;
    let counts = rounds::run(&fixtures, seed, options.mutants)
        .map_err(|text| repeat(text, &format!("SEED={seed} SCHEMAS=0")))?;
    println!("  {counts}");
    total.add(&counts);
    let (begin, mut schemas) = (Instant::now(), 0);
    let over = |schemas| match options.schemas {
        Some(wanted) => schemas >= wanted,
        None => begin.elapsed() >= Duration::from_secs(60 * options.minutes),
    };
    while !over(schemas) {
        let seed = seed.wrapping_add(schemas);
        println!("schema {}, seed {seed}", schemas + 1);
        let words = format!("SEED={seed} SCHEMAS=1");
        let counts = scratch
            .schema(seed)
            .and_then(|program| rounds::run(&program, seed, SCHEMA_MUTANTS))
            .map_err(|text| repeat(text, &words))?;
        println!("  {counts}");
        total.add(&counts);
        schemas += 1;
    }
    println!("{schemas} schemas and the fixed types: {total}");
    println!("differential: passed, 0 disagreements, 0 mismatched bytes");
    Ok(())
}
