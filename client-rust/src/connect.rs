//! From an address to a live session.
//!
//! ```text
//!   connect ─▶ uid of the peer ─▶ HELLO ─▶ WELCOME + 4 fds ─▶ check, map ─▶ READY
//! ```
//!
//! Each refusal says what was seen and what is allowed.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use outrigger_layout::frame::{control, fds};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{FrameReader, ServerBell, is_private_uid};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use rustix::process::geteuid;

use crate::control::Control;
use crate::handshake::Handshake;
use crate::options::Options;
use crate::segments;
use crate::session::Session;
use crate::welcome::check_welcome;

/// Bytes of a socket's path, without the zero behind it (`sun_path`).
const SUN_PATH_MAX: usize = 107;

/// What the reader thread alone owns.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Read end of the server's doorbell.
    pub(crate) bell: OwnedFd,
    /// Cuts frames; may hold bytes that came behind WELCOME.
    pub(crate) frames: FrameReader,
}

/// Connects and shakes hands.
///
/// # Errors
/// INVALID_ARGUMENT for the address or the peer's uid; PEER_GONE without a
/// server; TIMEOUT; the server's own code if it refused; PROTOCOL or
/// VERSION_MISMATCH for what it sent.
pub(crate) fn connect(address: &str, options: &Options) -> Result<(Session, Incoming), Error> {
    let deadline = Instant::now() + options.connect_timeout;
    let path = parse(address)?;
    let socket = open(&path, options.connect_timeout)?;
    let uid = check_peer(&socket, &path)?;
    let mut handshake = Handshake::new(&path, &socket, deadline);
    let (welcome, clock) = handshake.shake(options.lanes)?;
    let terms = check_welcome(&welcome, clock)?;
    let [server, client, client_bell, server_bell] = take_fds(&mut handshake.frames)?;
    check_bells(&client_bell, &server_bell)?;
    let rings = segments::map(&welcome, &server, &client)?;
    let reader_bell = ServerBell::new()
        .map_err(|error| Error::resource_exhausted(format!("eventfd: {error}")))?;
    let bells = (ServerBell::from_received(server_bell), reader_bell);
    let incoming = Incoming {
        bell: client_bell,
        frames: handshake.frames,
    };
    let (epoch, policy) = (terms.epoch, options.policy);
    let mut session = Session::new(terms, rings, Control::new(socket), bells, policy);
    session.in_place = options.in_place && is_private_uid(uid);
    session.post(control::READY, Code::OK, epoch, &[]);
    tracing::debug!(epoch, path = %path.display(), "session began");
    Ok((session, incoming))
}

/// The path in `unix:///path`, `unix:path` or `path`.
fn parse(address: &str) -> Result<PathBuf, Error> {
    let path = match address.strip_prefix("unix:") {
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None => address,
    };
    let refused = |text: String| Err(Error::invalid_argument(text));
    if path.is_empty() {
        return refused(format!(
            "address {address:?} (allowed: unix:///path or a path)"
        ));
    }
    if path.contains("://") {
        return refused(format!(
            "address {address:?} (allowed: unix:///path or a path)"
        ));
    }
    if path.len() > SUN_PATH_MAX {
        let len = path.len();
        return refused(format!(
            "socket path of {len} bytes (maximum {SUN_PATH_MAX}): {path}"
        ));
    }
    if path.contains('\0') {
        return refused("socket path with a zero byte".to_owned());
    }
    Ok(PathBuf::from(path))
}

/// A connected socket that does not block.
fn open(path: &Path, timeout: Duration) -> Result<OwnedFd, Error> {
    let failed = |error: rustix::io::Errno| unreachable(path, &io::Error::from(error));
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|error| Error::resource_exhausted(format!("socket: {error}")))?;
    // A full backlog lets connect wait; the send timeout bounds that.
    set_socket_timeout(&socket, Timeout::Send, Some(timeout)).map_err(failed)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let flags = fcntl_getfl(&socket).map_err(failed)?;
    fcntl_setfl(&socket, flags | OFlags::NONBLOCK).map_err(failed)?;
    Ok(socket)
}

fn unreachable(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    let text = match error.kind() {
        io::ErrorKind::NotFound => format!("no socket at {path} ({error}): is the server running?"),
        io::ErrorKind::ConnectionRefused => {
            format!("nobody listens at {path} ({error}): is the server running?")
        }
        io::ErrorKind::WouldBlock => format!("{path} does not accept connections ({error})"),
        _ => format!("{path}: {error}"),
    };
    Error::with_details(Code::PEER_GONE, &[&text])
}

/// The server's uid, if it is one that may be let in.
fn check_peer(socket: &OwnedFd, path: &Path) -> Result<u32, Error> {
    // Not rustix's: its pid cannot be 0, as that of a sibling PID namespace is.
    let peer = getsockopt(socket, PeerCredentials);
    let peer = peer.map_err(|error| unreachable(path, &error.into()))?;
    let (seen, own) = (peer.uid(), geteuid().as_raw());
    if seen != own && seen != 0 {
        let path = path.display();
        return Err(Error::invalid_argument(format!(
            "server at {path} runs as uid {seen} (allowed: {own}, 0)"
        )));
    }
    Ok(seen)
}

fn take_fds(frames: &mut FrameReader) -> Result<[OwnedFd; fds::COUNT as usize], Error> {
    let received: Vec<OwnedFd> = frames.fds.drain(..).collect();
    received.try_into().map_err(|received: Vec<OwnedFd>| {
        let seen = received.len();
        Error::protocol(format!(
            "{seen} descriptors with WELCOME (allowed: {})",
            fds::COUNT
        ))
    })
}

/// The bells must not block, and ringing the server's must not be able to raise
/// SIGPIPE.
fn check_bells(client_bell: &OwnedFd, server_bell: &OwnedFd) -> Result<(), Error> {
    let unreadable = |error: rustix::io::Errno| Error::protocol(format!("doorbell: {error}"));
    for (name, fd) in [("client", client_bell), ("server", server_bell)] {
        if !fcntl_getfl(fd.as_fd())
            .map_err(unreadable)?
            .contains(OFlags::NONBLOCK)
        {
            return Err(Error::protocol(format!(
                "{name} doorbell blocks (it must be O_NONBLOCK)"
            )));
        }
        let kind = FileType::from_raw_mode(fstat(fd).map_err(unreadable)?.st_mode);
        let is_pipe = kind == FileType::Fifo;
        if is_pipe != (name == "client") || kind == FileType::Socket {
            return Err(Error::protocol(format!(
                "{name} doorbell is a {kind:?} (allowed: a pipe from the server, an eventfd to it)"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_socket_with_or_without_a_scheme() {
        for address in ["unix:///run/a.sock", "unix:/run/a.sock", "/run/a.sock"] {
            assert_eq!(parse(address).unwrap(), Path::new("/run/a.sock"));
        }
        assert_eq!(parse("unix:a.sock").unwrap(), Path::new("a.sock"));
        for address in ["", "unix:", "unix://", "tcp://localhost:1", "a\0b"] {
            let error = parse(address).unwrap_err();
            assert_eq!(error.code(), Code::INVALID_ARGUMENT, "{address:?}");
        }
    }

    #[test]
    fn a_path_longer_than_sun_path_is_named_with_its_length() {
        assert!(parse(&"x".repeat(107)).is_ok());
        let error = parse(&"x".repeat(108)).unwrap_err();
        assert!(
            error.message().contains("108 bytes (maximum 107)"),
            "{error}"
        );
    }
}
