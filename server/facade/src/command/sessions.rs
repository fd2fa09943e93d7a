//! `outrigger sessions`: who is connected, and who has which buffers.

use std::fmt::Write;

use clap::Args;
use outrigger::server::{BufferCount, SessionStats};
use outrigger::{Codec, Error};

use crate::{Target, print};

/// Flags of `sessions`.
#[derive(Args)]
#[command(after_help = "\
Each session is shown with the buffers that carry its large payloads, by what they do:
  free     nobody uses them
  granted  the client may write a request into them (of these, in stock: granted ahead
           of need, so that a call need not ask)
  held     a handler has the request that is in them
  filled   a handler writes its reply into them
  lent     the client reads a reply in them, and has still to return them
A session whose `lent` grows, with an `oldest` that grows too, has a client that keeps
replies and does not release them. `waiting` counts who waits for a buffer.

This session itself is among those shown. Only the server's own user may ask.")]
pub(crate) struct SessionsArgs {
    #[command(flatten)]
    target: Target,
    /// Print JSON, with all that is counted, instead of a table.
    #[arg(long)]
    json: bool,
}

/// Asks a server and prints what it says.
pub(crate) fn run(args: &SessionsArgs) -> Result<(), Error> {
    let client = args.target.connect()?;
    let call = client.call("outrigger.sessions", None::<&[u8]>);
    let reply = call.codec(Codec::JSON).timeout(args.target.timeout());
    let reply = reply.wait()?;
    if args.json {
        print(&[reply.bytes(), b"\n"].concat())
    } else {
        print(table(&reply.json::<Vec<SessionStats>>()?).as_bytes())
    }
}

const COLUMNS: [&str; 13] = [
    "session", "pid", "uid", "calls", "segments", "extents", "free", "granted", "held", "filled",
    "lent", "oldest", "waiting",
];

/// One line for each session below a line of names.
fn table(sessions: &[SessionStats]) -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(sessions.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max();
    let widths: Vec<usize> = (0..COLUMNS.len()).filter_map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", cells.join("  "));
    }
    text
}

fn row(session: &SessionStats) -> [String; COLUMNS.len()] {
    let buffers = |count: &BufferCount| match count.buffers {
        0 => "0".to_owned(),
        buffers => format!("{buffers} ({})", bytes(count.bytes)),
    };
    let granted = match session.in_stock {
        0 => buffers(&session.granted),
        stock => format!("{}, {stock} in stock", buffers(&session.granted)),
    };
    let oldest = session.oldest_lent_ms;
    [
        session.session.to_string(),
        session.pid.to_string(),
        session.uid.to_string(),
        session.calls_in_flight.to_string(),
        bytes(session.segment_bytes),
        bytes(session.extent_bytes),
        buffers(&session.free),
        granted,
        buffers(&session.held),
        buffers(&session.filled),
        buffers(&session.lent),
        oldest.map_or("-".to_owned(), |ms| {
            format!("{}.{} s", ms / 1000, ms / 100 % 10)
        }),
        session.waiting.to_string(),
    ]
}

/// Bytes in the largest unit of which there is at least one, rounded down.
fn bytes(count: u64) -> String {
    match count {
        0..0x400 => format!("{count} B"),
        0x400..0x10_0000 => format!("{} KiB", count >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", count >> 20),
        _ => format!("{} GiB", count >> 30),
    }
}
