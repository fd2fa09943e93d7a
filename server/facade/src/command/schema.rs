//! `outrigger schema` and `outrigger schema diff`.

use std::time::Duration;

use clap::{Args, Subcommand};
use outrigger::__private::schema::diff::{check, differences, report};
use outrigger::Error;

use crate::{print, source};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct SchemaArgs {
    /// A sidecar binary, a JSON file, unix:///path of a running server, or `builtin` for
    /// the methods that every server has.
    #[arg(long, value_name = "SOURCE", required = true)]
    from: Option<String>,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Say in words what differs, method by method, and whether it is safe.
    #[command(
        after_help = "Exit code 0 if all that clients of OLD call is still answered, 76 if a \
        method needs a new version or is gone, others as for all commands. What NEW serves \
        beside its newest version (`service_beside`) is in no schema, and does not count."
    )]
    Diff(DiffArgs),
}

/// Each a sidecar binary, a JSON file, unix:///path of a running server, or `builtin`.
#[derive(Args)]
struct DiffArgs {
    /// The schema that clients have, or that is in use.
    old: String,
    /// The schema that is to come.
    new: String,
}

/// How long a running server may take for its schema.
const SERVER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Prints a schema, or what two differ in.
///
/// # Errors
/// As `source::read`; VERSION_MISMATCH if a difference is not safe.
pub(crate) fn run(args: &SchemaArgs) -> Result<(), Error> {
    if let Some(Action::Diff(sources)) = &args.action {
        return diff(sources);
    }
    let from = args.from.as_deref().unwrap_or_default();
    let document = source::read(from, SERVER_WAIT_MAX)?;
    let text = serde_json::to_string_pretty(&document).map_err(Error::serialization)?;
    print(format!("{text}\n").as_bytes())
}

fn diff(sources: &DiffArgs) -> Result<(), Error> {
    let old = source::read(&sources.old, SERVER_WAIT_MAX)?;
    let new = source::read(&sources.new, SERVER_WAIT_MAX)?;
    let changes = differences(&old, &new);
    print(report(&changes).as_bytes())?;
    check(&changes)
}
