//! The server's unix socket: taking a path over, and giving it up.
//!
//! All of it happens under a lock on the folder (flock on the folder itself, so
//! that no lock file is left behind): probe, bind a temporary name, rename it
//! over. Nobody ever sees a path that is bound but does not listen, and of two
//! servers that start at once the second one finds the first alive.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use outrigger_layout::Error;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};

/// Bytes of a path in `sockaddr_un`, its final zero excluded.
pub(crate) const PATH_MAX: usize = 107;

/// Why a server cannot listen.
#[derive(Debug)]
pub enum BindError {
    /// The builder was given something wrong, or the server could not be set up.
    Configuration(Error),
    /// The path does not fit `sockaddr_un`.
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Another server answers on the path.
    Live {
        /// The path.
        path: PathBuf,
    },
    /// Something that is no socket has the path.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Standard input, which was announced as a connection, is something else.
    NotInherited {
        /// What it is.
        seen: &'static str,
    },
    /// A system call failed.
    System {
        /// What was being done, and what to do about it.
        doing: String,
        /// The system's answer.
        error: io::Error,
    },
}

impl core::fmt::Display for BindError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Configuration(error) => write!(f, "{error}"),
            Self::TooLong { len } => write!(
                f,
                "socket path of {len} bytes (maximum {PATH_MAX}): \
                 choose a folder with a shorter name"
            ),
            Self::Live { path } => write!(
                f,
                "a server is listening on {}: stop it or choose another path",
                path.display()
            ),
            Self::NotASocket { path } => write!(
                f,
                "{} exists and is no socket: remove it or choose another path",
                path.display()
            ),
            Self::NotInherited { seen } => write!(
                f,
                "standard input is {seen} (allowed with --inherited-socket: the connected unix \
                 stream socket of whoever starts this process); \
                 to listen on a path give --socket PATH"
            ),
            Self::System { doing, error } => write!(f, "{doing}: {error}"),
        }
    }
}

impl core::error::Error for BindError {}

/// A listening socket that unlinks its path when dropped, if the path is still
/// its own.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    inode: (u64, u64),
}

impl Listener {
    /// Listens on `path`; see the module.
    pub(crate) fn bind(path: &Path) -> Result<Self, BindError> {
        let len = path.as_os_str().len();
        if len > PATH_MAX {
            return Err(BindError::TooLong { len });
        }
        let name = path.file_name().ok_or_else(|| BindError::System {
            doing: format!("listening on {}", path.display()),
            error: io::Error::new(io::ErrorKind::InvalidInput, "it names no file"),
        })?;
        let folder = lock_folder(path)?;
        probe(path)?;
        let base = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        let temporary = base.join(format!(".outrigger-{}", std::process::id()));
        let failed = |error| BindError::System {
            doing: format!("creating {} (is its folder writable?)", path.display()),
            error,
        };
        let _ = std::fs::remove_file(&temporary);
        let socket = UnixListener::bind(&temporary).map_err(failed)?;
        let finish = || {
            std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o600))?;
            let inode = inode_of(&temporary)?;
            std::fs::rename(&temporary, base.join(name))?;
            socket.set_nonblocking(true)?;
            Ok(inode)
        };
        match finish() {
            Ok(inode) => Ok(Self {
                socket,
                path: path.to_owned(),
                inode,
            }),
            Err(error) => {
                let _ = std::fs::remove_file(&temporary);
                Err(failed(error))
            }
        }
    }

    /// The path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A handle of the socket for the control runtime.
    pub(crate) fn handle(&self) -> io::Result<UnixListener> {
        self.socket.try_clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Ok(_folder) = lock_folder(&self.path) else {
            return;
        };
        if inode_of(&self.path).is_ok_and(|inode| inode == self.inode) {
            // Gone already is as good.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn inode_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Opens and locks the folder of `path`; the lock ends with the fd. It is held
/// for a few system calls only, so waiting for it has an end.
fn lock_folder(path: &Path) -> Result<OwnedFd, BindError> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    let failed = |error: rustix::io::Errno| BindError::System {
        doing: format!("opening the folder {} (create it first)", parent.display()),
        error: error.into(),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = open(parent, flags, Mode::empty()).map_err(failed)?;
    flock(folder.as_fd(), FlockOperation::LockExclusive).map_err(failed)?;
    Ok(folder)
}

/// Refuses a path that is alive or no socket.
fn probe(path: &Path) -> Result<(), BindError> {
    match std::fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(BindError::Live {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            // A full backlog: somebody listens, however slowly.
            Err(BindError::Live {
                path: path.to_owned(),
            })
        }
        Err(error) => Err(BindError::System {
            doing: format!("probing {}", path.display()),
            error,
        }),
    }
}
