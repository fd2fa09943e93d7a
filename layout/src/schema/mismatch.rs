//! A mismatch in words: what two canonical texts of one method differ in.
//!
//! ```text
//!   client's text ─▶ Outline ─┐
//!                             ├─▶ types by name, fields and variants by name ─▶ words
//!   server's text ─▶ Outline ─┘
//! ```
//!
//! Numbers of types, sizes and offsets follow from the fields and are not compared, but
//! for texts that differ in nothing else. Either text may be anything: a line that is
//! none of the grammar (canonical.rs) is left out, the work grows with the length, and
//! the words are bounded.

use std::collections::BTreeMap;

use crate::schema::canonical::first_difference;

/// Longest canonical text that a server compares, in bytes.
pub const TEXT_MAX: usize = 1 << 20;
/// Longest outcome, in bytes.
pub const WORDS_MAX: usize = 4096;
/// Most differences that are told.
const TOLD_MAX: usize = 8;
/// What to do about it.
const ADVICE: &str = "; make the older side again (\"outrigger gen go\" for a Go client, \
                      \"cargo build\" for Rust)";

/// Says in words what two canonical texts of one method differ in; empty if in nothing.
/// At most [`WORDS_MAX`] bytes.
///
/// ```
/// use outrigger_layout::schema::mismatch::mismatch;
/// let with = |field: &str| {
///     let roles = "request 0 Put\nreply 1 ()\nerror -\n";
///     format!("{roles}type 0 struct Put size 8 align 4\n  field {field}\n")
/// };
/// let (client, server) = (with("id offset 0 type 1 u16"), with("id offset 0 type 1 u32"));
/// let words = mismatch(&client, &server);
/// assert!(words.starts_with("struct Put: field id is u16 in the client, u32 in the server;"));
/// assert_eq!(mismatch(&client, &client), "");
/// ```
pub fn mismatch(client: &str, server: &str) -> String {
    if client == server {
        return String::new();
    }
    let told = told(client, server);
    let mut words = if told.is_empty() {
        first_line(client, server)
    } else {
        told.iter()
            .take(TOLD_MAX)
            .cloned()
            .collect::<Vec<_>>()
            .join("; ")
    };
    if told.len() > TOLD_MAX {
        words.push_str(&format!("; and {} more", told.len() - TOLD_MAX));
    }
    while words.len() > WORDS_MAX - ADVICE.len() {
        words.pop();
    }
    words + ADVICE
}

/// The differences that have names, one sentence each.
fn told(client: &str, server: &str) -> Vec<String> {
    if !client.lines().take(2).eq(server.lines().take(2)) {
        return Vec::new(); // of other formats, which says all
    }
    let (client, server) = (Outline::of(client), Outline::of(server));
    let mut told = Vec::new();
    let (ours, theirs) = (client.signature(), server.signature());
    if ours != theirs {
        told.push(format!("client: {ours}; server: {theirs}"));
    }
    match (client.attachments, server.attachments) {
        (false, true) => told.push(attaching("server", "client")),
        (true, false) => told.push(attaching("client", "server")),
        _ => {}
    }
    for (heading, ours) in &client.types {
        let Some(theirs) = server.types.get(heading) else {
            continue; // whatever led to it is told
        };
        if ours.len() != theirs.len() {
            let (ours, theirs) = (ours.len(), theirs.len());
            told.push(format!(
                "{heading}: {ours} types of this name in the client, {theirs} in the server"
            ));
            continue;
        }
        for (ours, theirs) in ours.iter().zip(theirs) {
            compare(heading, ours, theirs, &mut told);
        }
    }
    told
}

fn attaching(who: &str, other: &str) -> String {
    format!("the {who} takes attachments, the {other} does not")
}

