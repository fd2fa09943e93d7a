//! Go packages of typed services: what the command `outrigger gen go` writes, for
//! build scripts and for tests that generated code is fresh.
//!
//! ```no_run
//! # use outrigger::{Server, generate};
//! # fn main() -> Result<(), outrigger::Error> {
//! let builder = Server::builder(); // .service(…)
//! generate::check_go(&builder.registry().schema(), "../node".as_ref())?;
//! # Ok(())
//! # }
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use outrigger_layout::generate::messages;
pub use outrigger_layout::schema::Document;

use crate::{Code, Error};

/// One file of a package.
///
/// ```
/// use outrigger::generate::GoFile;
/// let file = GoFile { path: "greeter/doc.go".into(), text: "package greeter\n".to_owned() };
/// let folder = std::env::temp_dir().join(format!("outrigger-gofile-{}", std::process::id()));
/// assert!(file.check(&folder).is_err()); // not there yet
/// file.write(&folder)?;
/// file.check(&folder)?;
/// # std::fs::remove_dir_all(&folder).map_err(outrigger::Error::handler)?;
/// # Ok::<(), outrigger::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoFile {
    /// Its path, below the folder that all packages are in: `greeter/client_gen.go`.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
}

/// The packages of these services, of all if none is named. Each has the service's
/// name without underscores, and a folder of that name.
///
/// ```
/// use outrigger::{Server, generate};
/// # use outrigger::{Archived, Error};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// # #[outrigger::service]
/// # pub trait Greeter {
/// #     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error>;
/// # }
/// # struct Polite;
/// # impl Greeter for Polite {
/// #     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error> {
/// #         Ok(Greeting { text: format!("good day, {}", person.name) })
/// #     }
/// # }
/// let builder = Server::builder().service(GreeterServer::new(Polite));
/// let files = generate::go(&builder.registry().schema(), &["greeter".to_owned()])?;
/// let paths: Vec<_> = files.iter().map(|file| file.path.to_str().unwrap()).collect();
/// assert_eq!(paths, ["greeter/messages_gen.go", "greeter/client_gen.go"]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// NOT_FOUND for a service that is not there, or if there is none at all;
/// INVALID_ARGUMENT for what Go cannot have.
pub fn go(document: &Document, services: &[String]) -> Result<Vec<GoFile>, Error> {
    let all = || document.services.iter();
    if document.services.is_empty() {
        return Err(Error::not_found("a typed service (the source has none)"));
    }
    for name in services {
        if !all().any(|service| service.name == *name) {
            let names = all().map(|service| &*service.name).collect::<Vec<_>>();
            let names = names.join(", ");
            return Err(Error::not_found(&format!(
                "service {name} (there are: {names})"
            )));
        }
    }
    let mut files = Vec::new();
    for service in all() {
        if !services.is_empty() && !services.contains(&service.name) {
            continue;
        }
        let package = package_name(&service.name)?;
        let folder = Path::new(&package);
        if files
            .iter()
            .any(|file: &GoFile| file.path.starts_with(folder))
        {
            let text = format!(
                "service {}: another one has the package {package}",
                service.name
            );
            return Err(Error::invalid_argument(text));
        }
        let generated = messages::package(document, service, &package).map_err(|error| {
            Error::invalid_argument(format!("service {}: {error}", service.name))
        })?;
        files.extend(generated.into_iter().map(|file| GoFile {
            path: Path::new(&package).join(file.name),
            text: file.text,
        }));
    }
    Ok(files)
}

/// Words that cannot name a Go package, or should not.
#[rustfmt::skip]
const NO_PACKAGES: &[&str] = &[
    "break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough",
    "for", "func", "go", "goto", "if", "import", "interface", "map", "package", "range",
    "return", "select", "struct", "switch", "type", "var",
    "main", "internal", "vendor", "documentation", "testdata",
];

/// The service of the built-in methods, and its package: that of its name would be taken
/// for the client's own.
const BUILT_IN: (&str, &str) = ("outrigger", "builtin");

