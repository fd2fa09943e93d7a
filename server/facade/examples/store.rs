//! The sidecar of the guide docs/services.md: a store of keys and values. What the guide
//! and the README show of Rust stands here, and a test compares them. The Go of it is
//! client-go/internal/store.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "as it would stand in a sidecar of one's own"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outrigger::{Archived, Context, Error, Message, Server};

/// A value under a key.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub value: Vec<u8>,
    /// None for the first one under this key.
    pub revision: Option<u32>,
}

/// What is asked of the store.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// How many entries there are.
    Count,
    /// The entries whose keys begin so.
    Find { prefix: String, limit: u32 },
    /// The entries with these keys.
    Keys(Vec<String>),
}

/// Entries that were found.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub entries: Vec<Entry>,
    pub count: u64,
}

/// What all values are together.
#[outrigger::message]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total {
    pub bytes: u64,
}

/// How long to wait.
#[outrigger::message]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct After {
    pub millis: u64,
}

/// Why a query has no answer.
#[outrigger::message]
#[derive(Debug)]
pub enum StoreError {
    /// There is no such key.
    Missing { key: String },
    /// The answer is too long.
    TooMany { seen: u64, allowed: u64 },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { key } => write!(f, "no key {key:?}"),
            Self::TooMany { seen, allowed } => write!(f, "{seen} entries (maximum {allowed})"),
        }
    }
}

/// Keeps values under keys.
#[outrigger::service]
pub trait Store {
    /// Longest key, in bytes.
    const KEY_MAX: u32 = 64;

    /// Most entries in one answer.
    const FOUND_MAX: u64 = 1000;

    /// Stores an entry, unless there is a newer one.
    fn put(&self, entry: &Archived<Entry>) -> Result<(), Error>;

    /// Answers a query.
    fn query(&self, query: &Archived<Query>) -> Result<Found, StoreError>;

    /// Counts the bytes of all values.
    #[outrigger(pool)]
    fn add_up(&self, context: &Context<'_>) -> Result<Total, Error>;

    /// Empties the store after a while.
    async fn clear(&self, after: &Archived<After>) -> Result<(), Error>;
}

/// The implementation: entries by key.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<String, Entry>>);

impl Memory {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(key: &str) -> StoreError {
    let key = key.to_owned();
    StoreError::Missing { key }
}

impl Store for Memory {
    fn put(&self, entry: &Archived<Entry>) -> Result<(), Error> {
        let key = entry.key.as_str(); // or &*entry.key
        let (len, allowed) = (key.len() as u64, StoreClient::KEY_MAX);
        if len > allowed.into() {
            let text = format!("key of {len} bytes (maximum {allowed})");
            return Err(Error::invalid_argument(text));
        }
        let seen = entry.revision.as_ref().map(|number| number.to_native());
        let mut entries = self.entries();
        let stored = entries.get(key).and_then(|stored| stored.revision);
        if seen < stored {
            let text = format!("revision {seen:?} of {key:?} (stored is {stored:?})");
            return Err(Error::invalid_argument(text));
        }
        entries.insert(key.to_owned(), Entry::load(entry)?); // a value of one's own
        Ok(())
    }

    fn query(&self, query: &Archived<Query>) -> Result<Found, StoreError> {
        let stored = self.entries();
        let mut entries: Vec<Entry> = Vec::new();
        match query {
            ArchivedQuery::Count => {}
            ArchivedQuery::Find { prefix, limit } => {
                let begins = |entry: &&Entry| entry.key.starts_with(prefix.as_str());
                let matching = stored.values().filter(begins);
                entries.extend(matching.take(limit.to_native() as usize).cloned());
            }
            ArchivedQuery::Keys(keys) => {
                for key in keys.iter().map(|key| key.as_str()) {
                    let entry = stored.get(key).ok_or_else(|| missing(key))?;
                    entries.push(entry.clone());
                }
            }
        }
        let (seen, allowed) = (entries.len() as u64, StoreClient::FOUND_MAX);
        if seen > allowed {
            return Err(StoreError::TooMany { seen, allowed });
        }
        let count = stored.len() as u64;
        Ok(Found { entries, count })
    }

    fn add_up(&self, context: &Context<'_>) -> Result<Total, Error> {
        let mut bytes = 0;
        for entry in self.entries().values() {
            if context.is_cancelled() {
                return Err(Error::cancelled()); // nobody waits any more
            }
            bytes += entry.value.len() as u64;
        }
        Ok(Total { bytes })
    }

    async fn clear(&self, after: &Archived<After>) -> Result<(), Error> {
        tokio::time::sleep(Duration::from_millis(after.millis.into())).await;
        self.entries().clear();
        Ok(())
    }
}

fn main() -> ExitCode {
    let store = StoreServer::new(Memory::default());
    Server::builder().service(store).cli()
}
