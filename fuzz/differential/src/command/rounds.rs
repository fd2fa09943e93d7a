//! One round: a program streams to Go's judge, and accepts what that wrote.

use std::fmt;
use std::process::{Command, Stdio};

use crate::scratch::Program;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Archives that rkyv wrote.
    pub(crate) values: u64,
    /// Mutants of them, and archives of other types, that both sides accept.
    pub(crate) accepted: u64,
    /// The same, that both refuse.
    pub(crate) refused: u64,
    /// Archives that were read without having been validated.
    pub(crate) unchecked: u64,
    /// How many of those reads ended in a panic of a bounds check.
    pub(crate) panics: u64,
    /// Archives that Go wrote, and rkyv accepted as its own.
    pub(crate) written: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.values += other.values;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unchecked += other.unchecked;
        self.panics += other.panics;
        self.written += other.written;
    }

    /// Reads Go's last line: `values 1 accepted 2 refused 3 …`.
    fn read(line: &str) -> Option<Self> {
        let mut counts = Self::default();
        let words = line.split_whitespace().collect::<Vec<_>>();
        for pair in words.chunks(2) {
            let [name, number] = pair else { return None };
            let number = number.parse().ok()?;
            match *name {
                "values" => counts.values = number,
                "accepted" => counts.accepted = number,
                "refused" => counts.refused = number,
                "unchecked" => counts.unchecked = number,
                "panics" => counts.panics = number,
                "written" => counts.written = number,
                _ => return None,
            }
        }
        Some(counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            values,
            accepted,
            refused,
            unchecked,
            panics,
            written,
        } = self;
        let mutants = accepted + refused;
        write!(
            f,
            "{values} values, {mutants} mutants ({accepted} valid), {written} archives of Go's, \
             {unchecked} unchecked reads ({panics} panics, 0 outside)"
        )
    }
}

/// Runs both sides; what was counted if they agree.
pub(crate) fn run(program: &Program, seed: u64, mutants: u64) -> Result<Counts, String> {
    let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    let mut stream = Command::new(&program.rust)
        .args(["stream", &seed.to_string(), &mutants.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed("stream"))?;
    let archives = stream.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let mut judge = Command::new(&program.go)
        .arg(seed.to_string())
        .stdin(archives)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed("judge"))?;
    let written = judge.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let accept = Command::new(&program.rust)
        .arg("accept")
        .stdin(written)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed("accept"))?;
    let judged = judge.wait_with_output().map_err(failed("judge"))?;
    let accepted = accept.wait_with_output().map_err(failed("accept"))?;
    let streamed = stream.wait().map_err(failed("stream"))?;
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (judge, accept) = (words(&judged.stderr), words(&accepted.stderr));
    if !judged.status.success() || !accepted.status.success() || !streamed.success() {
        return Err(format!("stream: {streamed}\nGo: {judge}\nrkyv: {accept}"));
    }
    let counts = judge.lines().last().and_then(Counts::read);
    let counts = counts.ok_or_else(|| format!("Go said {judge:?}, and no numbers"))?;
    let wanted = format!("accepted {}", counts.written);
    if accept.trim() != wanted {
        return Err(format!("rkyv said {accept:?}, not {wanted:?}"));
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_added() {
        let line = "values 1 accepted 2 refused 3 unchecked 4 panics 5 written 6";
        let mut counts = Counts::read(line).expect("counts");
        counts.add(&counts.clone());
        assert_eq!((counts.values, counts.refused, counts.written), (2, 6, 12));
        assert_eq!(Counts::read("values one"), None);
        assert_eq!(Counts::read("panic: runtime error"), None);
    }
}
