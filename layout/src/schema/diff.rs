//! What differs between two schemas, in words, and who of both still understand each
//! other.
//!
//! ```text
//!   Document (old) ─┐              ┌─ verdict, from the fingerprints
//!                   ├─▶ Change ◀───┤
//!   Document (new) ─┘              └─ words, from types of equal place
//! ```
//!
//! The verdict is the one that a client and a server reach; the words explain it.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use crate::code::Code;
use crate::error::Error;
use crate::schema::canonical::{canonical, first_difference, signature, type_name};
use crate::schema::constant;
use crate::schema::document::{Document, Field, Kind, Method, Variant};

pub use crate::schema::verdict::Verdict;

/// Most differences of one method that are told.
const WORDS_MAX: usize = 30;

/// What differs about one method or constant.
///
/// ```
/// use outrigger_layout::schema::diff::{Change, Verdict};
/// let change = Change {
///     name: "greeter.greet".to_owned(),
///     verdict: Verdict::Removed,
///     words: vec!["it was String -> ()".to_owned()],
/// };
/// assert_eq!(
///     change.to_string(),
///     "greeter.greet: not safe for old clients: the method is gone (NOT_FOUND)\n  \
///      it was String -> ()\n"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The whole name of the method or constant.
    pub name: String,
    /// What it means.
    pub verdict: Verdict,
    /// What it is: one sentence each.
    pub words: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.verdict.words())?;
        self.words
            .iter()
            .try_for_each(|text| writeln!(f, "  {text}"))
    }
}

/// The methods that differ, by name, then the constants. Documentation is left out, and
/// so is where types stand in Rust.
///
/// ```
/// use outrigger_layout::schema::{Document, diff::differences};
/// assert!(differences(&Document::default(), &Document::default()).is_empty());
/// ```
///
/// # Panics
/// As [`canonical`].
pub fn differences(old: &Document, new: &Document) -> Vec<Change> {
    let (before, after) = (methods(old), methods(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| {
        let (verdict, words) = match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => changed(old, new, before, after)?,
            (Some(before), None) => (
                Verdict::Removed,
                vec![format!("it was {}", signature(old, before))],
            ),
            (None, Some(after)) => (
                Verdict::Added,
                vec![format!("it is {}", signature(new, after))],
            ),
            (None, None) => return None,
        };
        Some(Change {
            name: name.clone(),
            verdict,
            words,
        })
    };
    let mut changes: Vec<_> = names.into_iter().filter_map(change).collect();
    changes.extend(constant::differences(old, new));
    changes
}

/// All that is to be said about differences, ending in a new line.
///
/// ```
/// use outrigger_layout::schema::diff::report;
/// assert_eq!(report(&[]), "no method and no constant differs\n");
/// ```
pub fn report(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "no method and no constant differs\n".to_owned();
    }
    changes.iter().map(ToString::to_string).collect()
}

/// Fails if not all of these are safe.
///
/// ```
/// use outrigger_layout::{Code, schema::diff::{Change, Verdict, check}};
/// let change = |verdict| Change { name: "greeter.greet".to_owned(), verdict, words: vec![] };
/// assert!(check(&[change(Verdict::Appended)]).is_ok());
/// let error = check(&[change(Verdict::Appended), change(Verdict::Removed)]).unwrap_err();
/// assert_eq!(error.message(), "version mismatch: 1 of 2 methods that differ is not safe");
/// assert_eq!(error.code(), Code::VERSION_MISMATCH);
/// ```
///
/// # Errors
/// VERSION_MISMATCH with their number.
pub fn check(changes: &[Change]) -> Result<(), Error> {
    let wrong = changes.iter().filter(|change| !change.verdict.is_safe());
    let constants = changes
        .iter()
        .filter(|change| change.verdict == Verdict::Constant);
    let (wrong, all) = (wrong.count(), changes.len() - constants.count());
    if wrong == 0 {
        return Ok(());
    }
    let is = if wrong == 1 { "is" } else { "are" };
    let text = format!("{wrong} of {all} methods that differ {is} not safe");
    Err(Error::with_details(Code::VERSION_MISMATCH, &[&text]))
}

