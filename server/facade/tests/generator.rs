//! `outrigger schema` and `outrigger gen go`: from a binary, a file and a running
//! server; and what they refuse.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use outrigger::Code;
use outrigger::generate::Document;

mod process;

use process::{Sidecar, folder, testbed};

fn outrigger(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_outrigger"))
        .args(args)
        .output()
        .expect("it runs")
}

fn stdout(args: &[&str]) -> String {
    let output = outrigger(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8(output.stdout).expect("text")
}

fn failure(args: &[&str]) -> (Option<i32>, String) {
    let output = outrigger(args);
    let text = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.trim_end().to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("an ASCII path")
}

#[test]
fn binary_file_and_server_give_the_same_schema_and_the_same_go() {
    let sidecar = Sidecar::start(&[]);
    let folder = folder();
    let binary = testbed();
    let file = folder.join("schema.json");
    let server = format!("unix://{}", sidecar.socket());
    let from_binary = stdout(&["schema", "--from", text(&binary)]);
    fs::write(&file, &from_binary).expect("a file");
    assert_eq!(stdout(&["schema", "--from", text(&file)]), from_binary);
    assert_eq!(stdout(&["schema", "--from", &server]), from_binary);
    let document = Document::read(from_binary.as_bytes()).expect("a document");
    let names = document.services.iter().map(|service| &*service.name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["albums", "dictionary", "kitchens", "timers"]
    );

    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../client-go/internal");
    let out = text(&folder);
    for from in [text(&binary), text(&file), &*server] {
        let report = stdout(&["gen", "go", "--from", from, "--out", out]);
        assert_eq!(report.lines().count(), 8, "{report}");
        for path in
            ["albums", "kitchens", "timers"].map(|name| Path::new(name).join("messages_gen.go"))
        {
            let written = fs::read_to_string(folder.join(&path)).expect("it was written");
            let wanted = fs::read_to_string(committed.join(&path)).expect("it is committed");
            assert!(written == wanted, "{from}: {}", path.display());
        }
        stdout(&["gen", "go", "--from", from, "--out", out, "--check"]);
        fs::remove_dir_all(folder.join("timers")).expect("a package");
        let only = ["--service", "timers"];
        let report = stdout(&[&["gen", "go", "--from", from, "--out", out][..], &only].concat());
        assert_eq!(report.lines().count(), 2, "{report}");
    }
    let stale = folder.join("timers/client_gen.go");
    fs::write(&stale, "package timers\n").expect("a file");
    let check = [
        "gen",
        "go",
        "--from",
        text(&binary),
        "--out",
        out,
        "--check",
    ];
    let (code, error) = failure(&check);
    assert_eq!(code, Some(76));
    assert!(
        error.contains("client_gen.go:1: stale: run `outrigger gen go` again"),
        "{error}"
    );
    fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn the_methods_of_every_server_have_a_package_and_are_in_no_other() {
    let folder = folder();
    let out = text(&folder);
    let report = stdout(&["gen", "go", "--from", "builtin", "--out", out]);
    assert_eq!(report.lines().count(), 2, "{report}");
    let client = fs::read_to_string(folder.join("builtin/client_gen.go")).expect("it was written");
    assert!(client.contains("\npackage builtin\n"));
    let document = Document::read(stdout(&["schema", "--from", "builtin"]).as_bytes());
    let document = document.expect("a document");
    let methods = document.services[0].methods.iter();
    let methods: Vec<_> = methods.map(|method| &*method.name).collect();
    assert_eq!(
        (&*document.services[0].name, &*methods),
        ("outrigger", &["version", "methods"][..])
    );
    fs::remove_dir_all(&folder).expect("the folder");

    let (code, error) = failure(&[
        "gen",
        "go",
        "--from",
        text(&testbed()),
        "--service",
        "outrigger",
    ]);
    assert_eq!(code, Some(69));
    assert!(
        error.contains("service outrigger (there are: albums,"),
        "{error}"
    );
}

#[test]
fn views_are_unchecked_only_if_that_is_asked_for() {
    let (folder, binary) = (folder(), testbed());
    let out = text(&folder);
    let all = ["gen", "go", "--from", text(&binary), "--out", out];
    let messages = folder.join("timers/messages_gen.go");
    stdout(&all);
    let checked = fs::read_to_string(&messages).expect("it was written");
    assert!(!checked.contains("Unchecked"));
    stdout(&[&all[..], &["--unchecked-views"]].concat());
    let unchecked = fs::read_to_string(&messages).expect("it was written");
    assert!(unchecked.contains("\tref     rkyv.UncheckedRef\n"));
    assert!(unchecked.contains("WARNING: generated with --unchecked-views"));
    stdout(&[&all[..], &["--unchecked-views", "--check"]].concat());
    assert_eq!(failure(&[&all[..], &["--check"]].concat()).0, Some(76));
    fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn services_that_cannot_be_go_packages_are_refused() {
    let mut document = Document::default();
    let mut service = |name: &str| {
        document.services = vec![outrigger::__private::schema::Service {
            name: name.to_owned(),
            rust_name: "Service".to_owned(),
            doc: String::new(),
            constants: Vec::new(),
            methods: Vec::new(),
        }];
        document.clone()
    };
    for name in ["type", "main", "internal", "1x", "a.b", "Ünï", "_"] {
        let error = outrigger::generate::go(&service(name), &[]).expect_err(name);
        assert!(
            error.message().contains("cannot be a Go package"),
            "{error}"
        );
    }
    let mut both = service("kitchens");
    both.services.extend(service("kitch_ens").services);
    let error = outrigger::generate::go(&both, &[]).expect_err("one package for two");
    assert!(
        error
            .message()
            .ends_with("another one has the package kitchens"),
        "{error}"
    );
}

#[test]
fn what_is_no_schema_is_refused_in_words() {
    let folder = folder();
    let file = folder.join("schema");
    for (content, code, words) in [
        ("", 64, "schema is neither a sidecar binary nor a schema"),
        (
            "[package]\n",
            64,
            "schema is neither a sidecar binary nor a schema",
        ),
        ("{\"version\":", 65, "schema: EOF while parsing"),
        ("[1, 2]", 65, "schema: invalid type"),
        (
            r#"{"version":2,"format":"rkyv 0.9","services":[],"types":[]}"#,
            76,
            "schema version 2, format \"rkyv 0.9\" (allowed: 1, \"rkyv 0.8",
        ),
        (
            "#!/bin/sh\nexit 3\n",
            64,
            "schema` failed (allowed: a binary whose main is",
        ),
        ("#!/bin/sh\necho '{}'\n", 65, "schema: missing field"),
        (
            "#!/bin/sh\necho hello from main\necho '{}'\n",
            64,
            "schema printed \"hello from main\" and no schema: \
             a sidecar's main must not write to standard output before cli()",
        ),
        ("#!/bin/sh\n", 64, "schema` failed (allowed: a binary whose"),
    ] {
        fs::write(&file, content).expect("a file");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&file, executable).expect("permissions");
        let (seen, error) = failure(&["schema", "--from", text(&file)]);
        assert!(error.contains(words), "{content:?}: {error}");
        assert_eq!(seen, Some(code), "{content:?}: {error}");
    }
    let (code, error) = failure(&["schema", "--from", "/does/not/exist"]);
    assert_eq!(code, Some(64), "{error}");
    assert!(
        error.contains(": build it first (allowed: a sidecar binary, a JSON file, unix:///path"),
        "{error}"
    );
    let (code, error) = failure(&["schema", "--from", "unix:///does/not/exist"]);
    assert_eq!(code, Some(69), "{error}");
    let binary = testbed();
    let generate = ["gen", "go", "--from", text(&binary), "--out", text(&folder)];
    let (code, error) = failure(&[&generate[..], &["--service", "nope"]].concat());
    assert_eq!(code, Some(69), "{error}");
    let words = "not found: service nope (there are: albums, dictionary, kitchens, timers)";
    assert!(error.contains(words), "{error}");
    fs::remove_dir_all(&folder).expect("the folder");
    assert_eq!(
        outrigger::server::exit_code(&outrigger::Error::new(Code::NOT_FOUND, "")),
        69
    );
}