/// Two types of one name.
fn compare(heading: &str, client: &[Part<'_>], server: &[Part<'_>], told: &mut Vec<String>) {
    let by_name = |parts: &[Part<'_>]| -> BTreeMap<String, String> {
        let named = parts.iter();
        named.map(|part| (part.name(), part.detail())).collect()
    };
    let (ours, theirs) = (by_name(client), by_name(server));
    let mut lacks = |who: &str, parts: &[Part<'_>], whose: &BTreeMap<String, String>| {
        let other = if who == "server" { "client" } else { "server" };
        for part in parts.iter().filter(|part| !part.is_known(whose)) {
            told.push(format!(
                "{heading}: the {who} has {part}, the {other} has not"
            ));
        }
    };
    lacks("server", server, &ours);
    lacks("client", client, &theirs);
    for (name, ours) in &ours {
        if let Some(theirs) = theirs.get(name).filter(|theirs| *theirs != ours) {
            told.push(format!(
                "{heading}: {name} is {ours} in the client, {theirs} in the server"
            ));
        }
    }
    let order = |parts: &[Part<'_>], others: &BTreeMap<String, String>| -> Vec<String> {
        let common = parts.iter().map(Part::name);
        common.filter(|name| others.contains_key(name)).collect()
    };
    if order(client, &theirs) != order(server, &ours) {
        told.push(format!("{heading}: its parts stand in another order"));
    }
}

/// The first line that differs, for what has no name.
fn first_line(client: &str, server: &str) -> String {
    let Some(difference) = first_difference(client, server) else {
        return "they differ in line ends only".to_owned();
    };
    let within = match difference.within {
        "" => String::new(),
        line => format!(" in {line:?}"),
    };
    let (ours, theirs) = (difference.ours, difference.theirs);
    format!("first difference{within}: client {ours:?}, server {theirs:?}")
}

/// What a canonical text says, without numbers.
#[derive(Default)]
struct Outline<'a> {
    /// The names behind `request`, `reply` and `error`.
    roles: BTreeMap<&'a str, &'a str>,
    /// Whether there may be something beside them.
    attachments: bool,
    /// The parts of all types by kind and name: `struct Point`. Two modules may have types
    /// of one name.
    types: BTreeMap<&'a str, Vec<Vec<Part<'a>>>>,
}

/// One line of a struct or enum.
enum Part<'a> {
    /// It may be extended.
    Extensible,
    /// A field, with its type as a person writes it.
    Field { name: &'a str, kind: &'a str },
    /// A variant, with its tag.
    Variant { name: &'a str, tag: &'a str },
    /// A field of a variant.
    Inner {
        variant: &'a str,
        name: &'a str,
        kind: &'a str,
    },
}

impl<'a> Outline<'a> {
    fn of(text: &'a str) -> Self {
        let mut outline = Self::default();
        let (mut heading, mut variant) = (None, None);
        for line in text.lines() {
            if let Some(described) = line.strip_prefix("type ") {
                heading = outline.begin(described);
                variant = None;
                continue;
            }
            let Some(words) = line.strip_prefix("  ") else {
                outline.role(line);
                continue;
            };
            let parts = heading.and_then(|heading| outline.types.get_mut(heading));
            let Some(parts) = parts.and_then(|all| all.last_mut()) else {
                continue; // of a tuple or entry: its name says what it holds
            };
            let part = Part::of(words, variant);
            if let Some(Part::Variant { name, .. }) = part {
                variant = Some(name);
            }
            parts.extend(part);
        }
        outline
    }

    fn role(&mut self, line: &'a str) {
        self.attachments |= line == "attachments";
        let mut words = line.splitn(3, ' ');
        let role = words
            .next()
            .filter(|r| ["request", "reply", "error"].contains(r));
        if let (Some(role), Some(name)) = (role, words.nth(1)) {
            self.roles.entry(role).or_insert(name);
        }
    }

