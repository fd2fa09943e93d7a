//! The control thread: accepting, handshakes, frames, the end.
//!
//! Not the data path. One task per connection owns its socket from accept to
//! hang-up; the hang-up is the death notice.

mod connection;
mod handshake;
mod socket;

use core::time::Duration;
use std::sync::Arc;

use outrigger_layout::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::errno::system;
use crate::listener::Listener;
use crate::server::{Phase, Shared};

/// Handshakes whose fds are sent and not yet acknowledged; the kernel counts fds
/// in flight per uid, and refuses everybody beyond its limit.
const UNACKNOWLEDGED_MAX: usize = 64;
/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the server's end, then waits for the connections to end too.
pub(crate) async fn serve(shared: &Arc<Shared>, listener: Listener) -> Result<(), Error> {
    raise_descriptor_limit();
    let text = |error: std::io::Error| system("listening", &error);
    let socket = listener.handle().map_err(text)?;
    let socket = UnixListener::from_std(socket).map_err(text)?;
    let handshakes = Arc::new(Semaphore::new(UNACKNOWLEDGED_MAX));
    let mut connections = JoinSet::new();
    let mut phases = shared.phases();
    tracing::info!(path = %listener.path().display(), version = crate::VERSION, "server started");
    loop {
        tokio::select! {
            biased;
            _ = phases.wait_for(|phase| *phase != Phase::Serving) => break,
            Some(_) = connections.join_next() => {}
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connect(Arc::clone(shared), stream, Arc::clone(&handshakes)));
                }
                Err(error) => {
                    tracing::error!(%error, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(socket);
    drop(listener);
    tracing::info!(sessions = shared.session_count(), "server ends");
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn connect(shared: Arc<Shared>, stream: UnixStream, handshakes: Arc<Semaphore>) {
    let mut phases = shared.phases();
    let begun = tokio::select! {
        begun = handshake::accept(&shared, stream, &handshakes) => begun,
        _ = phases.wait_for(|phase| *phase != Phase::Serving) => return,
    };
    match begun {
        Ok(connection) => connection.run(&shared, phases).await,
        Err(error) => {
            shared.count_refused();
            tracing::warn!(%error, "connection refused");
        }
    }
}

/// Four to six descriptors per session: the soft limit of 1024 is soon reached.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
