//! Go packages of services: messages and clients.
//!
//! ```text
//!   Document ─▶ Types (who is used, what Go calls it)
//!                 ├─▶ structs, enums ──┐
//!                 ├─▶ builders ────────┤
//!                 ├─▶ functions ───────┼─▶ messages_gen.go
//!                 └─▶ client ──────────┴─▶ client_gen.go
//! ```
//!
//! The code stands on package `rkyv` of the Go module, which knows the format; what
//! is generated knows sizes and offsets, and gets them from the document alone.
//! Each type has up to six functions, by which it is written and read:
//!
//! ```text
//!   partsT(e, x)       what x points to, before it     checkT(c, at)  is it a T?
//!   fixedT(e, at, x)   x itself                        viewT(r), aliasT(r), loadT(r)
//! ```

mod adapters;
mod builders;
mod client;
mod constants;
mod enums;
mod functions;
mod identity;
mod names;
mod operations;
mod results;
mod sound;
mod structs;
mod text;
mod types;
mod unchecked;

use core::fmt;

use crate::schema::{Document, Kind, Service};
use functions::Functions;
use text::{BANNER, line};
use types::Types;
pub use unchecked::with_unchecked_views;

/// One file of a generated package.
///
/// ```
/// use outrigger_layout::generate::messages;
/// use outrigger_layout::schema::Document;
/// let file = messages::messages(&Document::default(), &[], "greeter").unwrap();
/// assert_eq!(file.name, "messages_gen.go");
/// assert!(file.text.ends_with("package greeter\n"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Whole content.
    pub text: String,
}

/// Why no package can be generated: what of the document Go cannot have, and what
/// to do instead.
///
/// ```
/// use outrigger_layout::generate::messages;
/// use outrigger_layout::schema::Document;
/// let newer = Document { version: 2, ..Document::default() };
/// let unsupported = messages::messages(&newer, &[], "greeter").unwrap_err();
/// assert!(unsupported.to_string().contains("schema version 2"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    reason: String,
}

