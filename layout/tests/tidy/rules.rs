//! The rules that look at one line of one file.

use crate::source::{Source, code, has_word};

/// What is wrong with the line of this index, and what to do instead.
pub(crate) type Rule = fn(&Source<'_>, usize, &str) -> Option<String>;

#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    opening, names, columns, file_length, function_length, words,
    atomics, unsafe_files, safety, go_unsafe, go_mod, machine_paths,
];

const COLUMNS_MAX: usize = 100;
const FILE_LINES_MAX: usize = 450;
const FUNCTION_LINES_MAX: usize = 70;

/// Names that say nothing of what is in a file.
const NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];

/// Words that are not committed, and what to do. (In two parts, so that this file
/// passes.)
pub(crate) const WORDS: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or open an issue and name it"),
    (concat!("FIX", "ME"), "fix it, or open an issue and name it"),
    (concat!("XX", "X"), "say what is meant"),
    (concat!("to", "do!"), "write it, or return an error"),
    (
        concat!("unimple", "mented!"),
        "write it, or return an error",
    ),
    (concat!("#[ign", "ore"), "print `not run: WHAT` and return"),
    (concat!("t.Sk", "ip"), "log `not run: WHAT` and return"),
];

/// Where Rust's own atomics are named: the door to them, and the models.
const ATOMICS: &[&str] = &["ringbuf/src/sync.rs", "ringbuf/tests/loom.rs"];

/// All Rust files with `unsafe` in them.
const UNSAFE: &[&str] = &[
    // Shared memory: spans, atomics and copies.
    "ringbuf/src/mapping.rs",
    "ringbuf/src/view.rs",
    // The bytes that were validated before.
    "layout/src/message/archive.rs",
    // The bytes of a buffer that the ledger says nobody else writes.
    "server/src/lease.rs",
    // The promise that clients leave alone what they have sent.
    "server/src/trust.rs",
    // The bytes of a buffer, for callers who promise that the server leaves them alone.
    "client-rust/src/buffer/mod.rs",
    // The promise that the server leaves alone what it has lent.
    "client-rust/src/trust.rs",
    // The same promises, in tests and a benchmark.
    "server/facade/tests/trust.rs",
    "benches/src/payload.rs",
    // loom's cells; allocators that count; a rival's API.
    "ringbuf/tests/loom.rs",
    "client-rust/tests/allocations.rs",
    "server/facade/examples/testbed/counting.rs",
    "benches/src/counting.rs",
    "benches/src/raw_sync_event.rs",
];

fn when(wrong: bool, message: impl Into<String>) -> Option<String> {
    wrong.then(|| message.into())
}

fn opening(source: &Source<'_>, index: usize, line: &str) -> Option<String> {
    let wrong = index == 0 && source.is_rust() && !line.starts_with("//!");
    when(wrong, "begin with `//!`: what this is and who may do what")
}

fn names(source: &Source<'_>, index: usize, _: &str) -> Option<String> {
    let mut stems = source
        .path
        .split('/')
        .filter_map(|part| part.split('.').next());
    let banned = stems.find(|stem| index == 0 && NAMES.contains(stem))?;
    Some(format!(
        "`{banned}` says nothing: name the one noun that is in it"
    ))
}

fn columns(source: &Source<'_>, index: usize, line: &str) -> Option<String> {
    let width: usize = line.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
    if width <= COLUMNS_MAX || !source.is_written_code() {
        return None;
    }
    let table = line.trim_start_matches(['/', '!', ' ']).starts_with('|');
    let unbroken = table || line.contains("://") || source.is_in_table(index);
    let message = format!("{width} columns (maximum {COLUMNS_MAX}): break the line");
    when(!unbroken, message)
}

fn file_length(source: &Source<'_>, index: usize, _: &str) -> Option<String> {
    if index != FILE_LINES_MAX || !source.is_written_code() || source.is_test() {
        return None;
    }
    let tests_begun = source.lines[..=index].contains(&"#[cfg(test)]");
    let message = format!("more than {FILE_LINES_MAX} lines before tests: split it by noun");
    when(!tests_begun, message)
}

fn function_length(source: &Source<'_>, index: usize, line: &str) -> Option<String> {
    const QUALIFIERS: &[&str] = &[
        "pub",
        "pub(crate)",
        "pub(super)",
        "const",
        "async",
        "unsafe",
    ];
    let keyword = line
        .split_whitespace()
        .find(|word| !QUALIFIERS.contains(word))?;
    if !source.is_written_code() || keyword != if source.is_rust() { "fn" } else { "func" } {
        return None;
    }
    let count = source.end_of_item(index) - index + 1;
    let message = format!("function of {count} lines (maximum {FUNCTION_LINES_MAX}): divide it");
    when(count > FUNCTION_LINES_MAX, message)
}

fn words(_: &Source<'_>, _: usize, line: &str) -> Option<String> {
    let (word, instead) = WORDS.iter().find(|(word, _)| has_word(line, word))?;
    Some(format!("`{word}`: {instead}"))
}

fn atomics(source: &Source<'_>, _: usize, line: &str) -> Option<String> {
    let found = source.is_rust() && code(line).contains(concat!("sync::", "atomic"));
    let wrong = found && !ATOMICS.contains(&source.path);
    when(
        wrong,
        "import atomics and orderings from outrigger_ringbuf::sync",
    )
}

fn has_unsafe(source: &Source<'_>, line: &str, next: &[&str]) -> bool {
    let found = |next: &&str| has_word(code(line), &["unsafe", next].join(" "));
    source.is_rust() && next.iter().any(found)
}

fn unsafe_files(source: &Source<'_>, _: usize, line: &str) -> Option<String> {
    let found = has_unsafe(source, line, &["{", "fn", "impl", "extern"]);
    let wrong = found && !UNSAFE.contains(&source.path);
    when(
        wrong,
        "unsafe outside the files listed in layout/tests/tidy/rules.rs",
    )
}

fn safety(source: &Source<'_>, index: usize, line: &str) -> Option<String> {
    let found = has_unsafe(source, line, &["{", "impl"]);
    let above = source.lines[index.saturating_sub(8)..=index].iter().rev();
    let mut above = above.take_while(|line| !line.is_empty());
    let wrong = found && !above.any(|line| line.contains("SAFETY:"));
    when(
        wrong,
        "write `// SAFETY:` above: which fact, and who guarantees it",
    )
}

fn go_unsafe(source: &Source<'_>, _: usize, line: &str) -> Option<String> {
    let found = line.trim().trim_start_matches("import ") == "\"unsafe\"";
    let allowed = source.path.contains("_unsafe") || source.is_test();
    when(
        found && source.is_go() && !allowed,
        "move this to a file *_unsafe.go",
    )
}

fn go_mod(source: &Source<'_>, _: usize, line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("require ");
    let dependency = line.contains(" v") && !line.starts_with("golang.org/x/sys ");
    let wrong = dependency && source.path == "client-go/go.mod";
    when(wrong, "the Go client has one dependency: golang.org/x/sys")
}

fn machine_paths(_: &Source<'_>, _: usize, line: &str) -> Option<String> {
    const FOLDERS: &[&str] = &[
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
    ];
    let longer = |c: char| c.is_alphanumeric() || "._-/})".contains(c);
    let mut found = FOLDERS.iter().flat_map(|folder| line.match_indices(folder));
    let (_, folder) = found.find(|(at, _)| !line[..*at].ends_with(longer))?;
    Some(format!(
        "`{folder}` is on one machine only: make the path relative"
    ))
}