    /// Begins a type, and returns its kind and name if it has a name.
    fn begin(&mut self, described: &'a str) -> Option<&'a str> {
        let (_, described) = described.split_once(' ')?;
        let (heading, _) = described.rsplit_once(" size ")?;
        if !heading.starts_with("struct ") && !heading.starts_with("enum ") {
            return None;
        }
        let short = heading.strip_suffix(" extensible");
        let parts = short.map(|_| Part::Extensible).into_iter().collect();
        let heading = short.unwrap_or(heading);
        self.types.entry(heading).or_default().push(parts);
        Some(heading)
    }

    fn signature(&self) -> String {
        let name = |role: &str| self.roles.get(role).copied();
        let (request, reply) = (name("request"), name("reply"));
        let error = name("error").map(|error| format!(" or {error}"));
        format!(
            "{} -> {}{}",
            request.unwrap_or("?"),
            reply.unwrap_or("?"),
            error.unwrap_or_default()
        )
    }
}

impl<'a> Part<'a> {
    /// Reads a line of a type, without its first two spaces.
    fn of(line: &'a str, variant: Option<&'a str>) -> Option<Self> {
        let inner = line.starts_with("  ");
        let words: Vec<&str> = line.trim_start().splitn(7, ' ').collect();
        match (words[..].as_ref(), variant) {
            (["variant", name, "tag", tag], _) if !inner => Some(Self::Variant { name, tag }),
            (["field", name, "offset", _, "type", _, kind], Some(variant)) if inner => {
                Some(Self::Inner {
                    variant,
                    name,
                    kind,
                })
            }
            (["field", name, "offset", _, "type", _, kind], None) if !inner => {
                Some(Self::Field { name, kind })
            }
            _ => None,
        }
    }

    /// What it is called among the parts of its type.
    fn name(&self) -> String {
        match self {
            Self::Extensible => "the attribute extensible".to_owned(),
            Self::Field { name, .. } => format!("field {name}"),
            Self::Variant { name, .. } => format!("variant {name}"),
            Self::Inner { variant, name, .. } => format!("field {variant}.{name}"),
        }
    }

    /// What else there is to it.
    fn detail(&self) -> String {
        match self {
            Self::Extensible => String::new(),
            Self::Field { kind, .. } | Self::Inner { kind, .. } => (*kind).to_owned(),
            Self::Variant { tag, .. } => format!("tag {tag}"),
        }
    }

