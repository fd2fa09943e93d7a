//! The canonical text of a method's messages, and its fingerprint.
//!
//! Two sides understand each other's archives if this text is the same. It holds
//! what decides about bytes and names: kinds, sizes, alignments, offsets, tags,
//! names, and whether there are attachments. It leaves out documentation, module paths,
//! and where a method runs.
//!
//! ```text
//!   outrigger schema 1
//!   rkyv 0.8 little_endian aligned pointer_width_32
//!   request 0 Greeting
//!   reply 2 Answer
//!   error -
//!   type 0 struct Greeting size 8 align 4
//!     field name offset 0 type 1 String
//!   type 1 string size 8 align 4
//!   …
//! ```
//!
//! Types are numbered anew, in the order of the first visit from request, reply
//! and error; so the text does not depend on what else a document holds. A type that
//! may be extended says `extensible`; the texts of its older versions leave out what
//! came later. A method that takes attachments has a line `attachments` behind its error's.

use core::fmt::Write;

use sha2::{Digest, Sha256};

use crate::schema::document::{DOCUMENT_VERSION, Document, FORMAT, Field, Kind, Method};

/// The fingerprint of a method that has no schema.
pub const UNTYPED: [u8; 16] = [0; 16];

/// The first 128 bits of SHA-256 over a canonical text.
///
/// ```
/// use outrigger_layout::schema::{fingerprint, hex};
/// let digest = fingerprint("outrigger schema 1\n");
/// assert_eq!(hex(&digest), "961f5195d575939e1489fd430433d790");
/// ```
pub fn fingerprint(canonical: &str) -> [u8; 16] {
    let digest = Sha256::digest(canonical.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}

/// A fingerprint as 32 hexadecimal digits.
///
/// ```
/// use outrigger_layout::schema::hex;
/// assert_eq!(hex(&[0x0f; 16]), "0f".repeat(16));
/// ```
pub fn hex(fingerprint: &[u8; 16]) -> String {
    fingerprint.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The canonical text of a method of a document.
///
/// ```
/// use outrigger_layout::schema::canonical;
/// # use outrigger_layout::schema::node::node;
/// # use outrigger_layout::schema::{Document, MethodNode, ServiceNode};
/// # const GREET: MethodNode = MethodNode {
/// #     service: || &GREETER,
/// #     name: "greeter.greet",
/// #     own_name: "greet",
/// #     doc: "",
/// #     request: node::<String>,
/// #     reply: node::<u32>,
/// #     error: None,
/// #     placement: "inline",
/// #     json: false,
/// #     attachments: false,
/// # };
/// # static GREETER: ServiceNode = ServiceNode {
/// #     name: "greeter",
/// #     rust_name: "Greeter",
/// #     doc: "",
/// #     constants: &[],
/// #     methods: &[GREET],
/// # };
/// let document = Document::of(GREETER.methods);
/// let text = canonical(&document, &document.services[0].methods[0]);
/// let types: Vec<&str> = text.lines().filter(|line| line.starts_with("type ")).collect();
/// assert_eq!(types, ["type 0 string size 8 align 4", "type 1 u32 size 4 align 4"]);
/// ```
///
/// # Panics
/// Panics if a number in the document names no type: see [`Document::check`].
pub fn canonical(document: &Document, method: &Method) -> String {
    let mut order = Order::default();
    let mut text = format!("outrigger schema {DOCUMENT_VERSION}\n{FORMAT}\n");
    let roots = [
        ("request", Some(method.request)),
        ("reply", Some(method.reply)),
        ("error", method.error),
    ];
    for (role, root) in roots {
        match root {
            Some(root) => {
                let number = order.visit(document, root);
                let name = type_name(document, root);
                let _ = writeln!(text, "{role} {number} {name}");
            }
            None => {
                let _ = writeln!(text, "{role} -");
            }
        }
    }
    if method.attachments {
        text.push_str("attachments\n");
    }
    for (number, &original) in order.visited.iter().enumerate() {
        order.describe(&mut text, document, number, original);
    }
    text
}

/// How a person would write a type: `Option<Vec<u8>>`, `Point`.
///
/// ```
/// use outrigger_layout::schema::{Document, Kind, Type, type_name};
/// let mut document = Document::default();
/// document.types.push(Type { size: 1, align: 1, kind: Kind::U8 });
/// document.types.push(Type { size: 8, align: 4, kind: Kind::Vec { item: 0 } });
/// assert_eq!(type_name(&document, 1), "Vec<u8>");
/// ```
pub fn type_name(document: &Document, number: u32) -> String {
    let name = |item: u32| type_name(document, item);
    match &document.types[number as usize].kind {
        Kind::Unit => "()".to_owned(),
        Kind::String => "String".to_owned(),
        Kind::Duration => "Duration".to_owned(),
        Kind::Vec { item } => format!("Vec<{}>", name(*item)),
        Kind::Box { item } => format!("Box<{}>", name(*item)),
        Kind::BoxStr => "Box<str>".to_owned(),
        Kind::BoxSlice { item } => format!("Box<[{}]>", name(*item)),
        Kind::Option { item } | Kind::Niche { item } => format!("Option<{}>", name(*item)),
        Kind::NonZero { item } => format!("NonZero{}", name(*item).to_uppercase()),
        Kind::Map { item } => {
            let names = document.types[*item as usize].kind.parts();
            let names = names.into_iter().map(name);
            format!("Map<{}>", names.collect::<Vec<_>>().join(", "))
        }
        Kind::Set { item } => format!("Set<{}>", name(*item)),
        Kind::Entry { fields } => {
            let names = fields.iter().map(|field| name(field.type_number));
            format!("Entry<{}>", names.collect::<Vec<_>>().join(", "))
        }
        Kind::Result { ok, err } => format!("Result<{}, {}>", name(*ok), name(*err)),
        Kind::Array { item, count } => format!("[{}; {count}]", name(*item)),
        Kind::Tuple { fields } => {
            let names = fields.iter().map(|field| name(field.type_number));
            format!("({})", names.collect::<Vec<_>>().join(", "))
        }
        Kind::Struct { name, .. } | Kind::Enum { name, .. } => instance_name(
            document,
            name,
            document.types[number as usize].kind.arguments(),
        ),
        other => other.word().to_owned(),
    }
}

/// The name of a message with its arguments: `Page<Item>`.
fn instance_name(document: &Document, name: &str, arguments: &[u32]) -> String {
    if arguments.is_empty() {
        return name.to_owned();
    }
    let names = arguments.iter().map(|number| type_name(document, *number));
    format!("{name}<{}>", names.collect::<Vec<_>>().join(", "))
}

/// The names of a method's messages: `VerifyRequest -> VerifyReply or Refused`, and
/// whether there is something beside them: ` with attachments`.
pub(crate) fn signature(document: &Document, method: &Method) -> String {
    let name = |number| type_name(document, number);
    let error = method.error.map(|error| format!(" or {}", name(error)));
    let error = error.unwrap_or_default();
    let (request, reply) = (name(method.request), name(method.reply));
    let attachments = if method.attachments {
        " with attachments"
    } else {
        ""
    };
    format!("{request} -> {reply}{error}{attachments}")
}

/// Types by the order of the first visit.
#[derive(Default)]
struct Order {
    /// Original numbers, by new number.
    visited: Vec<u32>,
}

impl Order {
    /// Visits a type and all that it reaches; returns its new number.
    fn visit(&mut self, document: &Document, original: u32) -> u32 {
        if let Some(number) = self.number(original) {
            return number;
        }
        let number = self.visited.len() as u32;
        self.visited.push(original);
        for child in document.types[original as usize].kind.children() {
            self.visit(document, child);
        }
        number
    }

    fn number(&self, original: u32) -> Option<u32> {
        let found = self.visited.iter().position(|seen| *seen == original);
        found.map(|number| number as u32)
    }

    fn describe(&self, text: &mut String, document: &Document, number: usize, original: u32) {
        let described = &document.types[original as usize];
        let word = described.kind.word();
        let number_of = |child: u32| self.number(child).unwrap_or_default();
        let _ = write!(text, "type {number} {word}");
        match &described.kind {
            Kind::Struct { since, .. } | Kind::Enum { since, .. } => {
                let _ = write!(text, " {}", type_name(document, original));
                if !since.is_empty() {
                    text.push_str(" extensible");
                }
            }
            Kind::Vec { item }
            | Kind::Box { item }
            | Kind::BoxSlice { item }
            | Kind::Option { item }
            | Kind::Niche { item }
            | Kind::NonZero { item }
            | Kind::Map { item }
            | Kind::Set { item } => {
                let _ = write!(text, " of {}", number_of(*item));
            }
            Kind::Result { ok, err } => {
                let _ = write!(text, " of {} or {}", number_of(*ok), number_of(*err));
            }
            Kind::Array { item, count } => {
                let _ = write!(text, " of {} count {count}", number_of(*item));
            }
            _ => {}
        }
        let _ = writeln!(text, " size {} align {}", described.size, described.align);
        match &described.kind {
            Kind::Tuple { fields } | Kind::Entry { fields } | Kind::Struct { fields, .. } => {
                self.fields(text, document, "  ", fields);
            }
            Kind::Enum { variants, .. } => {
                for variant in variants {
                    let _ = writeln!(text, "  variant {} tag {}", variant.name, variant.tag);
                    self.fields(text, document, "    ", &variant.fields);
                }
            }
            _ => {}
        }
    }

    fn fields(&self, text: &mut String, document: &Document, indent: &str, fields: &[Field]) {
        for field in fields {
            let (name, offset) = (&field.name, field.offset);
            let number = self.number(field.type_number).unwrap_or_default();
            let words = type_name(document, field.type_number);
            let _ = writeln!(
                text,
                "{indent}field {name} offset {offset} type {number} {words}"
            );
        }
    }
}

/// Where two canonical texts part.
///
/// ```
/// use outrigger_layout::schema::{Difference, first_difference};
/// let ours = "type 0 u16 size 2 align 2\n";
/// let wanted = Difference { within: "", ours: ours.trim(), theirs: "(nothing)" };
/// assert_eq!(first_difference(ours, ""), Some(wanted));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// The line of the type in which they do; empty if it is in no type.
    pub within: &'a str,
    /// Our line, or `(nothing)` if our text has ended.
    pub ours: &'a str,
    /// Their line, or `(nothing)`.
    pub theirs: &'a str,
}

/// The first line in which two canonical texts differ; `None` if none does.
///
/// ```
/// use outrigger_layout::schema::first_difference;
/// let of = |field: &str| format!("type 0 struct Person size 12 align 4\n  field {field}\n");
/// let (ours, theirs) = (of("name offset 0"), of("name offset 4"));
/// let difference = first_difference(&ours, &theirs).unwrap();
/// assert_eq!(difference.within, "type 0 struct Person size 12 align 4");
/// assert_eq!(difference.theirs, "field name offset 4");
/// ```
pub fn first_difference<'a>(ours: &'a str, theirs: &'a str) -> Option<Difference<'a>> {
    let (mut left, mut right) = (ours.lines(), theirs.lines());
    let mut within = "";
    loop {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (Some(line), Some(same)) if line == same => {
                if line.starts_with("type ") {
                    within = line;
                }
            }
            (left, right) => {
                let text = |line: Option<&'a str>| line.map_or("(nothing)", str::trim);
                let (ours, theirs) = (text(left), text(right));
                let own = |line: &str| line.starts_with("type ");
                let within = if own(ours) && own(theirs) { "" } else { within };
                return Some(Difference {
                    within,
                    ours,
                    theirs,
                });
            }
        }
    }
}