fn methods(document: &Document) -> BTreeMap<String, &Method> {
    let services = document.services.iter();
    let methods = services.flat_map(|service| {
        let named = |method: &'_ Method| format!("{}.{}", service.name, method.name);
        service
            .methods
            .iter()
            .map(move |method| (named(method), method))
    });
    methods.collect()
}

/// A method that both have.
fn changed(
    old: &Document,
    new: &Document,
    before: &Method,
    after: &Method,
) -> Option<(Verdict, Vec<String>)> {
    let mut words = messages(old, new, before, after);
    if before.placement != after.placement {
        let (was, is) = (&before.placement, &after.placement);
        words.push(format!("runs: was {was}, is {is}"));
    }
    if before.codecs != after.codecs {
        let (was, is) = (before.codecs.join(", "), after.codecs.join(", "));
        words.push(format!("codecs: was {was}, is {is}"));
    }
    let json = |method: &Method| method.codecs.iter().any(|codec| codec == "json");
    let same = before.fingerprint == after.fingerprint;
    let follows = same || after.older.contains(&before.fingerprint);
    let leads = before.older.contains(&after.fingerprint);
    let mut older = before.older.iter();
    let verdict = if !follows && !leads {
        Verdict::Mismatch
    } else if json(before) && !json(after) {
        Verdict::WithoutJson
    } else if leads {
        Verdict::Older
    } else if !older.all(|older| after.older.contains(older)) {
        Verdict::Renumbered
    } else if !same {
        Verdict::Appended
    } else if words.is_empty() {
        return None;
    } else {
        Verdict::Harmless
    };
    Some((verdict, words))
}

/// How the messages differ.
fn messages(old: &Document, new: &Document, before: &Method, after: &Method) -> Vec<String> {
    if before.fingerprint == after.fingerprint {
        return Vec::new();
    }
    let mut walk = Walk {
        old,
        new,
        seen: BTreeSet::new(),
        words: Vec::new(),
    };
    walk.types("request", before.request, after.request);
    walk.types("reply", before.reply, after.reply);
    match (before.error, after.error) {
        (Some(before), Some(after)) => walk.types("error", before, after),
        (Some(before), None) => {
            let name = type_name(old, before);
            walk.say("error", format!("was {name}, is none of its own"));
        }
        (None, Some(after)) => {
            let name = type_name(new, after);
            walk.say("error", format!("was none of its own, is {name}"));
        }
        (None, None) => {}
    }
    match (before.attachments, after.attachments) {
        (false, true) => walk.say("attachments", "were none, are taken"),
        (true, false) => walk.say("attachments", "were taken, are none"),
        _ => {}
    }
    let mut words = walk.words;
    let (ours, theirs) = (canonical(old, before), canonical(new, after));
    if let (true, Some(difference)) = (words.is_empty(), first_difference(&ours, &theirs)) {
        words.push(format!(
            "was {:?}, is {:?}",
            difference.ours, difference.theirs
        ));
    }
    if words.len() > WORDS_MAX {
        let more = words.len() - WORDS_MAX;
        words.truncate(WORDS_MAX);
        words.push(format!("and {more} more"));
    }
    words
}

/// The walk through the types of two methods, side by side.
struct Walk<'d> {
    old: &'d Document,
    new: &'d Document,
    /// Pairs that were compared, or are being compared.
    seen: BTreeSet<(u32, u32)>,
    words: Vec<String>,
}

