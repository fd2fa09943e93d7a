//! The messages of another system's tests (NF-09), as a typed service that takes
//! JSON, too (NF-07).

use core::fmt;
use core::time::Duration;

use outrigger::{Archived, Context, Error};
use outrigger_ringbuf::sync::{AtomicU64, Ordering};
use serde::{Deserialize, Serialize};

/// How a timer is made.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct TimerConfig {
    /// Its name; may hold any text, NUL included.
    pub(crate) name: String,
}

/// What `create` answers.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct TimerCreated {
    /// The name that was asked for.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) name_len: u32,
}

/// A message to be sent back.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct EchoRequest {
    /// The text.
    pub(crate) message: String,
    /// Milliseconds to wait before; at most 1000.
    pub(crate) delay_ms: u32,
}

/// The message, sent back.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct EchoReply {
    /// The text that came.
    pub(crate) echoed: String,
    /// How many echoes this process has answered.
    pub(crate) count: u64,
}

/// Lists and options.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct ComplexRequest {
    /// Structs in a list.
    pub(crate) messages: Vec<EchoRequest>,
    /// Strings in a list.
    pub(crate) tags: Vec<String>,
    /// A text that may be absent.
    pub(crate) note: Option<String>,
    /// A number that may be absent.
    pub(crate) retries: Option<i64>,
}

/// What was in it.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct ComplexReply {
    /// All texts, one after the other.
    pub(crate) summary: String,
    /// How many messages.
    pub(crate) item_count: u32,
    /// The note again.
    pub(crate) note: Option<String>,
    /// One less, if there was a number.
    pub(crate) retries_left: Option<i64>,
}

/// Three parameters.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Schedule {
    /// What to run.
    pub(crate) job: TimerConfig,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// How often again; 0 for once.
    pub(crate) repeat: u16,
}

/// When it will have run for the last time.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Scheduled {
    /// Milliseconds since 1970.
    pub(crate) last_at_ms: u64,
}

/// Why a timer is refused.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) enum TimerError {
    /// No timer has this name.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The delay is longer than allowed.
    TooLong(u32, u32),
    /// Nothing runs at the moment.
    Stopped,
}

impl fmt::Display for TimerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "no timer is named {name:?}"),
            Self::TooLong(seen, max) => write!(f, "delay {seen} ms (maximum {max})"),
            Self::Stopped => f.write_str("the timers are stopped"),
        }
    }
}

/// Timers that only talk.
#[outrigger::service(json)]
pub(crate) trait Timers {
    /// Makes a timer.
    fn create(&self, request: &Archived<TimerConfig>) -> Result<TimerCreated, Error>;

    /// Sends the message back after a while. It waits on the executor, so that many
    /// can wait at once.
    async fn echo(
        &self,
        context: &Context<'_>,
        request: &Archived<EchoRequest>,
    ) -> Result<EchoReply, TimerError>;

    /// Looks at everything.
    #[outrigger(pool)]
    fn complex(
        &self,
        context: &Context<'_>,
        request: &Archived<ComplexRequest>,
    ) -> Result<ComplexReply, Error>;

    /// Plans a job; an empty name is refused.
    fn schedule(&self, request: &Archived<Schedule>) -> Result<Scheduled, TimerError>;

    /// Stops all timers, which are none.
    fn stop(&self) -> Result<(), TimerError>;
}

/// The implementation.
#[derive(Debug, Default)]
pub(crate) struct Talking {
    echoes: AtomicU64,
}

/// The longest delay of an echo.
const DELAY_MAX_MS: u32 = 1000;

impl Timers for Talking {
    fn create(&self, request: &Archived<TimerConfig>) -> Result<TimerCreated, Error> {
        let name = request.name.as_str().to_owned();
        let name_len = name.len() as u32;
        Ok(TimerCreated { name, name_len })
    }

    async fn echo(
        &self,
        _: &Context<'_>,
        request: &Archived<EchoRequest>,
    ) -> Result<EchoReply, TimerError> {
        let delay_ms = request.delay_ms.to_native();
        if delay_ms > DELAY_MAX_MS {
            return Err(TimerError::TooLong(delay_ms, DELAY_MAX_MS));
        }
        tokio::time::sleep(Duration::from_millis(delay_ms.into())).await;
        let count = self.echoes.fetch_add(1, Ordering::Relaxed) + 1;
        let echoed = request.message.as_str().to_owned();
        Ok(EchoReply { echoed, count })
    }

    fn complex(
        &self,
        _: &Context<'_>,
        request: &Archived<ComplexRequest>,
    ) -> Result<ComplexReply, Error> {
        let texts = request.messages.iter().map(|echo| echo.message.as_str());
        let tags = request.tags.iter().map(|tag| tag.as_str());
        Ok(ComplexReply {
            summary: texts.chain(tags).collect(),
            item_count: request.messages.len() as u32,
            note: request.note.as_ref().map(|note| note.as_str().to_owned()),
            retries_left: request.retries.as_ref().map(|count| count.to_native() - 1),
        })
    }

    fn schedule(&self, request: &Archived<Schedule>) -> Result<Scheduled, TimerError> {
        if request.job.name.is_empty() {
            return Err(TimerError::Unknown {
                name: String::new(),
            });
        }
        let repeated = u64::from(request.repeat.to_native()) * 1000;
        Ok(Scheduled {
            last_at_ms: request.at_ms.to_native() + repeated,
        })
    }

    fn stop(&self) -> Result<(), TimerError> {
        Err(TimerError::Stopped)
    }
}
