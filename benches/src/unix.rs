//! A unix socket that carries the same bytes: the peer in Rust. Its driver is in
//! Go (`go/socket.go`).

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::slice::PAYLOAD_LEN;

/// Echoes 32 bytes at a time on one connection after another. `ready` runs when
/// clients may connect.
///
/// # Errors
/// The system's, as text.
pub fn serve(path: &Path, ready: impl FnOnce()) -> Result<(), String> {
    let listener = UnixListener::bind(path).map_err(|error| error.to_string())?;
    ready();
    for stream in listener.incoming() {
        let mut stream = stream.map_err(|error| error.to_string())?;
        let mut payload = [0; PAYLOAD_LEN];
        // The client ends the connection whenever it likes.
        while stream.read_exact(&mut payload).is_ok() && stream.write_all(&payload).is_ok() {}
    }
    Ok(())
}
