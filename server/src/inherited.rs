//! A connection that this process was given as its standard input.
//!
//! Whoever starts a sidecar for itself makes a pair of connected sockets, keeps
//! one and starts the sidecar on the other: no path, no name, nothing to leave
//! behind. It is standard input, as with inetd, because that is the one
//! descriptor whose meaning needs no agreement about numbers, that passes through
//! `sh`, `env` or `nice` unharmed, and that safe Rust may take.
//!
//! The credentials of such a socket are those of who made the pair, that is, of
//! the client: just what a server wants to know of its peer.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{Mode, OFlags, open};
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

use crate::listener::BindError;

/// Takes the connection over; standard input is `/dev/null` afterwards.
///
/// # Errors
/// [`BindError::NotInherited`], or the system's.
pub(crate) fn take_connection() -> Result<UnixStream, BindError> {
    let stdin = io::stdin();
    check(stdin.as_fd()).map_err(|seen| BindError::NotInherited { seen })?;
    take(stdin.as_fd()).map_err(|error| BindError::System {
        doing: "taking the connection over from standard input".to_owned(),
        error,
    })
}

fn take(stdin: BorrowedFd<'_>) -> io::Result<UnixStream> {
    let connection = UnixStream::from(stdin.try_clone_to_owned()?);
    // The clone is close-on-exec. No child of a handler may hold the connection:
    // the client would wait in vain for the hang-up that tells it of our death.
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(null)?;
    connection.set_nonblocking(true)?;
    Ok(connection)
}

/// What is wrong with `socket`, if it is no connected unix stream socket.
fn check(socket: BorrowedFd<'_>) -> Result<(), &'static str> {
    match (socket_domain(socket), socket_type(socket)) {
        (Err(_), _) | (_, Err(_)) => return Err("no socket"),
        (Ok(AddressFamily::UNIX), Ok(SocketType::STREAM)) => {}
        _ => return Err("a socket of another kind"),
    }
    if socket_acceptconn(socket).unwrap_or(false) {
        return Err("a socket that listens");
    }
    match rustix::net::getpeername(socket) {
        Ok(Some(_)) => Ok(()),
        _ => Err("a socket that is not connected"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use rustix::net::{SocketFlags, socket_with};

    use super::*;

    #[test]
    fn only_a_connected_unix_stream_is_taken() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        assert_eq!(check(ours.as_fd()), Ok(()));
        let file = std::fs::File::open("/dev/null").expect("it exists");
        assert_eq!(check(file.as_fd()), Err("no socket"));
        let datagrams = UnixDatagram::unbound().expect("a socket");
        assert_eq!(check(datagrams.as_fd()), Err("a socket of another kind"));
        let fresh = |family| socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let tcp = fresh(AddressFamily::INET).expect("a socket");
        assert_eq!(check(tcp.as_fd()), Err("a socket of another kind"));
        let alone = fresh(AddressFamily::UNIX).expect("a socket");
        assert_eq!(check(alone.as_fd()), Err("a socket that is not connected"));
        rustix::net::bind(&alone, &rustix::net::SocketAddrUnix::new_unnamed()).expect("a name");
        let listener = UnixListener::from(alone);
        rustix::net::listen(&listener, 1).expect("it listens");
        assert_eq!(check(listener.as_fd()), Err("a socket that listens"));
    }
}