    /// Whether the other side has it, or has not even its variant, which is told.
    fn is_known(&self, other: &BTreeMap<String, String>) -> bool {
        let outer = match self {
            Self::Inner { variant, .. } => !other.contains_key(&format!("variant {variant}")),
            _ => false,
        };
        outer || other.contains_key(&self.name())
    }
}

impl core::fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Field { kind, .. } | Self::Inner { kind, .. } => {
                write!(f, "{}: {kind}", self.name())
            }
            _ => f.write_str(&self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "outrigger schema 1\nrkyv 0.8 little_endian\n";
    const PUT: &str = "request 0 Put\nreply 4 ()\nerror -\ntype 0 struct Put size 16 align 4\n";
    const KEY: &str = "  field key offset 0 type 1 String\n";

    fn words(client: &str, server: &str) -> String {
        let text = mismatch(&format!("{HEAD}{client}"), &format!("{HEAD}{server}"));
        text.strip_suffix(ADVICE).expect("advice").to_owned()
    }

    #[test]
    fn an_added_field_is_named_whatever_it_moves() {
        let client =
            format!("{PUT}{KEY}type 1 string size 8 align 4\ntype 2 unit size 0 align 1\n");
        let server = format!(
            "{}{KEY}  field ttl offset 8 type 2 u32\ntype 1 string size 8 align 4\n\
             type 2 u32 size 4 align 4\n",
            PUT.replace("4 ()", "5 ()").replace("size 16", "size 20")
        );
        let wanted = "struct Put: the server has field ttl: u32, the client has not";
        assert_eq!(words(&client, &server), wanted);
        let other = "struct Put: the client has field ttl: u32, the server has not";
        assert_eq!(words(&server, &client), other);
    }

    #[test]
    fn types_variants_order_and_names_are_told() {
        let of = |lines: &str| format!("{PUT}{KEY}{lines}");
        let two = |a: &str, b: &str| {
            of(&format!(
                "  field {a} offset 8 type 2 u8\n  field {b} offset 9 type 2 u8\n"
            ))
        };
        assert_eq!(
            words(&two("a", "b"), &two("b", "a")),
            "struct Put: its parts stand in another order"
        );
        let how = |rest: &str| format!("{PUT}type 3 enum How<u8, ()> size 2 align 1\n{rest}");
        let inner = "  variant Now tag 0\n    field at offset 1 type 2 u8\n";
        let more = "  variant Later tag 1\n    field at offset 1 type 2 u8\n";
        assert_eq!(
            words(&how(inner), &how(&format!("{inner}{more}"))),
            "enum How<u8, ()>: the server has variant Later, the client has not"
        );
        assert_eq!(
            words(&how(inner), &how(&inner.replace("type 2 u8", "type 2 i8"))),
            "enum How<u8, ()>: field Now.at is u8 in the client, i8 in the server"
        );
        assert_eq!(
            words(&how(inner), &how(&inner.replace("tag 0", "tag 7"))),
            "enum How<u8, ()>: variant Now is tag 0 in the client, tag 7 in the server"
        );
        assert_eq!(
            words(PUT, &PUT.replace("4 ()", "4 Stored")),
            "client: Put -> (); server: Put -> Stored"
        );
        assert_eq!(
            words(PUT, &PUT.replace("Put size", "Put extensible size")),
            "struct Put: the server has the attribute extensible, the client has not"
        );
        assert_eq!(
            words(&format!("{PUT}{PUT}"), PUT),
            "struct Put: 2 types of this name in the client, 1 in the server"
        );
    }

    #[test]
    fn who_takes_attachments_is_told() {
        let with = PUT.replace("error -\n", "error -\nattachments\n");
        let wanted = "the server takes attachments, the client does not";
        assert_eq!(words(PUT, &with), wanted);
        let wanted = "the client takes attachments, the server does not";
        assert_eq!(words(&with, PUT), wanted);
    }

    #[test]
    fn what_has_no_name_is_told_by_its_line() {
        assert_eq!(
            words(PUT, &PUT.replace("size 16", "size 24")),
            "first difference: client \"type 0 struct Put size 16 align 4\", \
             server \"type 0 struct Put size 24 align 4\""
        );
        let text = mismatch("outrigger schema 2\n", &format!("{HEAD}{PUT}"));
        assert!(
            text.starts_with("first difference: client \"outrigger schema 2\""),
            "{text}"
        );
        assert_eq!(words(PUT, PUT.trim_end()), "they differ in line ends only");
    }

    #[test]
    fn any_text_gives_bounded_words() {
        let fields = |letter: &str| {
            let field = |i| {
                format!(
                    "  field {letter}{i} offset 0 type 1 {}\n",
                    letter.repeat(900)
                )
            };
            format!("{PUT}{}", (0..500).map(field).collect::<String>())
        };
        let text = mismatch(
            &format!("{HEAD}{}", fields("é")),
            &format!("{HEAD}{}", fields("ü")),
        );
        assert!(text.len() <= WORDS_MAX && text.ends_with(ADVICE));
        let few = |letter: &str| fields(letter).replace(&letter.repeat(900), "u8");
        assert!(words(&few("a"), &few("b")).ends_with("; and 992 more"));
        let odd = [
            "",
            "\n",
            "type",
            "type ",
            "type 0 struct",
            "  field",
            "    field a offset",
        ];
        for text in odd
            .iter()
            .flat_map(|a| odd.iter().map(move |b| format!("{a}\n{b}\n{a}")))
        {
            assert!(!words(&text, PUT).is_empty(), "{text:?}");
        }
    }
}
