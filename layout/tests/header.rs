//! The C headers are a contract too: they compile as C and C++ without a warning,
//! and a C program reads the golden bytes as Rust and Go do.
//!
//! Without a compiler the tests say `not run: cc` or `not run: c++`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use outrigger_layout::code::CODES;
use serde_json::Value;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Compiles a program from standard input; `None` if there is no such compiler.
fn compile(compiler: &str, arguments: &[&str], program: &str) -> Option<Output> {
    let child = Command::new(compiler)
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .arg(format!("-I{CRATE}/include"))
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        // Not by `println!`, which a test that passes keeps to itself.
        let _ = writeln!(std::io::stderr(), "\nnot run: {compiler}");
        return None;
    };
    let mut input = child.stdin.take().expect("piped");
    input
        .write_all(program.as_bytes())
        .expect("the compiler reads");
    drop(input);
    Some(child.wait_with_output().expect("the compiler ends"))
}

fn assert_compiles(compiler: &str, language: [&str; 2], program: &str) {
    let [language, standard] = language;
    let arguments = ["-x", language, standard, "-fsyntax-only"];
    if let Some(output) = compile(compiler, &arguments, program) {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{compiler} {standard}:\n{errors}");
    }
}

const C11: [&str; 2] = ["c", "-std=c11"];
const CXX17: [&str; 2] = ["c++", "-std=c++17"];

#[test]
fn fb_25_the_abi_header_compiles_as_c11_and_as_cxx17() {
    assert_compiles("cc", C11, "#include \"outrigger_abi.h\"\n");
    assert_compiles("c++", CXX17, "#include \"outrigger_abi.h\"\n");
}

#[test]
fn fb_25_the_codes_header_stands_alone_as_c11_and_as_cxx17() {
    let program = "#include \"outrigger_codes.h\"\n\
                   int main(void) { return outrigger_code_text(OUTRIGGER_OK) == 0; }\n";
    assert_compiles("cc", C11, program);
    assert_compiles("c++", CXX17, program);
}

#[test]
fn fb_22_a_c_program_reads_the_golden_bytes_as_rust_and_go_do() {
    let executable = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden-c");
    let path = executable.to_str().expect("UTF-8");
    let arguments = ["-x", "c", "-std=c11", "-o", path];
    let Some(output) = compile("cc", &arguments, &program()) else {
        return;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let output = Command::new(&executable).output().expect("it runs");
    let differences = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "C differs from Rust:\n{differences}"
    );
}

/// A C program that compares every field of every golden vector, and every code.
fn program() -> String {
    let mut out = String::from(
        "#include \"outrigger_abi.h\"\n#include <stdio.h>\n#include <string.h>\n\
         static int failed;\n\
         static void check(uint64_t seen, uint64_t wanted, const char *what) {\n\
         if (seen != wanted) { failed = 1; puts(what); }\n}\n\
         int main(void) {\n",
    );
    for path in golden_files() {
        let text = fs::read_to_string(path).expect("a golden file");
        let vectors: Vec<Value> = serde_json::from_str(&text).expect("an array");
        vectors.iter().for_each(|vector| block(&mut out, vector));
    }
    for row in CODES {
        let (name, text) = (row.name, row.text);
        writeln!(out, "check(OUTRIGGER_{name}, {}, {text:?});", row.value).unwrap();
        let call = format!("outrigger_code_text(OUTRIGGER_{name})");
        writeln!(out, "check(strcmp({call}, {text:?}) != 0, 0, {text:?});").unwrap();
    }
    out.push_str("check(outrigger_code_text(24) != 0, 0, \"code 24\");\nreturn failed;\n}\n");
    out
}

fn golden_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(CRATE).join("golden")).expect("layout/golden");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// Copies one vector's bytes into its struct and compares the fields.
fn block(out: &mut String, vector: &Value) {
    let text = |key: &str| vector[key].as_str().expect("a string");
    let mut kind = String::from("outrigger");
    for c in text("type").chars() {
        if c.is_ascii_uppercase() {
            kind.push('_');
        }
        kind.push(c.to_ascii_lowercase());
    }
    let mut bytes = String::new();
    for digits in text("hex").as_bytes().chunks(2) {
        write!(bytes, "0x{}, ", String::from_utf8_lossy(digits)).unwrap();
    }
    let title = format!("{} {}", text("type"), text("name"));
    write!(
        out,
        "{{ static const unsigned char bytes[] = {{ {bytes} }};\n{kind} v;\n\
         check(sizeof bytes, sizeof v, {title:?});\nmemcpy(&v, bytes, sizeof v);\n"
    )
    .unwrap();
    checks(out, &title, "v", &vector["fields"]);
    out.push_str("}\n");
}

/// One comparison for each number below `place`, a C expression.
fn checks(out: &mut String, title: &str, place: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                checks(out, title, &format!("{place}.{name}"), value);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                checks(out, title, &format!("{place}[{index}]"), value);
            }
        }
        number => {
            let number = number.as_str().expect("a decimal string");
            let what = format!("{title}: {place}");
            writeln!(out, "check({place}, UINT64_C({number}), {what:?});").unwrap();
        }
    }
}