/// The package of a service: its name, without the underscores that Go shuns.
fn package_name(service: &str) -> Result<String, Error> {
    let package = match service {
        name if name == BUILT_IN.0 => BUILT_IN.1.to_owned(),
        name => name.replace('_', ""),
    };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let begins = package.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || !package.chars().all(allowed) || NO_PACKAGES.contains(&&*package) {
        return Err(Error::invalid_argument(format!(
            "service {service} cannot be a Go package: name it by \
             #[outrigger::service(name = \"…\")]"
        )));
    }
    Ok(package)
}

/// Writes the packages of all services below `folder`; returns the paths.
///
/// ```no_run
/// use outrigger::{Server, generate};
/// # use outrigger::{Archived, Error};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// # #[outrigger::service]
/// # pub trait Greeter {
/// #     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error>;
/// # }
/// # struct Polite;
/// # impl Greeter for Polite {
/// #     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error> {
/// #         Ok(Greeting { text: format!("good day, {}", person.name) })
/// #     }
/// # }
/// let builder = Server::builder().service(GreeterServer::new(Polite));
/// for path in generate::write_go(&builder.registry().schema(), "../node".as_ref())? {
///     println!("wrote {}", path.display());
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// As [`go`]; INVALID_ARGUMENT for a path that cannot be written.
pub fn write_go(document: &Document, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let files = go(document, &[])?.into_iter();
    files.map(|file| file.write(folder)).collect()
}

/// Fails if a package below `folder` is not what would be written.
///
/// ```
/// use outrigger::{Server, generate};
/// # use outrigger::{Archived, Error};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// # #[outrigger::service]
/// # pub trait Greeter {
/// #     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error>;
/// # }
/// # struct Polite;
/// # impl Greeter for Polite {
/// #     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Error> {
/// #         Ok(Greeting { text: format!("good day, {}", person.name) })
/// #     }
/// # }
/// let builder = Server::builder().service(GreeterServer::new(Polite));
/// let folder = std::env::temp_dir().join(format!("outrigger-check-{}", std::process::id()));
/// let schema = builder.registry().schema();
/// generate::write_go(&schema, &folder)?;
/// generate::check_go(&schema, &folder)?; // in a test: of the committed folder
///
/// std::fs::write(folder.join("greeter/client_gen.go"), "package greeter").unwrap();
/// let stale = generate::check_go(&schema, &folder).unwrap_err();
/// assert!(stale.message().contains("stale: run `outrigger gen go` again"));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// As [`go`]; VERSION_MISMATCH with the first line that differs.
pub fn check_go(document: &Document, folder: &Path) -> Result<(), Error> {
    let files = go(document, &[])?;
    files.iter().try_for_each(|file| file.check(folder))
}

impl GoFile {
    /// The file with views that do not check bounds. The archive is validated as ever;
    /// but if its bytes change afterwards, or a view is used after `Release`, any
    /// memory may be read. What it saves is in the order of a nanosecond a field.
    ///
    /// ```
    /// use outrigger::generate::GoFile;
    /// let text = "package greeter\n\ntype GreetingView struct {\n\tref rkyv.Ref\n}\n";
    /// let file = GoFile { path: "greeter/messages_gen.go".into(), text: text.to_owned() };
    /// assert!(file.with_unchecked_views().text.contains("rkyv.UncheckedRef"));
    /// ```
    #[must_use]
    pub fn with_unchecked_views(self) -> Self {
        let text = messages::with_unchecked_views(&self.text);
        Self { text, ..self }
    }

    /// Writes the file below `folder`; returns its path.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if that cannot be done.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Error> {
        let path = folder.join(&self.path);
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, &self.text));
        match written {
            Ok(()) => Ok(path),
            Err(error) => {
                let text = format!("{}: {error}", path.display());
                Err(Error::invalid_argument(text))
            }
        }
    }

    /// Fails if the file below `folder` is not this one.
    ///
    /// # Errors
    /// VERSION_MISMATCH with the first line that differs.
    pub fn check(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(&self.path);
        let found = fs::read_to_string(&path).unwrap_or_default();
        if found == self.text {
            return Ok(());
        }
        let both = found.lines().zip(self.text.lines());
        let line = both.take_while(|(found, wanted)| found == wanted).count() + 1;
        let text = format!(
            "{}:{line}: stale: run `outrigger gen go` again",
            path.display()
        );
        Err(Error::with_details(Code::VERSION_MISMATCH, &[&text]))
    }
}
