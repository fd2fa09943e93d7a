//! What a call brought back.

use outrigger_layout::{Codec, Error};
use serde::de::DeserializeOwned;

/// The answer of a call that succeeded, owned by the caller.
///
/// ```no_run
/// # use outrigger_client::{Client, Error};
/// # fn main() -> Result<(), Error> {
/// # let client = Client::connect("/run/app/bridge.sock")?;
/// let reply = client.call("outrigger.echo", b"").wait()?;
/// assert_eq!(reply.value(), Some(&b""[..])); // a value of length 0
/// let reply = client.call("outrigger.echo", ()).wait()?;
/// assert_eq!(reply.value(), None); // no value
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    value: Option<Vec<u8>>,
    codec: Codec,
}

impl Reply {
    pub(crate) fn new(value: Option<Vec<u8>>, codec: Codec) -> Self {
        Self { value, codec }
    }

    /// The value, or `None` if the method answered with no value.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// The value, or `None`; gives up the reply.
    pub fn into_value(self) -> Option<Vec<u8>> {
        self.value
    }

    /// The value's bytes; no bytes for no value.
    pub fn bytes(&self) -> &[u8] {
        self.value().unwrap_or_default()
    }

    /// How the value is encoded.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The value, decoded from JSON.
    ///
    /// # Errors
    /// SERIALIZATION if there is nothing to decode, or not this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.bytes().is_empty() {
            return Err(Error::serialization("empty response"));
        }
        serde_json::from_slice(self.bytes())
            .map_err(|error| Error::serialization(format!("deserialize response: {error}")))
    }
}
