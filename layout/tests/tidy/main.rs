//! The rules of the tree that a machine can check, Rust and Go alike.
//!
//! Each finding is a line `file:line: what is wrong and what to do instead`. The
//! test lives in layout because layout speaks for all languages and builds first.
//! It reads what lies in the folder, committed or not. The second test feeds each
//! rule a snapshot that it, and no other, must catch.

mod rules;
mod source;

use std::fs;
use std::path::Path;

use rules::RULES;
use source::Source;

/// Findings of the rules that look at one line.
fn lines(path: &str, text: &str) -> Vec<String> {
    let source = Source::new(path, text);
    let mut findings = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        let messages = RULES.iter().filter_map(|rule| rule(&source, index, line));
        findings.extend(messages.map(|message| format!("{path}:{}: {message}", index + 1)));
    }
    findings
}

/// Each dependency of the workspace has a row with a reason in ARCHITECTURE.md.
fn dependencies(manifest: &str, architecture: &str) -> Vec<String> {
    let lines = manifest.lines().enumerate();
    let section = lines.skip_while(|(_, line)| *line != "[workspace.dependencies]");
    let section = section
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('['));
    let external = section.filter(|(_, line)| !line.contains("path = "));
    let names = external.filter_map(|(index, line)| Some((index, line.split_once(" = ")?.0)));
    let finding = |(index, name): (usize, &str)| {
        let row = format!("| `{name}` | ");
        let mut rows = architecture
            .lines()
            .filter_map(|line| line.strip_prefix(&row));
        let defended = rows.any(|reason| reason.len() > " |".len());
        let message = format!("ARCHITECTURE.md lacks a row `{row}what it is for |`");
        (!defended).then(|| format!("Cargo.toml:{}: {message}", index + 1))
    };
    names.filter_map(finding).collect()
}

/// A Go package says in one of its files what it is.
fn packages(files: &[(String, String)]) -> Vec<String> {
    let described = |text: &str| {
        let before = text.split("\npackage ").next().unwrap_or("");
        let last = before.lines().next_back().unwrap_or("");
        before.len() < text.len() && last.starts_with("//") && !last.starts_with("//go:build")
    };
    let folder = |path: &str| {
        path.rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned()
    };
    let go = || files.iter().filter(|(path, _)| path.ends_with(".go"));
    let mut folders: Vec<String> = go().map(|(path, _)| folder(path)).collect();
    folders.dedup();
    folders.retain(|name| !go().any(|(path, text)| folder(path) == *name && described(text)));
    let message = "no file of this package says above `package` what it is";
    folders
        .iter()
        .map(|folder| format!("{folder}:1: {message}"))
        .collect()
}

/// All text files below a folder, sorted.
fn tree(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    const SKIPPED: &[&str] = &["target", ".git", ".idea", ".vscode"];
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = format!("{prefix}{name}");
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            tree(&entry.path(), &format!("{path}/"), files);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push((path, text));
        }
    }
    files.sort();
}

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Ok(manifest) = fs::read_to_string(root.join("Cargo.toml")) else {
        println!("not run: tidy (this crate stands alone, outside its tree)");
        return;
    };
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    let mut files = Vec::new();
    tree(&root, "", &mut files);
    let mut findings: Vec<String> = files
        .iter()
        .flat_map(|(path, text)| lines(path, text))
        .collect();
    findings.extend(dependencies(&manifest, &architecture));
    findings.extend(packages(&files));
    let count = findings.len();
    assert!(count == 0, "{count} findings:\n{}", findings.join("\n"));
}

#[test]
fn every_rule_catches_its_snapshot_alone() {
    let unsafe_block = concat!("//! A.\nfn f() {\n    uns", "afe { g() }\n}\n");
    let explained = unsafe_block.replace("    ", concat!("    // SAF", "ETY: g.\n    "));
    let atomic = concat!("//! A.\nuse core::sync::", "atomic::AtomicU8;\n");
    let path = format!("cd {}x\n", concat!("/ho", "me/"));
    let wide = format!("//! A.\n// {}\n", "x".repeat(98));
    let long = format!("//! A.\n{}", "\n".repeat(450));
    let function = format!("//! A.\nfn f() {{\n{}}}\n", "    g();\n".repeat(69));
    let mut snapshots = vec![
        ("a/b.rs", "fn f() {}\n", "a/b.rs:1: begin with"),
        (
            "a/utils.rs",
            "//! A.\n",
            "a/utils.rs:1: `utils` says nothing",
        ),
        ("a/b.rs", &wide, "a/b.rs:2: 101 columns"),
        ("a/b.rs", &long, "a/b.rs:451: more than 450"),
        ("a/b.rs", &function, "a/b.rs:2: function of 71 lines"),
        ("a/b.rs", atomic, "a/b.rs:2: import atomics"),
        ("a/b.rs", &explained, "a/b.rs:4: unsafe outside"),
        (
            "ringbuf/src/view.rs",
            unsafe_block,
            "ringbuf/src/view.rs:3: write `// SAFETY:`",
        ),
        (
            "a/b.go",
            "package a\n\nimport \"unsafe\"\n",
            "a/b.go:3: move this",
        ),
        (
            "client-go/go.mod",
            "require a.b/c v1.0.0\n",
            "client-go/go.mod:1: the Go client",
        ),
        ("a/b.sh", &path, "a/b.sh:1: `"),
    ];
    snapshots.extend(
        rules::WORDS
            .iter()
            .map(|(word, _)| ("a/b.md", *word, "a/b.md:1: `")),
    );
    for (path, text, wanted) in snapshots {
        let findings = lines(path, text);
        assert_eq!(findings.len(), 1, "{wanted}: {findings:?}");
        assert!(findings[0].starts_with(wanted), "{wanted}: {findings:?}");
    }
    let table = format!("//! A.\n#[rustfmt::skip]\nt! {{\n{}\n}}\n", "x".repeat(120));
    assert_eq!(lines("a/b.rs", &table), [""; 0]);
}

#[test]
fn an_undefended_dependency_and_an_undescribed_package_are_found() {
    let manifest =
        "[workspace.dependencies]\nloom = \"0.7\"\nlayout = { path = \"l\" }\n[a]\nb = 1\n";
    assert_eq!(dependencies(manifest, "| `loom` | models |"), [""; 0]);
    assert!(dependencies(manifest, "| `loom` | |")[0].starts_with("Cargo.toml:2: ARCHITECTURE.md"));
    let package = |text: &str| packages(&[("a/b.go".to_owned(), text.to_owned())]).len();
    assert_eq!(package("//go:build linux\n\npackage a\n"), 1);
    assert_eq!(package("// Package a is b.\npackage a\n"), 0);
}
