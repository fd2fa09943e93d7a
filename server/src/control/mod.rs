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
                    let (shared, handshakes) = (Arc::clone(shared), Arc::clone(&handshakes));
                    connections.spawn(async move {
                        if let Err(error) = connect(&shared, stream, &handshakes).await {
                            tracing::warn!(%error, "connection refused");
                        }
                    });
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

/// Serves the one client of a connection that was inherited, and ends with it.
///
/// # Errors
/// Why it did not come to a session.
pub(crate) async fn serve_one(
    shared: &Arc<Shared>,
    stream: std::os::unix::net::UnixStream,
) -> Result<(), Error> {
    raise_descriptor_limit();
    let stream = UnixStream::from_std(stream)
        .map_err(|error| system("watching the inherited connection", &error))?;
    tracing::info!(version = crate::VERSION, "server started for one client");
    let outcome = connect(shared, stream, &Semaphore::new(1)).await;
    tracing::info!("server ends");
    outcome
}

/// From a connection to the end of its session.
///
/// # Errors
/// Why it did not come to a session, unless the server ended before.
async fn connect(
    shared: &Arc<Shared>,
    stream: UnixStream,
    handshakes: &Semaphore,
) -> Result<(), Error> {
    let mut phases = shared.phases();
    let begun = tokio::select! {
        begun = handshake::accept(shared, stream, handshakes) => begun,
        _ = phases.wait_for(|phase| *phase != Phase::Serving) => return Ok(()),
    };
    let connection = begun.inspect_err(|_| shared.count_refused())?;
    connection.run(shared, phases).await;
    Ok(())
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
