//! Schemas with errors in them, and what must hold for any.

use outrigger_layout::generate::messages;
use outrigger_layout::schema::{Document, canonical, fingerprint, hex};
use serde_json::Value;

use crate::random::Random;

/// Texts that a schema may have in places where they are wrong.
const TEXTS: &[&str] = &[
    "", "vec", "box", "option", "struct", "enum", "tuple", "unit", "u8", "u128", "string", "f64",
    "array", "type", "\u{20ac}", "a b", "\"", "0", "init", "Load", "rkyv",
];

/// Numbers, likewise.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    255,
    256,
    65_536,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
];

/// Puts any text to all that is done with a schema: it is refused, or everything
/// can be done. Fingerprints that are wrong are corrected first, as nobody would hit
/// one by chance. Returns whether it was a schema.
///
/// # Panics
/// If something cannot be done with a schema that was accepted.
///
/// ```
/// use outrigger_differential::schema::put;
/// use outrigger_layout::schema::Document;
/// assert!(!put(b"{}"));
/// assert!(put(&serde_json::to_vec(&Document::default()).unwrap()));
/// ```
pub fn put(text: &[u8]) -> bool {
    let _ = Document::read(text);
    let Some(document) = corrected(text) else {
        return false;
    };
    let written = serde_json::to_vec(&document).expect("a document that was read");
    let again = Document::read(&written).expect("a checked document");
    assert_eq!(again, document);
    for service in &document.services {
        for method in &service.methods {
            let _ = canonical(&document, method);
        }
        let _ = messages::package(&document, service, "any");
    }
    true
}

fn corrected(text: &[u8]) -> Option<Document> {
    let mut document: Document = serde_json::from_slice(text).ok()?;
    for service in 0..document.services.len() {
        for method in 0..document.services[service].methods.len() {
            // Methods are looked at last, in this order: their types are sound.
            match document.check() {
                Ok(()) => return Some(document),
                Err(error) if error.message().contains("has fingerprint") => {}
                Err(_) => return None,
            }
            let own = &document.services[service].methods[method];
            let right = hex(&fingerprint(&canonical(&document, own)));
            document.services[service].methods[method].fingerprint = right;
        }
    }
    document.check().is_ok().then_some(document)
}

/// Changes one to three places of a schema's JSON.
pub fn mutate(random: &mut Random, schema: &mut Value) {
    for _ in 0..=random.below(3) {
        let places = count(schema);
        let mut place = random.below(places);
        change(random, schema, &mut place);
    }
}

/// How many values there are in a value, itself among them.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Goes to a place and changes what is there; false if it lies further on.
fn change(random: &mut Random, value: &mut Value, place: &mut usize) -> bool {
    if *place == 0 {
        change_one(random, value);
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(random, item, place)),
        Value::Object(members) => members.values_mut().any(|item| change(random, item, place)),
        _ => false,
    }
}

fn change_one(random: &mut Random, value: &mut Value) {
    match value {
        Value::Number(number) => {
            let old = number.as_u64().unwrap_or_default();
            let near = old.saturating_add(random.below(5) as u64).saturating_sub(2);
            let far = *random.one_of(NUMBERS);
            *value = if random.once_in(2) { near } else { far }.into();
        }
        Value::String(text) if random.once_in(4) => text.push('_'),
        Value::String(text) => {
            text.clear();
            text.push_str(random.one_of::<&str>(TEXTS));
        }
        Value::Array(items) if !items.is_empty() => {
            let (at, to) = (random.below(items.len()), random.below(items.len()));
            match random.below(4) {
                0 => drop(items.remove(at)),
                1 => items.swap(at, to),
                2 => items.clear(),
                _ => items.insert(to, items[at].clone()),
            }
        }
        Value::Object(members) if !members.is_empty() => {
            let keys = members.keys().cloned().collect::<Vec<_>>();
            if random.once_in(8) {
                members.remove(random.one_of(&keys));
            } else if members.contains_key("kind") {
                members.insert("kind".to_owned(), (*random.one_of::<&str>(TEXTS)).into());
            }
        }
        Value::Bool(flag) => *flag = !*flag,
        _ => {}
    }
}
