//! The sidecar of the guide docs/messages.md: what the guide shows of Rust stands here,
//! and a test compares the two. The Go of it is client-go/internal/parcels.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "as it would stand in a crate of messages"
)]

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use outrigger::server::Builder;
use outrigger::{Archived, Error, Message, Server};

/// What is sent.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    /// Its number.
    pub id: u64,
    /// Who gets it.
    pub to: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// What it is worth, if somebody has said so.
    pub value: Option<u32>,
    /// Where it comes by.
    pub stops: Vec<Stop>,
    /// Where it is.
    pub state: State,
}

/// A place on the way.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// Its name.
    pub city: String,
    /// How long the parcel stays.
    pub wait: Duration,
}

/// Where a parcel is.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nobody has seen it yet.
    Unknown,
    /// On its way.
    Moving {
        /// How fast.
        speed: Speed,
        /// Stops behind it.
        passed: u32,
    },
    /// This person has it.
    Delivered(String),
    /// It has come back, and was in this state before.
    Returned(Box<Self>),
}

/// How fast a parcel is.
#[outrigger::message]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// By ship.
    Slow = 1,
    /// By air.
    Fast = 5,
}

/// Why a parcel is not taken.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The number of bytes that it has.
    pub seen: u64,
    /// The number that it may have.
    pub allowed: u64,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seen, allowed } = self;
        write!(f, "content of {seen} bytes (maximum {allowed})")
    }
}

/// What somebody wants to know.
#[outrigger::message(extensible)]
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// About this parcel.
    pub parcel: u64,
    /// The language of the answer. Clients of the first release do not say.
    #[outrigger(since = 2)]
    pub language: Option<String>,
}

/// Where a parcel is, as far as anybody knows.
#[outrigger::message(extensible)]
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nobody knows.
    Unknown,
    /// It is here.
    At(Box<Stop>),
    /// It was last seen here.
    #[outrigger(since = 2)]
    Lost(Box<Stop>),
}

/// A field of every kind, in the order of the guide's table.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Kinds {
    pub number: u32,
    pub float: f64,
    pub flag: bool,
    pub letter: char,
    pub wide: u128,
    pub signed: i128,
    pub time: Duration,
    pub text: String,
    pub fixed_text: Box<str>,
    pub bytes: Vec<u8>,
    pub numbers: Vec<u64>,
    pub fixed_numbers: Box<[u64]>,
    pub texts: Vec<String>,
    pub structs: Vec<Stop>,
    pub digest: [u8; 32],
    pub two: [Stop; 2],
    pub tuple: (u8, String),
    pub maybe: Option<u32>,
    pub maybe_struct: Option<Stop>,
    pub outcome: Result<u32, String>,
    pub member: Stop,
    pub speed: Speed,
    pub state: State,
    pub boxed: Box<Stop>,
    #[outrigger(as_vec)]
    pub map: BTreeMap<String, u32>,
    #[outrigger(as_vec)]
    pub set: BTreeSet<String>,
    pub not_zero: NonZeroU32,
    #[outrigger(niche)]
    pub maybe_boxed: Option<Box<Stop>>,
    pub page: Page<Stop>,
    pub tree: Vec<Route>,
}

/// A stop, and where it goes on from there.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Here.
    pub at: Stop,
    /// Then to each of these.
    pub then: Vec<Self>,
}

/// Some of many.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// Those on this page.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
}

/// What a parcel costs.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// By country, in the smallest coin.
    #[outrigger(as_vec)]
    pub postage: BTreeMap<String, u32>,
}

/// What the postage to a country is.
pub fn postage(prices: &Archived<Prices>, country: &str) -> Option<u32> {
    let mut entries = prices.postage.iter();
    let entry = entries.find(|entry| entry.key == country)?;
    Some(entry.value.to_native())
}

/// The service as it was in the first release.
pub mod old {
    use outrigger::Error;

    /// What a parcel costs; there was one country.
    #[outrigger::message]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Prices {
        pub britain: u32,
    }

    #[outrigger::service]
    pub trait Parcels {
        fn prices(&self) -> Result<Prices, Error>;
    }
}

impl old::Parcels for Depot {
    fn prices(&self) -> Result<old::Prices, Error> {
        let prices = Parcels::prices(self)?.postage; // the new one answers
        let britain = prices["Britain"];
        Ok(old::Prices { britain })
    }
}

/// Takes parcels.
#[outrigger::service]
pub trait Parcels {
    /// Answers a question.
    fn ask(&self, question: &Archived<Question>) -> Result<Answer, Error>;

    /// Takes a parcel, and says where it is now.
    fn send(&self, parcel: &Archived<Parcel>) -> Result<State, Refused>;

    /// Says what parcels cost.
    fn prices(&self) -> Result<Prices, Error>;

    /// Gives a value of every kind back.
    fn reflect(&self, kinds: &Archived<Kinds>) -> Result<Kinds, Error>;
}

/// Most bytes in a parcel.
const CONTENT_MAX: u64 = 1000;

/// The implementation.
#[derive(Clone, Copy, Debug)]
pub struct Depot;

impl Parcels for Depot {
    fn ask(&self, question: &Archived<Question>) -> Result<Answer, Error> {
        let city = match question.language.as_ref() {
            Some(language) if language == "it" => "Londra",
            _ => "London",
        };
        Ok(Answer::Lost(Box::new(Stop {
            city: city.to_owned(),
            wait: Duration::from_secs(question.parcel.to_native()),
        })))
    }

    fn send(&self, parcel: &Archived<Parcel>) -> Result<State, Refused> {
        let seen = parcel.content.len() as u64;
        if seen > CONTENT_MAX {
            let allowed = CONTENT_MAX;
            return Err(Refused { seen, allowed });
        }
        Ok(match &parcel.state {
            ArchivedState::Unknown => State::Moving {
                speed: Speed::Fast,
                passed: 0,
            },
            ArchivedState::Moving { passed, .. } if passed.to_native() == 0 => {
                State::Returned(Box::new(State::Unknown))
            }
            _ => State::Delivered(parcel.to.to_string()),
        })
    }

    fn prices(&self) -> Result<Prices, Error> {
        let postage = [("Britain", 1), ("France", 3)];
        let postage = postage.map(|(country, coins)| (country.to_owned(), coins));
        Ok(Prices {
            postage: BTreeMap::from(postage),
        })
    }

    fn reflect(&self, kinds: &Archived<Kinds>) -> Result<Kinds, Error> {
        Kinds::load(kinds)
    }
}

/// Both versions of the service.
pub fn builder() -> Builder {
    Server::builder()
        .service(ParcelsServer::new(Depot))
        .service_beside(old::ParcelsServer::new(Depot))
}

fn main() -> ExitCode {
    builder().cli()
}
