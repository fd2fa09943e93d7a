//! Names: from Rust's words to Go's.
//!
//! ```text
//!   user_id ─▶ [user, id] ─▶ UserID        HttpUrl ─▶ [Http, Url] ─▶ HTTPURL
//! ```
//!
//! Every name is claimed in its scope before it is used, so that two things never
//! have one name: the first to come has the plain one.

use std::collections::BTreeSet;

/// Words that Go writes in capitals.
#[rustfmt::skip]
const INITIALISMS: &[&str] = &[
    "ACL", "API", "ASCII", "CPU", "DNS", "EOF", "GUID", "HTML", "HTTP", "HTTPS", "ID", "IP",
    "JSON", "LHS", "QPS", "RAM", "RHS", "RPC", "SLA", "SMTP", "SQL", "SSH", "TCP", "TLS", "TTL",
    "UDP", "UI", "UID", "URI", "URL", "UTF8", "UUID", "VM", "XML",
];

/// Names that are taken, in one scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    taken: BTreeSet<String>,
}

impl Scope {
    /// A scope in which these names are taken.
    pub(super) fn with(names: &[&str]) -> Self {
        let taken = names.iter().map(|name| (*name).to_owned()).collect();
        Self { taken }
    }

    /// Takes the first candidate that is free together with all that come with it.
    /// If none is, the last candidate gets the first number that makes it free.
    pub(super) fn claim_with(
        &mut self,
        candidates: &[String],
        company: impl Fn(&str) -> Vec<String>,
    ) -> String {
        let last = candidates.last().cloned().unwrap_or_default();
        let numbered = (2..).map(|number| format!("{last}{number}"));
        let mut all = candidates.iter().cloned().chain(numbered);
        let free = |name: &String| company(name).iter().all(|name| !self.taken.contains(name));
        let name = all.find(free).unwrap_or(last);
        self.taken.extend(company(&name));
        name
    }

    /// Takes the first candidate that is free.
    pub(super) fn claim(&mut self, candidates: &[String]) -> String {
        self.claim_with(candidates, |name| vec![name.to_owned()])
    }
}

/// A name that other packages see: `user_id` to `UserID`.
pub(super) fn exported(name: &str) -> String {
    let plain = name.strip_prefix("r#").unwrap_or(name);
    let shouted = !plain.chars().any(char::is_lowercase);
    let joined: String = words(plain)
        .iter()
        .map(|word| capitalised(word, shouted))
        .collect();
    match joined.chars().next() {
        Some(first) if first.is_uppercase() => joined,
        _ => format!("X{joined}"),
    }
}

/// The exported name of a field: tuples have numbers.
pub(super) fn field(name: &str, count: usize) -> String {
    match name.parse::<u32>() {
        Ok(_) if count == 1 => "Value".to_owned(),
        Ok(number) => format!("Field{number}"),
        Err(_) => exported(name),
    }
}

/// `HTTPServer_name2Go` to `HTTP`, `Server`, `name2`, `Go`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in name.split(|c: char| !c.is_alphanumeric()) {
        let chars: Vec<char> = part.chars().collect();
        for (index, &c) in chars.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| chars[before]);
            let next_is_small = chars.get(index + 1).is_some_and(|c| c.is_lowercase());
            let begins = match before {
                None => true,
                Some(before) => c.is_uppercase() && (!before.is_uppercase() || next_is_small),
            };
            match words.last_mut() {
                Some(word) if !begins => word.push(c),
                _ => words.push(c.into()),
            }
        }
    }
    words
}

fn capitalised(word: &str, shouted: bool) -> String {
    let upper = word.to_uppercase();
    if INITIALISMS.contains(&upper.as_str()) {
        return upper;
    }
    let singular = upper.strip_suffix('S').unwrap_or_default();
    if !shouted && INITIALISMS.contains(&singular) {
        return format!("{singular}s");
    }
    let mut chars = word.chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let rest = chars.as_str();
    if shouted {
        first + &rest.to_lowercase()
    } else {
        first + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_go_programmer_would_choose() {
        for (rust, go) in [
            ("user_id", "UserID"),
            ("UserId", "UserID"),
            ("HttpUrl", "HTTPURL"),
            ("peer_ids", "PeerIDs"),
            ("r#type", "Type"),
            ("err", "Err"),
            ("json_api", "JSONAPI"),
            ("Ed25519", "Ed25519"),
            ("NOT_FOUND", "NotFound"),
            ("HTTPServer", "HTTPServer"),
            ("sha256_hash", "Sha256Hash"),
            ("_1st", "X1st"),
            ("größe", "Größe"),
            ("名", "X名"),
            ("ip", "IP"),
        ] {
            assert_eq!(exported(rust), go, "{rust}");
        }
    }

    #[test]
    fn the_first_to_come_has_the_plain_name() {
        let mut scope = Scope::with(&["Client"]);
        let names = ["Client".to_owned(), "ClientMessage".to_owned()];
        let claimed = [
            scope.claim(&names),
            scope.claim(&names),
            scope.claim(&names),
        ];
        assert_eq!(
            claimed,
            ["ClientMessage", "ClientMessage2", "ClientMessage3"]
        );
    }
}
