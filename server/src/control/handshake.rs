//! HELLO to READY: who may come in, and what they are given.

use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use outrigger_layout::frame::{
    FRAME_MAGIC, HandshakePrefix, Hello, Refused, Welcome, control, handshake,
};
use outrigger_layout::limits::{ABI_VERSION, FRAME_MAX, LANES_MAX, VERSION_TEXT};
use outrigger_layout::segment::LAYOUT_HASH;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{ClientBell, Frame, ServerBell};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::clock::monotonic_ns;
use crate::context::Peer;
use crate::control::connection::Connection;
use crate::control::socket::Socket;
use crate::errno::system;
use crate::estate::Holding;
use crate::server::Shared;
use crate::session::{Geometry, OUTGOING_MAX, Session, SessionMemory};

/// How long a client may take for HELLO, and again for READY.
const FRAME_WAIT_MAX: Duration = Duration::from_secs(5);

/// Leads a connection to its session, or refuses it.
///
/// # Errors
/// Why it was refused; the client has been told as far as it listens.
pub(super) async fn accept(
    shared: &Arc<Shared>,
    stream: UnixStream,
    handshakes: &Semaphore,
) -> Result<Connection, Error> {
    let mut socket = Socket::new(stream);
    match shake(shared, &mut socket, handshakes).await {
        Ok(begun) => {
            let Begun {
                session,
                intake,
                outgoing,
            } = begun;
            let poller = shared.begin(&session, intake);
            Ok(Connection {
                socket,
                session,
                outgoing,
                poller,
            })
        }
        Err(error) => {
            // If the client does not even take this, its hang-up says the rest.
            let _ = socket.send(&refused(&error), &[]).await;
            Err(error)
        }
    }
}

struct Begun {
    session: Arc<Session>,
    intake: crate::session::Intake,
    outgoing: mpsc::Receiver<crate::session::Outgoing>,
}

async fn shake(
    shared: &Shared,
    socket: &mut Socket,
    handshakes: &Semaphore,
) -> Result<Begun, Error> {
    let text = |error: std::io::Error| system("asking for the client's credentials", &error);
    let (uid, pid) = socket.credentials().map_err(text)?;
    check_uid(uid, rustix::process::geteuid().as_raw())?;
    let hello = read_hello(socket).await?;
    let permit = timeout(FRAME_WAIT_MAX, handshakes.acquire()).await;
    let Ok(Ok(_permit)) = permit else {
        return Err(Error::resource_exhausted(
            "too many handshakes are unacknowledged",
        ));
    };
    if shared.session_count() >= shared.limits.sessions_max {
        let max = shared.limits.sessions_max;
        return Err(Error::resource_exhausted(format!(
            "{max} sessions (maximum {max})"
        )));
    }
    let lanes = if hello.lanes == 0 {
        shared.limits.lanes
    } else {
        hello.lanes
    };
    let lanes = lanes.min(LANES_MAX as u16);
    let epoch = shared.next_epoch();
    let limits = &shared.limits;
    let geometry = Geometry::new(epoch, lanes, &limits.call_credits(), limits.buffers_max);
    let lanes = geometry.lanes();
    let estate = shared.estates().of(&*socket, (uid, pid));
    let mut holding = Holding::new(shared.quota().open(uid), estate);
    let welcome = welcome(&geometry, epoch, shared);
    let (memory, segments) = SessionMemory::held(geometry, &holding)?;
    let fds = holding.keep(segments);
    let (client_bell, client_end) = ClientBell::new().map_err(bell_error)?;
    let server_bell = ServerBell::new().map_err(bell_error)?;
    send_welcome(socket, &welcome, fds, &client_end, &server_bell).await?;
    await_ready(socket, epoch).await?;
    // The client has its own descriptors now.
    holding.acknowledged();
    drop(client_end);
    let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
    let bells = (client_bell, server_bell);
    let peer = Peer {
        uid,
        pid,
        in_place: shared.in_place,
    };
    let (session, intake) = Session::new(epoch, peer, *limits, memory, bells, sender, holding)?;
    tracing::info!(session = epoch, pid, lanes, "session begins");
    Ok(Begun {
        session,
        intake,
        outgoing,
    })
}

fn bell_error(error: std::io::Error) -> Error {
    system("creating a doorbell", &error)
}

/// The server serves its own uid only.
fn check_uid(seen: u32, own: u32) -> Result<(), Error> {
    if seen != own {
        return Err(Error::invalid_argument(format!(
            "client uid {seen} (allowed: {own})"
        )));
    }
    Ok(())
}

async fn read_hello(socket: &mut Socket) -> Result<Hello, Error> {
    let frame = timeout(FRAME_WAIT_MAX, socket.next()).await;
    let frame = frame.map_err(|_| Error::protocol("no HELLO within 5 seconds"))??;
    let Frame::Handshake(prefix, bytes) = frame else {
        return Err(Error::protocol("a frame before HELLO"));
    };
    check_hello(&prefix, &bytes)
}

