//! `outrigger gen go`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use outrigger::{Error, generate};

use crate::source;

/// What can be generated.
#[derive(Subcommand)]
pub(crate) enum Generate {
    /// Write a Go package for each service: messages, and a client.
    Go(GoArgs),
}

#[derive(Args)]
pub(crate) struct GoArgs {
    /// A sidecar binary, a JSON file, unix:///path of a running server, or `builtin` for
    /// the methods that every server has.
    #[arg(long, value_name = "SOURCE")]
    from: String,
    /// Folder of the packages; each gets a folder in it with the service's name.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Only this service; may be given several times.
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Write nothing; exit with 76 if a file is not what would be written.
    #[arg(long)]
    check: bool,
    /// Views that check no bounds after validation: bytes that change all the same, or
    /// a view that is used after Release, then read any memory of the process.
    #[arg(long)]
    unchecked_views: bool,
}

/// How long a running server may take for its schema.
const SERVER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Generates, and says which files were written.
///
/// # Errors
/// As `source::read` and `generate::go`; VERSION_MISMATCH for a file that is stale,
/// INVALID_ARGUMENT for one that cannot be written.
pub(crate) fn run(what: &Generate) -> Result<String, Error> {
    let Generate::Go(args) = what;
    let document = source::read(&args.from, SERVER_WAIT_MAX)?;
    let mut report = String::new();
    for mut file in generate::go(&document, &args.service)? {
        if args.unchecked_views {
            file = file.with_unchecked_views();
        }
        if args.check {
            file.check(&args.out)?;
        } else {
            let path = file.write(&args.out)?;
            report.push_str(&format!("wrote {}\n", path.display()));
        }
    }
    Ok(report)
}
