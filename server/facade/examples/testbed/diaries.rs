//! One service in versions: what the tests of evolution call, in either direction.
//!
//! ```text
//!   first ──▶ second      appended to; `branch` has appended something else
//!   rewritten             another service of the same name, to be served beside
//! ```

use outrigger::Error;
use outrigger::server::Registry;

pub(crate) mod first {
    use std::fmt;

    use outrigger::Archived;

    /// What to write down.
    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Entry {
        pub(crate) text: String,
        pub(crate) pages: Vec<u64>,
        pub(crate) weather: Weather,
    }

    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum Weather {
        Dry,
        Wet(Box<String>),
    }

    /// What was written down.
    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Receipt {
        pub(crate) text: String,
        pub(crate) weather: Vec<Weather>,
        pub(crate) version: u32,
    }

    /// Why nothing was.
    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Refused {
        pub(crate) reason: String,
    }

    impl fmt::Display for Refused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.reason)
        }
    }

    /// Keeps diaries.
    #[outrigger::service(name = "diaries")]
    pub(crate) trait Diaries {
        /// Writes down.
        fn keep(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused>;
        /// Writes down elsewhere.
        async fn post(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused>;
    }

    pub(crate) struct Keeper;

    impl Diaries for Keeper {
        fn keep(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused> {
            let reason = "an empty entry".to_owned();
            let weather = match &entry.weather {
                _ if entry.text.is_empty() => return Err(Refused { reason }),
                ArchivedWeather::Dry => Weather::Dry,
                ArchivedWeather::Wet(how) => Weather::Wet(Box::new(how.as_str().to_owned())),
            };
            Ok(Receipt {
                text: entry.text.as_str().to_owned(),
                weather: vec![weather; entry.pages.len()],
                version: 1,
            })
        }

        async fn post(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused> {
            self.keep(entry)
        }
    }
}

pub(crate) mod second {
    use std::fmt;

    use outrigger::Archived;

    /// What to write down.
    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Entry {
        pub(crate) text: String,
        pub(crate) pages: Vec<u64>,
        pub(crate) weather: Weather,
        /// Who may read it.
        #[outrigger(since = 2)]
        pub(crate) readers: Option<Vec<String>>,
    }

    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum Weather {
        Dry,
        Wet(Box<String>),
        /// Nobody can tell.
        #[outrigger(since = 2)]
        Fog,
    }

    /// What was written down.
    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Receipt {
        pub(crate) text: String,
        pub(crate) weather: Vec<Weather>,
        pub(crate) version: u32,
        /// Who may read it.
        #[outrigger(since = 2)]
        pub(crate) readers: Option<Vec<String>>,
    }

    /// Why nothing was.
    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Refused {
        pub(crate) reason: String,
        /// What would be taken.
        #[outrigger(since = 2)]
        pub(crate) instead: Option<Box<str>>,
    }

    impl fmt::Display for Refused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.reason)
        }
    }

    /// Keeps diaries.
    #[outrigger::service(name = "diaries")]
    pub(crate) trait Diaries {
        /// Writes down.
        fn keep(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused>;
        /// Writes down elsewhere.
        async fn post(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused>;
    }

    pub(crate) struct Keeper;

    impl Diaries for Keeper {
        fn keep(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused> {
            if entry.text.is_empty() {
                return Err(Refused {
                    reason: "an empty entry".to_owned(),
                    instead: Some("a word".into()),
                });
            }
            let weather = match &entry.weather {
                ArchivedWeather::Dry => Weather::Dry,
                ArchivedWeather::Wet(how) => Weather::Wet(Box::new(how.as_str().to_owned())),
                ArchivedWeather::Fog => Weather::Fog,
            };
            let readers = entry.readers.as_ref();
            let names = readers.map(|all| all.iter().map(|name| name.as_str().to_owned()));
            Ok(Receipt {
                text: entry.text.as_str().to_owned(),
                weather: vec![weather; entry.pages.len()],
                version: 2,
                readers: names.map(Iterator::collect),
            })
        }

        async fn post(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused> {
            self.keep(entry)
        }
    }
}

/// Somebody else's second version of the first: of the same size as the other one.
pub(crate) mod branch {
    use outrigger::Archived;

    use super::first::{Receipt, Refused, Weather};

    #[outrigger::message(extensible)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Entry {
        pub(crate) text: String,
        pub(crate) pages: Vec<u64>,
        pub(crate) weather: Weather,
        #[outrigger(since = 2)]
        pub(crate) secret: Option<String>,
    }

    #[outrigger::service(name = "diaries")]
    pub(crate) trait Diaries {
        fn keep(&self, entry: &Archived<Entry>) -> Result<Receipt, Refused>;
    }

    pub(crate) struct Keeper;

    impl Diaries for Keeper {
        fn keep(&self, _: &Archived<Entry>) -> Result<Receipt, Refused> {
            Err(Refused {
                reason: "a branch".to_owned(),
            })
        }
    }
}

/// Another service of that name, whose clients know nothing of the others.
pub(crate) mod rewritten {
    use outrigger::{Archived, Error};

    /// One line of a diary.
    #[outrigger::message]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Line {
        pub(crate) number: u64,
        pub(crate) text: String,
    }

    /// Keeps diaries by lines.
    #[outrigger::service(name = "diaries")]
    pub(crate) trait Diaries {
        /// Returns the line.
        fn keep(&self, line: &Archived<Line>) -> Result<Line, Error>;
    }

    pub(crate) struct Keeper;

    impl Diaries for Keeper {
        fn keep(&self, line: &Archived<Line>) -> Result<Line, Error> {
            Ok(Line {
                number: line.number.to_native() + 1,
                text: line.text.as_str().to_owned(),
            })
        }
    }
}

/// Serves the version that is named, in place of what there was.
pub(crate) fn serve(registry: &Registry, version: &str) -> Result<usize, Error> {
    for method in ["diaries.keep", "diaries.post"] {
        registry.unregister(method);
    }
    match version {
        "first" => registry.register_service(first::DiariesServer::new(first::Keeper)),
        "second" => registry.register_service(second::DiariesServer::new(second::Keeper)),
        "branch" => registry.register_service(branch::DiariesServer::new(branch::Keeper)),
        "rewritten" => registry.register_service(rewritten::DiariesServer::new(rewritten::Keeper)),
        "both" => {
            serve(registry, "rewritten")?;
            registry.register_service_beside(second::DiariesServer::new(second::Keeper))
        }
        other => Err(Error::invalid_argument(format!(
            "version {other:?} (allowed: first, second, branch, rewritten, both)"
        ))),
    }
}