/// Checks a HELLO of whatever length.
fn check_hello(prefix: &HandshakePrefix, bytes: &[u8]) -> Result<Hello, Error> {
    if prefix.kind != handshake::HELLO {
        let (seen, wanted) = (prefix.kind, handshake::HELLO);
        return Err(Error::protocol(format!(
            "handshake kind {seen} (allowed: {wanted})"
        )));
    }
    let own = ABI_VERSION as u32;
    if prefix.abi_min > own || prefix.abi_max < own {
        let (min, max) = (prefix.abi_min, prefix.abi_max);
        let text = format!("client speaks ABI {min} to {max}, server speaks {own}");
        return Err(Error::with_details(Code::VERSION_MISMATCH, &[&text]));
    }
    let Some(known) = bytes.get(..size_of::<Hello>()) else {
        let (seen, least) = (bytes.len(), size_of::<Hello>());
        return Err(Error::protocol(format!(
            "HELLO of {seen} bytes (at least {least})"
        )));
    };
    let hello: Hello = bytemuck::pod_read_unaligned(known);
    if hello.reserved != [0; 3] || hello.reserved_tail != [0; 2] {
        return Err(Error::protocol("reserved bytes of HELLO are not zero"));
    }
    Ok(hello)
}

fn welcome(geometry: &Geometry, epoch: u64, shared: &Shared) -> Welcome {
    let mut version = [0; VERSION_TEXT as usize];
    let len = crate::VERSION.len().min(version.len());
    version[..len].copy_from_slice(&crate::VERSION.as_bytes()[..len]);
    let (server_segment_len, client_segment_len) = geometry.lens();
    Welcome {
        prefix: prefix(handshake::WELCOME, size_of::<Welcome>()),
        epoch,
        clock_ns: 0,
        server_segment_len,
        client_segment_len,
        payload_max: shared.limits.payload_max,
        layout_hash: LAYOUT_HASH,
        lanes: geometry.lanes(),
        call_credits: shared.limits.call_credits(),
        methods_max: shared.limits.methods_max,
        buffers_max: shared.limits.buffers_max,
        reserved: [0; 4],
        version,
        reserved_tail: [0; 2],
    }
}

async fn send_welcome(
    socket: &Socket,
    welcome: &Welcome,
    segments: &[OwnedFd; 2],
    client_end: &OwnedFd,
    server_bell: &ServerBell,
) -> Result<(), Error> {
    let welcome = Welcome {
        clock_ns: monotonic_ns(),
        ..*welcome
    };
    let [server, client] = segments;
    let fds = [
        server.as_fd(),
        client.as_fd(),
        client_end.as_fd(),
        server_bell.as_fd(),
    ];
    socket.send(bytemuck::bytes_of(&welcome), &fds).await
}

async fn await_ready(socket: &mut Socket, epoch: u64) -> Result<(), Error> {
    let frame = timeout(FRAME_WAIT_MAX, socket.next()).await;
    match frame.map_err(|_| Error::protocol("no READY within 5 seconds"))?? {
        Frame::Control(header, _) if header.kind == control::READY && header.token == epoch => {
            Ok(())
        }
        Frame::Control(header, body) if header.kind == control::BYE => {
            let why = String::from_utf8_lossy(&body).into_owned();
            Err(Error::new(
                Code(header.code),
                format!("the client refuses: {why}"),
            ))
        }
        Frame::Control(header, _) => {
            let (kind, token) = (header.kind, header.token);
            Err(Error::protocol(format!(
                "frame {kind} with token {token} instead of READY"
            )))
        }
        Frame::Handshake(..) => Err(Error::protocol("a second handshake frame")),
    }
}

fn prefix(kind: u32, length: usize) -> HandshakePrefix {
    let abi = ABI_VERSION as u32;
    HandshakePrefix {
        magic: FRAME_MAGIC,
        length: length as u32,
        kind,
        abi_min: abi,
        abi_max: abi,
        features: 0,
    }
}

fn refused(error: &Error) -> Vec<u8> {
    let room = FRAME_MAX as usize - size_of::<Refused>();
    let message = error.message().as_bytes();
    let message = &message[..message.len().min(room)];
    let head = Refused {
        prefix: prefix(handshake::REFUSED, size_of::<Refused>() + message.len()),
        code: error.code().0,
        reserved: [0; 3],
    };
    [bytemuck::bytes_of(&head), message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello {
            prefix: prefix(handshake::HELLO, size_of::<Hello>()),
            clock_ns: 1,
            lanes: 0,
            reserved: [0; 3],
            reserved_tail: [0; 2],
        }
    }

    fn check(hello: &Hello) -> Result<Hello, Error> {
        check_hello(&hello.prefix, bytemuck::bytes_of(hello))
    }

    #[test]
    fn another_uid_is_refused_by_number() {
        assert!(check_uid(1000, 1000).is_ok());
        let error = check_uid(1001, 1000).unwrap_err();
        assert_eq!(
            error.message(),
            "invalid argument: client uid 1001 (allowed: 1000)"
        );
    }

    #[test]
    fn a_foreign_abi_is_a_version_mismatch_that_names_both() {
        let mut foreign = hello();
        (foreign.prefix.abi_min, foreign.prefix.abi_max) = (2, 3);
        let error = check(&foreign).unwrap_err();
        assert_eq!(error.code(), Code::VERSION_MISMATCH);
        assert!(
            error
                .message()
                .ends_with("client speaks ABI 2 to 3, server speaks 1")
        );
    }

    #[test]
    fn reserved_bytes_are_refused_and_a_longer_hello_accepted() {
        assert!(
            check(&Hello {
                reserved: [0, 1, 0],
                ..hello()
            })
            .is_err()
        );
        assert!(
            check(&Hello {
                reserved_tail: [0, 1],
                ..hello()
            })
            .is_err()
        );
        let mut longer = bytemuck::bytes_of(&hello()).to_vec();
        longer.extend([7; 16]);
        assert!(check_hello(&hello().prefix, &longer).is_ok());
        assert!(check_hello(&hello().prefix, &longer[..40]).is_err());
    }
}