impl Unsupported {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl core::error::Error for Unsupported {}

/// The Go package of a service: its messages, and a client.
///
/// ```
/// use outrigger_layout::generate::messages;
/// use outrigger_layout::schema::{
///     Document, Kind, Method, Service, Type, canonical, fingerprint, hex,
/// };
/// let mut document = Document::default();
/// document.types.push(Type { size: 0, align: 1, kind: Kind::Unit });
/// let mut ping = Method {
///     name: "ping".to_owned(),
///     doc: "Answers.".to_owned(),
///     request: 0,
///     reply: 0,
///     error: None,
///     attachments: false,
///     placement: "inline".to_owned(),
///     codecs: vec!["rkyv".to_owned()],
///     fingerprint: String::new(),
///     older: Vec::new(),
/// };
/// ping.fingerprint = hex(&fingerprint(&canonical(&document, &ping)));
/// let service = Service {
///     name: "echo".to_owned(),
///     rust_name: "Echo".to_owned(),
///     doc: String::new(),
///     constants: Vec::new(),
///     methods: vec![ping],
/// };
/// document.services.push(service.clone());
/// let files = messages::package(&document, &service, "echo").unwrap();
/// assert!(files[1].text.contains("func (c *Client) Ping(ctx context.Context) error {"));
/// ```
///
/// # Errors
/// If the document has what Go cannot, such as a method whose request is neither
/// struct nor enum.
pub fn package(
    document: &Document,
    service: &Service,
    package_name: &str,
) -> Result<Vec<File>, Unsupported> {
    let methods = || service.methods.iter();
    let roots =
        methods().flat_map(|method| [Some(method.request), Some(method.reply), method.error]);
    let mut roots: Vec<u32> = roots.flatten().collect();
    sound::check(document)?;
    sound::check_service(service)?;
    client::check(document, service)?;
    let has_value = |root: &u32| document.types[*root as usize].kind != Kind::Unit;
    roots.retain(has_value);
    let replies = methods().map(|method| method.reply).filter(has_value);
    let replies: Vec<u32> = replies.collect();
    let types = Types::of(document, &roots)?;
    let opening = format!(
        "// Package {package_name} has the messages of the service {}, and a client for it.\n",
        service.name
    );
    let messages = messages_of(types, &replies, &opening, package_name);
    let types = Types::of(document, &roots)?;
    let client = client::text(document, service, &types, package_name);
    Ok(vec![
        File {
            name: "messages_gen.go",
            text: messages,
        },
        File {
            name: "client_gen.go",
            text: client,
        },
    ])
}

/// The Go package of messages alone: these types, and all that they reach.
///
/// ```
/// use outrigger_layout::generate::messages;
/// use outrigger_layout::schema::{Document, Field, Kind, Type};
/// # let mut document = Document::default();
/// # document.types.push(Type { size: 8, align: 4, kind: Kind::String });
/// # document.types.push(Type {
/// #     size: 8,
/// #     align: 4,
/// #     kind: Kind::Struct {
/// #         name: "Greeting".to_owned(),
/// #         path: "greeter::Greeting".to_owned(),
/// #         arguments: Vec::new(),
/// #         doc: "What to say.".to_owned(),
/// #         tuple: false,
/// #         fields: vec![Field {
/// #             name: "text".to_owned(),
/// #             doc: String::new(),
/// #             offset: 0,
/// #             type_number: 0,
/// #         }],
/// #         since: Vec::new(),
/// #     },
/// # });
/// // Types: 0 is a string, 1 the struct Greeting { text: String }.
/// let file = messages::messages(&document, &[1], "greeter").unwrap();
/// assert!(file.text.contains("type Greeting struct {\n\tText string\n}"));
/// ```
///
/// # Errors
/// If the document has what Go cannot.
pub fn messages(
    document: &Document,
    roots: &[u32],
    package_name: &str,
) -> Result<File, Unsupported> {
    sound::check(document)?;
    let types = Types::of(document, roots)?;
    let opening = format!("// Package {package_name} has messages as rkyv archives.\n");
    let text = messages_of(types, &[], &opening, package_name);
    Ok(File {
        name: "messages_gen.go",
        text,
    })
}

/// The file of the messages. Views of `replies` own the reply's memory.
fn messages_of(types: Types<'_>, replies: &[u32], opening: &str, package_name: &str) -> String {
    let mut functions = Functions::of(types);
    let mut body = String::new();
    let mut any = false;
    let mut owner = false;
    for number in functions.types.used.clone() {
        let is_reply = replies.contains(&number);
        match &functions.types.get(number).kind {
            Kind::Struct { .. } => {
                body.push_str(&structs::text(&mut functions, number, is_reply));
                body.push_str(&builders::structure(&mut functions, number));
                owner |= is_reply;
            }
            Kind::Enum { .. } if functions.types.is_unit_enum(number) => {
                body.push_str(&enums::unit_text(&functions.types, number));
            }
            Kind::Enum { .. } => {
                body.push_str(&enums::text(&mut functions, number, is_reply));
                body.push_str(&builders::choice(&mut functions, number));
                owner |= is_reply;
            }
            Kind::Entry { .. } => body.push_str(&builders::entry(&mut functions, number)),
            _ if builders::has_builder(&functions.types, number) => {
                body.push_str(&builders::list(&mut functions, number));
            }
            _ => continue,
        }
        any = true;
    }
    body.push_str(&functions.finish());
    let mut out = format!("{BANNER}{opening}package {package_name}\n");
    let mut imports = Vec::new();
    if body.contains("strconv.") {
        imports.push("\"strconv\"");
    }
    if any && !imports.is_empty() {
        imports.push("");
    }
    if owner {
        imports.push("outrigger \"github.com/outrigger-ipc/outrigger/client-go\"");
    }
    if any {
        imports.push("\"github.com/outrigger-ipc/outrigger/client-go/rkyv\"");
    }
    import(&mut out, &imports);
    out.push_str(&body);
    out
}

/// Appends an import declaration; an empty name is an empty line.
fn import(out: &mut String, names: &[&str]) {
    match names {
        [] => {}
        [name] => line!(out, "\nimport {name}"),
        names => {
            line!(out, "\nimport (");
            for name in names {
                line!(out, "{}{name}", if name.is_empty() { "" } else { "\t" });
            }
            line!(out, ")");
        }
    }
}

#[cfg(test)]
mod tests;
