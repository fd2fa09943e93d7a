//! How to connect.

use std::time::Duration;

use outrigger_layout::Error;
use outrigger_layout::limits::LANES_MAX;
use outrigger_ringbuf::Policy;

use crate::client::Client;

/// How long a handshake may take unless [`Options::connect_timeout`] says
/// otherwise; the server allows as much.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The kernel takes a timeout of 0 for none.
const CONNECT_TIMEOUT_MIN: Duration = Duration::from_millis(1);
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// What may be chosen before a client connects.
///
/// ```no_run
/// use outrigger_client::{Client, Policy};
///
/// # fn main() -> Result<(), outrigger_client::Error> {
/// let client = Client::builder()
///     .wait(Policy::Block)
///     .lanes(2)
///     .connect("unix:///run/app/bridge.sock")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub(crate) policy: Policy,
    pub(crate) lanes: u16,
    pub(crate) connect_timeout: Duration,
    /// The program has promised that the server leaves its replies alone.
    pub(crate) in_place: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            lanes: 0,
            connect_timeout: CONNECT_TIMEOUT,
            in_place: false,
        }
    }
}

impl Options {
    /// How a blocking caller waits for its reply: `Hybrid` (the default) looks
    /// for as long as it has paid lately, up to 200 microseconds, then sleeps;
    /// `Spin` looks for 20 milliseconds; `Block` sleeps at once. On a single CPU
    /// every policy is `Block`.
    #[must_use]
    pub fn wait(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How many lanes to ask for, 1 to 16; 0, the default, leaves it to the
    /// server, which may grant another number in any case. Calls on one lane
    /// share a short lock; a thread keeps to one lane while that has credits.
    #[must_use]
    pub fn lanes(mut self, count: u16) -> Self {
        self.lanes = count;
        self
    }

    /// How long connecting may take: 5 seconds by default, an hour at most.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.clamp(CONNECT_TIMEOUT_MIN, CONNECT_TIMEOUT_MAX);
        self
    }

    /// Connects; see [`Client::connect`].
    ///
    /// # Errors
    /// As [`Client::connect`]; INVALID_ARGUMENT for more than 16 lanes.
    pub fn connect(self, address: &str) -> Result<Client, Error> {
        if u64::from(self.lanes) > LANES_MAX {
            let seen = self.lanes;
            return Err(Error::invalid_argument(format!(
                "{seen} lanes (allowed: 0 to {LANES_MAX})"
            )));
        }
        Client::connect_with(address, &self)
    }
}
