//! A typed method with a message of 32 bytes, called from Rust; and what an archive
//! costs by itself, for scale.

use std::path::Path;

use outrigger::client::ArchiveMemory;
use outrigger::{Archived, Client, Error, Message, Policy};

use crate::slice::{Caller, PAYLOAD_LEN, Payload};

/// Four numbers: 32 bytes as an archive, too.
#[outrigger::message]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// The first.
    pub first: u64,
    /// The second.
    pub second: u64,
    /// The third.
    pub third: u64,
    /// The fourth.
    pub fourth: u64,
}

/// Answers ticks.
#[outrigger::service]
pub trait Ticks {
    /// Reads all fields and returns them in a tick of its own.
    fn reflect(&self, request: &Archived<Tick>) -> Result<Tick, Error>;
}

/// The implementation.
#[derive(Clone, Copy, Debug)]
pub struct Mirror;

impl Ticks for Mirror {
    fn reflect(&self, request: &Archived<Tick>) -> Result<Tick, Error> {
        Ok(Tick::of_archived(request))
    }
}

impl Tick {
    /// The numbers of a payload.
    pub fn of(payload: &Payload) -> Self {
        let word = |index: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&payload[8 * index..][..8]);
            u64::from_le_bytes(bytes)
        };
        Self {
            first: word(0),
            second: word(1),
            third: word(2),
            fourth: word(3),
        }
    }

    fn of_archived(archived: &Archived<Self>) -> Self {
        Self {
            first: archived.first.to_native(),
            second: archived.second.to_native(),
            third: archived.third.to_native(),
            fourth: archived.fourth.to_native(),
        }
    }

    fn payload(self) -> Payload {
        let mut payload = [0; PAYLOAD_LEN];
        let words = [self.first, self.second, self.third, self.fourth];
        for (bytes, word) in payload.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        payload
    }
}

/// A session with a bench sidecar, calling `ticks.reflect`.
#[derive(Debug)]
pub struct Session {
    client: TicksClient,
    memory: ArchiveMemory,
    reply: Payload,
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
            client: TicksClient::new(client.map_err(|error| error.to_string())?),
            memory: ArchiveMemory::with_capacity(PAYLOAD_LEN),
            reply: [0; PAYLOAD_LEN],
        })
    }
}

impl Caller for Session {
    fn call(&mut self, request: &Payload) -> Result<&[u8], String> {
        let request = Tick::of(request);
        let call = self.client.reflect(&request);
        let view = call.wait_into(&mut self.memory);
        let view = view.map_err(|error| error.to_string())?;
        self.reply = Tick::of_archived(view).payload();
        Ok(&self.reply)
    }
}

/// No call at all: an archive is validated, and all its fields are read.
#[derive(Debug)]
pub struct Access {
    archive: ArchiveMemory,
    reply: Payload,
}

impl Default for Access {
    fn default() -> Self {
        let mut archive = ArchiveMemory::new();
        archive.resize(PAYLOAD_LEN, 0);
        Self {
            archive,
            reply: [0; PAYLOAD_LEN],
        }
    }
}

impl Caller for Access {
    fn call(&mut self, request: &Payload) -> Result<&[u8], String> {
        // A tick's archive is its numbers in order.
        self.archive.copy_from_slice(request);
        let view = Tick::access(&self.archive).map_err(|error| error.to_string())?;
        self.reply = Tick::of_archived(view).payload();
        Ok(&self.reply)
    }
}

#[cfg(test)]
mod tests {
    use outrigger::{Server, generate};

    use super::*;
    use crate::slice::payload;

    #[test]
    fn the_go_package_of_the_bench_is_fresh() {
        let builder = Server::builder().service(TicksServer::new(Mirror));
        let schema = builder.registry().schema();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("go");
        if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
            generate::write_go(&schema, &folder).unwrap();
        }
        generate::check_go(&schema, &folder).expect("OUTRIGGER_REWRITE=1 cargo test writes it");
    }

    #[test]
    fn a_tick_s_archive_is_its_payload() {
        let mut access = Access::default();
        assert_eq!(access.call(&payload(7)).unwrap(), payload(7));
        assert_eq!(Tick::of(&payload(7)).payload(), payload(7));
    }
}
