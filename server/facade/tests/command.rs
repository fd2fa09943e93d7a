//! The command line: what it prints, and its exit codes.

use std::process::{Command, Output};

mod process;

use process::{Sidecar, testbed};

fn outrigger(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_outrigger"))
        .args(args)
        .output()
        .expect("it runs")
}

/// Exit code and the one line on standard error.
fn failure(args: &[&str]) -> (i32, String) {
    let output = outrigger(args);
    let text = String::from_utf8(output.stderr).expect("text");
    (
        output.status.code().expect("an exit code"),
        text.trim_end().to_owned(),
    )
}

fn stdout(args: &[&str]) -> String {
    let output = outrigger(args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn help_names_every_command_and_exits_0() {
    let text = stdout(&["--help"]);
    for command in ["serve", "call", "ping", "methods"] {
        assert!(text.contains(&format!("  {command} ")), "{text}");
        assert!(stdout(&[command, "--help"]).contains("--socket <PATH>"));
    }
    for command in [&["schema"][..], &["gen", "go"]] {
        assert!(text.contains(&format!("  {} ", command[0])), "{text}");
        let help = stdout(&[command, &["--help"]].concat());
        assert!(help.contains("--from <SOURCE>"), "{help}");
    }
    assert_eq!(
        stdout(&["--version"]).trim(),
        concat!("outrigger ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn nonsense_flags_exit_64() {
    for args in [
        &["serv"][..],
        &["serve"],
        &["serve", "--socket", "/tmp/x", "--wait", "never"],
        &["serve", "--socket", "/tmp/x", "--credits", "0"],
        &["serve", "--socket", "/tmp/x", "--payload-max", "2G"],
        &["serve", "--socket", "/tmp/x", "--arena-bytes", "0"],
        &[
            "serve",
            "--socket",
            "/tmp/x",
            "--arena-bytes",
            "99999999999G",
        ],
        &["serve", "--socket", "/tmp/x", "--uid-bytes", "many"],
        &["ping", "--socket", "/tmp/x", "--count", "many"],
        &[],
    ] {
        let output = outrigger(args);
        assert_ne!(output.status.code(), Some(1), "{args:?}");
        assert!(
            !output.status.success() && !output.stderr.is_empty(),
            "{args:?}"
        );
        assert_eq!(output.status.code(), Some(64), "{args:?}");
    }
}

#[test]
fn a_sidecar_with_a_method_twice_or_without_a_name_exits_64_and_says_which() {
    for (name, text) in [
        ("test.fail", "method test.fail is registered twice"),
        ("kitchens.echo", "method kitchens.echo is registered twice"),
        ("", "empty method name (allowed: 1 to 255 bytes)"),
    ] {
        for words in [&["schema"][..], &["serve", "--socket", "/tmp/never.sock"]] {
            let mut sidecar = Command::new(testbed());
            sidecar.env("OUTRIGGER_TESTBED_HANDLER", name).args(words);
            let output = sidecar.output().expect("it runs");
            assert_eq!(output.status.code(), Some(64), "{name:?}");
            let error = String::from_utf8(output.stderr).expect("text");
            let wanted = format!("outrigger: invalid_argument: invalid argument: {text}\n");
            assert_eq!((error, output.stdout), (wanted, Vec::new()));
        }
    }
}

#[test]
fn a_socket_that_cannot_be_is_one_line_that_says_what_to_do() {
    let long = format!("/tmp/{}/s", "n".repeat(120));
    let (code, text) = failure(&["serve", "--socket", &long]);
    assert_eq!(code, 64);
    assert_eq!(
        text,
        "socket path of 127 bytes (maximum 107): choose a folder with a shorter name"
    );
    let (code, text) = failure(&["serve", "--socket", "/proc/outrigger.sock"]);
    assert_eq!(code, 73, "{text}");
    assert!(
        text.contains("is its folder writable?") && text.lines().count() == 1,
        "{text}"
    );
    let (code, text) = failure(&["serve", "--socket", "/nowhere/at/all/s"]);
    assert_eq!(code, 73, "{text}");
    assert!(text.contains("create it first"), "{text}");
    let (code, text) = failure(&["serve", "--socket", "/etc/hostname"]);
    assert_eq!(code, 64, "{text}");
    assert!(text.contains("is no socket"), "{text}");
}

#[test]
fn no_server_exits_69_and_says_so() {
    let (code, text) = failure(&["methods", "--socket", "/tmp/outrigger-nobody-serves-this"]);
    assert_eq!(code, 69, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn call_ping_and_methods_reach_a_sidecar() {
    let sidecar = Sidecar::start(&[]);
    let socket = sidecar.socket();
    fn call<'a>(socket: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
        [&["call", "--socket", socket], rest].concat()
    }
    assert_eq!(
        stdout(&call(&socket, &["outrigger.echo", "hello"])),
        "hello"
    );
    assert_eq!(
        stdout(&call(
            &socket,
            &["--json", "test.json.sum", r#"{"a":2,"b":40}"#]
        )),
        "42"
    );
    assert_eq!(
        stdout(&call(&socket, &["outrigger.version"])),
        env!("CARGO_PKG_VERSION")
    );
    let methods = stdout(&["methods", "--socket", &socket]);
    assert!(
        methods.lines().any(|line| line == "test.panic"),
        "{methods}"
    );
    let ping = stdout(&["ping", "--socket", &socket, "--count", "50"]);
    assert!(ping.starts_with("50 round trips to "), "{ping}");
    let (code, text) = failure(&call(&socket, &["nope"]));
    assert_eq!(
        (code, &*text),
        (69, "outrigger: not_found: not found: nope")
    );
    let (code, text) = failure(&call(&socket, &["--json", "test.json.sum", "{"]));
    assert_eq!(code, 65, "{text}");
    let (code, text) = failure(&call(&socket, &["--timeout", "50", "test.sleep", "500"]));
    assert_eq!(
        (code, &*text),
        (75, "outrigger: timeout: operation timed out")
    );
    sidecar.stop();
}

#[test]
fn logs_go_to_standard_error_at_the_level_of_flag_then_environment_then_warn() {
    let place = process::folder();
    let socket = place.join("s");
    let logs = |flag: Option<&str>, environment: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outrigger"));
        command
            .args(["serve", "--socket"])
            .arg(&socket)
            .env_remove("OUTRIGGER_LOG");
        command.args(flag.into_iter().flat_map(|level| ["--log-level", level]));
        command.envs(environment.map(|level| ("OUTRIGGER_LOG", level)));
        let stderr = std::process::Stdio::piped();
        let stdout = std::process::Stdio::piped();
        let mut child = command
            .stderr(stderr)
            .stdout(stdout)
            .spawn()
            .expect("it runs");
        process::eventually("it listens", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        child.wait().expect("it ends");
        let output = child.wait_with_output().expect("its output");
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr)
            .expect("text")
            .contains("INFO")
    };
    assert!(!logs(None, None), "warn by default");
    assert!(logs(Some("info"), None));
    assert!(logs(None, Some("debug")));
    assert!(!logs(Some("error"), Some("trace")), "the flag wins");
    std::fs::remove_dir(&place).expect("nothing is left behind");
}
