//! `outrigger.echo`, called from Rust through the product's own client, and the
//! sidecar that answers.

use std::path::Path;

use outrigger_client::Client;
use outrigger_server::{Policy, Server};

use crate::slice::{Caller, PAYLOAD_LEN, Payload};
use crate::typed::{Mirror, TicksServer};

/// The method all product cases call; every server has it.
pub const METHOD: &str = "outrigger.echo";

/// A session with a bench sidecar.
#[derive(Debug)]
pub struct Session {
    client: Client,
    reply: Vec<u8>,
}

impl Session {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// The client's.
    pub fn connect(path: &Path, policy: Policy) -> Result<Self, String> {
        let address = format!("unix://{}", path.display());
        let client = Client::builder().wait(policy).connect(&address);
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            reply: Vec::with_capacity(PAYLOAD_LEN),
        })
    }
}

impl Caller for Session {
    fn call(&mut self, request: &Payload) -> Result<&[u8], String> {
        let outcome = self.client.call_into(METHOD, request, &mut self.reply);
        outcome.map_err(|error| error.to_string())?;
        Ok(&self.reply)
    }
}

/// Serves the built-in methods and `ticks` at `path` until this process ends. `ready` runs
/// when clients may connect.
///
/// # Errors
/// The server's.
pub fn serve(path: &Path, policy: Policy, ready: impl FnOnce()) -> Result<(), String> {
    let builder = Server::builder().service(TicksServer::new(Mirror));
    let server = builder.wait(policy).bind(path);
    let server = server.map_err(|error| error.to_string())?;
    ready();
    server.run().map_err(|error| error.to_string())
}
