//! The Go packages of the testbed's services, which the Go client's tests use, are
//! what would be generated today. `OUTRIGGER_REWRITE=1` writes them.

use std::path::Path;

use outrigger::{Server, generate};

#[allow(dead_code, reason = "here are its services")]
#[path = "../examples/testbed/albums.rs"]
mod albums;
#[allow(dead_code, reason = "here are its services")]
#[path = "../examples/testbed/diaries.rs"]
mod diaries;
#[allow(dead_code, reason = "here are its services")]
#[path = "../examples/testbed/kitchen.rs"]
mod kitchen;
#[allow(dead_code, reason = "here are its services")]
#[path = "../examples/testbed/timers.rs"]
mod timers;
#[allow(dead_code, reason = "here are its services")]
#[path = "../examples/testbed/words.rs"]
mod words;

#[test]
fn the_go_packages_of_the_testbed_are_fresh() {
    let builder = Server::builder()
        .service(albums::AlbumsServer::new(albums::Photographer))
        .service(kitchen::KitchensServer::new(kitchen::Cook))
        .service(timers::TimersServer::new(timers::Talking::default()))
        .service(words::DictionaryServer::new(words::Book));
    // A type's path, which tells types of one name apart, is no part of the Go.
    let schema = builder.registry().schema();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../client-go/internal");
    if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
        generate::write_go(&schema, &folder).expect("it can be written");
    }
    generate::check_go(&schema, &folder).expect("OUTRIGGER_REWRITE=1 cargo test writes it");
}

#[test]
fn the_go_package_of_the_built_in_methods_is_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../client-go");
    let fresh = generate::check_go(&outrigger::server::builtin_schema(), &folder);
    fresh.expect("`make gen` writes it");
}

/// Each version of the service that the tests of evolution call has a folder.
#[test]
fn the_go_packages_of_older_and_other_versions_are_fresh() {
    let versions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../client-go/internal/versions");
    for version in ["first", "second", "branch", "rewritten"] {
        let builder = Server::builder();
        diaries::serve(&builder.registry(), version).expect("a version");
        let (schema, folder) = (builder.registry().schema(), versions.join(version));
        if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
            generate::write_go(&schema, &folder).expect("it can be written");
        }
        generate::check_go(&schema, &folder).expect("OUTRIGGER_REWRITE=1 cargo test writes it");
    }
}

#[test]
fn docs_and_constants_reach_go_and_stale_code_is_seen_nf31() {
    let builder = Server::builder()
        .service(kitchen::KitchensServer::new(kitchen::Cook))
        .service(words::DictionaryServer::new(words::Book));
    let mut schema = builder.registry().schema();
    let files = generate::go(&schema, &[]).expect("a package");
    for (file, wanted) in [
        (
            1,
            "\t// The name of what a package has anyway.\n\t\
             ClientConstant string = \"a\\u0000b\"\n",
        ),
        (1, "\t// Half is HALF of the service.\n\tHalf uint32 = 2\n"),
        (
            2,
            "// Colors with numbers of their own.\ntype Color uint8\n",
        ),
        (2, "\t// The first.\n\tColorRed Color = 3\n"),
        (2, "\t// Far away.\n\tColorBlue Color = 200\n"),
        (2, "\t// A text, in place up to 8 bytes.\n\tName string\n"),
        (
            2,
            "// A text, in place up to 8 bytes.\nfunc (v KitchenView) Name() string {",
        ),
        (
            2,
            "\t// A text and bytes.\n\tShapeTagLabelled ShapeTag = 3\n",
        ),
        (3, "// Sends kitchens back and forth.\n"),
        (3, "// Takes the message apart and writes it again.\n"),
    ] {
        assert!(files[file].text.contains(wanted), "{wanted:?}");
    }
    let folder = std::env::temp_dir().join(format!("or-stale-{}", std::process::id()));
    generate::write_go(&schema, &folder).expect("it can be written");
    generate::check_go(&schema, &folder).expect("it was just written");
    let former = schema.clone();
    schema.services[0].methods[0].doc = "Says something else.".to_owned();
    let stale = generate::check_go(&schema, &folder).expect_err("the doc has changed");
    let words = "stale: run `outrigger gen go` again";
    assert!(stale.message().contains(words), "{stale}");
    let mut schema = former;
    schema.services[0].constants[5].value = "3".to_owned();
    let stale = generate::check_go(&schema, &folder).expect_err("a constant has changed");
    assert!(stale.message().contains(words), "{stale}");
    std::fs::remove_dir_all(&folder).expect("the folder");
}
