//! The folder target/differential: programs of random types, and Go's judges.
//!
//! ```text
//!   target/differential/rust/    the crate of a schema: Cargo.toml, src/main.rs
//!                      /target/  what cargo makes of it
//!                      /go/      its Go module: main.go, messages/
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use outrigger_differential::{census, source};

/// A side of the test in Rust, and one in Go.
#[derive(Debug)]
pub(crate) struct Program {
    /// Streams and accepts.
    pub(crate) rust: PathBuf,
    /// Judges.
    pub(crate) go: PathBuf,
}

/// The folder.
#[derive(Debug)]
pub(crate) struct Scratch {
    repository: PathBuf,
    folder: PathBuf,
}

impl Scratch {
    /// Below the repository of this crate.
    pub(crate) fn new() -> Result<Self, String> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let repository = repository.canonicalize().map_err(text)?;
        let folder = repository.join("target/differential");
        for name in ["rust/src", "go"] {
            fs::create_dir_all(folder.join(name)).map_err(text)?;
        }
        Ok(Self { repository, folder })
    }

    /// The program of the fixed types: a sibling of this one, and a Go package of the
    /// repository.
    pub(crate) fn fixtures(&self) -> Result<Program, String> {
        let here = std::env::current_exe().map_err(text)?;
        let go = self.folder.join("judge-fixtures");
        let module = self.repository.join("client-go");
        build_go(&module, "./internal/archives/judge", &go)?;
        Ok(Program {
            rust: here.with_file_name("fixtures"),
            go,
        })
    }

    /// Makes and builds the program of a seed.
    pub(crate) fn schema(&self, seed: u64) -> Result<Program, String> {
        let rust = self.folder.join("rust");
        let write = |path: &str, text: &str| fs::write(rust.join(path), text);
        write("src/main.rs", &source::of(seed)).map_err(text)?;
        write("Cargo.toml", &self.manifest()).map_err(text)?;
        let lock = self.repository.join("Cargo.lock");
        fs::copy(lock, rust.join("Cargo.lock")).map_err(text)?;
        let target = self.folder.join("target");
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--quiet", "--target-dir"])
            .arg(&target)
            .current_dir(&rust);
        succeed(cargo, "cargo build")?;
        let program = target.join("debug/random-types");
        let go = self.folder.join("go");
        let mut generate = Command::new(&program);
        generate.arg("go").arg(&go);
        has_every_kind(&succeed(generate, "Go of the schema")?)?;
        let module = self.module();
        fs::write(go.join("go.mod"), module).map_err(text)?;
        let sums = self.repository.join("client-go/go.sum");
        fs::copy(sums, go.join("go.sum")).map_err(text)?;
        let judge = self.folder.join("judge-schema");
        is_formatted(&go.join("messages"))?;
        build_go(&go, ".", &judge)?;
        Ok(Program {
            rust: program,
            go: judge,
        })
    }

    fn manifest(&self) -> String {
        let here = self.repository.join("fuzz/differential");
        let here = here.display();
        format!(
            "[package]\nname = \"random-types\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies.outrigger]\n\
             package = \"outrigger-differential\"\npath = \"{here}\"\n\n\
             [workspace]\n\n\
             [profile.dev]\ndebug = false\nincremental = false\n\n\
             [profile.dev.package.\"*\"]\nopt-level = 1\n"
        )
    }

    /// Below the client's module, so that it may import what is internal there.
    fn module(&self) -> String {
        let client = self.repository.join("client-go");
        let required = fs::read_to_string(client.join("go.mod")).unwrap_or_default();
        let system = required
            .lines()
            .find(|line| line.contains("golang.org/x/sys"));
        let system = system.unwrap_or_default().trim_start_matches("require ");
        let name = "github.com/outrigger-ipc/outrigger/client-go";
        let client = client.display();
        format!(
            "module {name}/judge\n\ngo 1.25.0\n\nrequire (\n\t{name} v0.0.0\n\t{system}\n)\n\n\
             replace {name} => {client}\n"
        )
    }
}

fn build_go(folder: &Path, package: &str, output: &Path) -> Result<(), String> {
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(output).arg(package);
    go.current_dir(folder).env("CGO_ENABLED", "0");
    succeed(go, "go build").map(drop)
}

fn is_formatted(folder: &Path) -> Result<(), String> {
    let output = Command::new("gofmt").arg("-l").arg(folder).output();
    let output = output.map_err(|error| format!("gofmt: {error}"))?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "" => Ok(()),
        files => Err(format!("gofmt would change {files}")),
    }
}

/// Whether the schema has what every schema has, going by its own words.
fn has_every_kind(words: &str) -> Result<(), String> {
    let found = words.split_whitespace().collect::<Vec<_>>();
    match census::KINDS.iter().find(|kind| !found.contains(kind)) {
        Some(kind) => Err(format!("no {kind} among the types: {words}")),
        None => Ok(()),
    }
}

/// Runs a command to its end. Returns what it said; if it fails, as an error.
fn succeed(mut command: Command, what: &str) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{what} failed\n{words}"))
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
