//! What a program of the differential test does: its words and its types.

use std::io::{self, BufReader, BufWriter};
use std::path::Path;
use std::process::ExitCode;

use outrigger_layout::schema::MethodNode;

use crate::kind::Kind;
use crate::{accept, package, stream};

/// Bytes of a pipe's buffer.
const BUFFER: usize = 1 << 18;

/// Runs the program: `go FOLDER` writes Go's side and says which
/// [kinds of types](crate::census) it has, `stream SEED MUTANTS` values and
/// mutants to standard output, `accept` reads what Go wrote from standard input.
/// Without methods there is nothing that `go` could write.
pub fn run(kinds: &[Kind], methods: &[MethodNode]) -> ExitCode {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    let words = words.iter().map(String::as_str).collect::<Vec<_>>();
    let outcome = match words[..] {
        ["go", folder] => {
            let kinds = package::write(Path::new(folder), methods);
            kinds.map(|kinds| println!("{}", kinds.join(" ")))
        }
        ["stream", seed, mutants] => write_stream(kinds, seed, mutants),
        ["accept"] => {
            let mut input = BufReader::with_capacity(BUFFER, io::stdin());
            let accepted = accept::accept(&mut input, kinds);
            accepted.map(|count| eprintln!("accepted {count}"))
        }
        _ => Err(io::Error::other(
            "words: go FOLDER, stream SEED MUTANTS, accept",
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write_stream(kinds: &[Kind], seed: &str, mutants: &str) -> io::Result<()> {
    let number = |text: &str| text.parse::<u64>().map_err(io::Error::other);
    let mut output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    stream::stream(&mut output, kinds, number(seed)?, number(mutants)?)
}

/// Makes `main` of a list of messages and the names of a method for each.
///
/// ```standalone_crate
/// # extern crate outrigger_differential as outrigger;
/// # use outrigger_differential::{Random, Sample, program};
/// #[outrigger::message]
/// struct Person {
///     name: String,
/// }
///
/// impl Sample for Person {
///     fn sample(random: &mut Random) -> Self {
///         Self { name: Sample::sample(random) }
///     }
/// }
///
/// program! { "m0": Person, }
/// # const _: fn() -> std::process::ExitCode = main;
/// ```
#[macro_export]
macro_rules! program {
    ($($name:literal: $kind:ty,)*) => {
        static SERVICE: $crate::__private::schema::ServiceNode =
            $crate::__private::schema::ServiceNode {
                name: "differential",
                rust_name: "Differential",
                doc: "",
                constants: &[],
                methods: &[$($crate::__private::schema::MethodNode {
                    service: || &SERVICE,
                    name: concat!("differential.", $name),
                    own_name: $name,
                    doc: "",
                    request: $crate::__private::node::node::<$kind>,
                    reply: $crate::__private::node::node::<$kind>,
                    error: None,
                    placement: "inline",
                    json: false,
                    attachments: false,
                },)*],
            };

        fn main() -> std::process::ExitCode {
            let kinds = [$($crate::Kind::of::<$kind>($name),)*];
            $crate::program::run(&kinds, SERVICE.methods)
        }
    };
}
