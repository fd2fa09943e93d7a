//! The programs that play the parts.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where each is, or why it is not: the word behind `not run:`.
#[derive(Clone, Debug)]
pub struct Programs {
    /// This one: all roles in Rust.
    pub rust: PathBuf,
    /// The driver in Go.
    pub go: Result<PathBuf, String>,
    /// The driver of `cgo-noop`, which wants a C compiler.
    pub cgo: Result<PathBuf, String>,
}

impl Programs {
    /// Builds the Go drivers into [`output_folder`].
    pub fn build(rust: PathBuf) -> Self {
        let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
        let out = output_folder();
        let compiler = Command::new("cc").arg("--version").output();
        Self {
            rust,
            go: go_build(&benches.join("go"), &out.join("outrigger-bench-go"), "0"),
            cgo: match compiler {
                Ok(_) => go_build(
                    &benches.join("go-cgo"),
                    &out.join("outrigger-bench-cgo"),
                    "1",
                ),
                Err(_) => Err("cc".to_owned()),
            },
        }
    }
}

/// `target/bench` of the workspace.
pub fn output_folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.unwrap_or(Path::new(".")).join("target/bench")
}

/// Builds the Go program of a module; `cgo` is `0` or `1`.
///
/// # Errors
/// What the compiler says, or `go` if there is none.
pub fn go_build(module: &Path, binary: &Path, cgo: &str) -> Result<PathBuf, String> {
    let output = Command::new("go")
        .current_dir(module)
        .env("CGO_ENABLED", cgo)
        .args(["build", "-o"])
        .arg(binary)
        .arg(".")
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(binary.to_owned()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(format!("go build: {}", text.trim_end()))
        }
        Err(_) => Err("go".to_owned()),
    }
}
