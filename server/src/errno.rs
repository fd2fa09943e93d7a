//! System errors with what was being done.

use std::io;

use outrigger_layout::{Code, Error};

/// An [`Error`] that says what failed: `<doing>: <system's words>`. Running out
/// of memory or descriptors is RESOURCE_EXHAUSTED, the rest UNKNOWN.
pub(crate) fn system(doing: &str, error: &io::Error) -> Error {
    let exhausted = matches!(
        error
            .raw_os_error()
            .map(rustix::io::Errno::from_raw_os_error),
        Some(
            rustix::io::Errno::NOMEM
                | rustix::io::Errno::NOSPC
                | rustix::io::Errno::MFILE
                | rustix::io::Errno::NFILE
        )
    );
    let code = if exhausted {
        Code::RESOURCE_EXHAUSTED
    } else {
        Code::UNKNOWN
    };
    Error::with_details(code, &[&format_args!("{doing}: {error}")])
}