impl Walk<'_> {
    fn say(&mut self, place: &str, text: impl fmt::Display) {
        self.words.push(format!("{place}: {text}"));
    }

    /// Compares two types of one place: `request`, `Person.name`.
    fn types(&mut self, place: &str, before: u32, after: u32) {
        if !self.seen.insert((before, after)) {
            return;
        }
        let (old, new) = (self.old, self.new);
        let (was, is) = (&old.types[before as usize], &new.types[after as usize]);
        match (&was.kind, &is.kind) {
            (
                Kind::Struct {
                    name,
                    fields,
                    since,
                    ..
                },
                Kind::Struct {
                    name: other,
                    fields: others,
                    since: later,
                    ..
                },
            ) => {
                self.names(place, name, other);
                self.growth(other, since, later);
                self.fields(other, fields, others, later);
            }
            (
                Kind::Enum {
                    name,
                    variants,
                    since,
                    ..
                },
                Kind::Enum {
                    name: other,
                    variants: others,
                    since: later,
                    ..
                },
            ) => {
                self.names(place, name, other);
                self.growth(other, since, later);
                self.variants(other, variants, others, later);
            }
            (was, is) => {
                let (name, other) = (type_name(old, before), type_name(new, after));
                if name != other {
                    return self.say(place, format!("was {name}, is {other}"));
                }
                for (before, after) in was.children().into_iter().zip(is.children()) {
                    self.types(place, before, after);
                }
            }
        }
    }

    fn names(&mut self, place: &str, was: &str, is: &str) {
        if was != is {
            self.say(place, format!("was named {was}, is named {is}"));
        }
    }

    fn growth(&mut self, name: &str, before: &[u32], after: &[u32]) {
        match (before.is_empty(), after.is_empty()) {
            (true, false) => self.say(name, "was not extensible, is extensible"),
            (false, true) => self.say(name, "was extensible, is not extensible"),
            _ => {}
        }
    }

    /// Compares the fields of a struct or of a variant.
    fn fields(&mut self, owner: &str, before: &[Field], after: &[Field], since: &[u32]) {
        let names = |fields: &[Field]| fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        for field in before {
            match after.iter().find(|other| other.name == field.name) {
                Some(other) => {
                    let place = format!("{owner}.{}", field.name);
                    self.types(&place, field.type_number, other.type_number);
                }
                None => self.say(owner, format!("field {} is gone", field.name)),
            }
        }
        for (index, field) in after.iter().enumerate() {
            if !before.iter().any(|other| other.name == field.name) {
                let kind = type_name(self.new, field.type_number);
                let version = version(since.get(index));
                self.say(
                    owner,
                    format!("field {}: {kind} is new{version}", field.name),
                );
            }
        }
        self.order(owner, "fields", &names(before), &names(after));
    }

    fn variants(&mut self, owner: &str, before: &[Variant], after: &[Variant], since: &[u32]) {
        let names = |all: &[Variant]| all.iter().map(|v| v.name.clone()).collect::<Vec<_>>();
        for variant in before {
            let Some(other) = after.iter().find(|other| other.name == variant.name) else {
                self.say(owner, format!("variant {} is gone", variant.name));
                continue;
            };
            let place = format!("{owner}::{}", variant.name);
            if variant.tag != other.tag {
                self.say(&place, format!("tag was {}, is {}", variant.tag, other.tag));
            }
            self.fields(&place, &variant.fields, &other.fields, &[]);
        }
        for (index, variant) in after.iter().enumerate() {
            if !before.iter().any(|other| other.name == variant.name) {
                let version = version(since.get(index));
                let refused = if version.is_empty() {
                    ""
                } else {
                    "; who does not know it refuses it"
                };
                let name = &variant.name;
                self.say(owner, format!("variant {name} is new{version}{refused}"));
            }
        }
        self.order(owner, "variants", &names(before), &names(after));
    }

    /// Whether those that both have stand in the same order, with what is new behind.
    fn order(&mut self, owner: &str, what: &str, before: &[String], after: &[String]) {
        let common = before.iter().filter(|name| after.contains(name));
        let common: Vec<&String> = common.collect();
        let others = after.iter().filter(|name| before.contains(name));
        if !common.iter().copied().eq(others) {
            self.say(owner, format!("its {what} stand in another order"));
        } else if !after.iter().take(common.len()).eq(common) {
            self.say(
                owner,
                format!("its new {what} do not stand behind the others"),
            );
        }
    }
}

/// The version of what is new, in words.
fn version(since: Option<&u32>) -> String {
    match since {
        Some(1) | None => String::new(),
        Some(number) => format!(" (since {number})"),
    }
}
