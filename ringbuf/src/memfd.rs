//! Sealed memory files: created by the server, checked by whoever maps them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat,
    ftruncate, memfd_create,
};

use crate::mapping::Mapping;

/// Who writes a memory file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The server writes; nobody else can ever map it writable.
    Server,
    /// The client writes; the server maps it read-only.
    Client,
}

impl Role {
    fn seals(self) -> SealFlags {
        let both = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        match self {
            Self::Server => both | SealFlags::FUTURE_WRITE,
            Self::Client => both,
        }
    }
}

/// Creates, sizes, populates, maps and seals a memory file, in the server.
///
/// All pages are allocated now, so that running out of memory is this error and
/// never a SIGBUS later. The fd may be passed on as soon as this returns: the
/// server's own writable mapping exists, and after FUTURE_WRITE no other can.
///
/// # Errors
/// Any of the system calls' errors, ENOSPC and ENOMEM among them.
pub fn create_segment(role: Role, len: u64) -> io::Result<(OwnedFd, Mapping)> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let name = match role {
        Role::Server => "outrigger-server",
        Role::Client => "outrigger-client",
    };
    let fd = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know the flag.
        Err(rustix::io::Errno::INVAL) => memfd_create(name, flags)?,
        other => other?,
    };
    ftruncate(&fd, len)?;
    fallocate(&fd, FallocateFlags::empty(), 0, len)?;
    let mapping = map(&fd, len, role == Role::Server)?;
    fcntl_add_seals(&fd, role.seals())?;
    Ok((fd, mapping))
}

/// Makes a memory file as [`create_segment`] made it, all zero, in the server that has
/// kept its fd and its mapping. Whoever else maps it sees that, too.
///
/// # Errors
/// Any of the system calls' errors. The file is of no use then.
pub fn clear_segment(role: Role, fd: &OwnedFd, mapping: &Mapping) -> io::Result<()> {
    let len = mapping.len();
    if role == Role::Client {
        // Mapped read-only here, so its pages are given back, and allocated anew.
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(fd, hole, 0, len)?;
        fallocate(fd, FallocateFlags::empty(), 0, len)?;
        return Ok(());
    }
    let zeros = [0; 4096];
    for offset in (0..len).step_by(zeros.len()) {
        let count = zeros.len().min((len - offset) as usize);
        mapping.copy_in(offset, &zeros[..count]).map_err(invalid)?;
    }
    Ok(())
}

/// Checks and maps a memory file that a server sent, in the client.
///
/// # Errors
/// `InvalidData` if seals are missing or the size differs, naming both; else
/// the system calls' errors.
pub fn map_received(fd: &OwnedFd, role: Role, len: u64) -> io::Result<Mapping> {
    let seals = fcntl_get_seals(fd)?;
    if !seals.contains(role.seals()) {
        let wanted = role.seals();
        return Err(invalid(format!(
            "segment has seals {seals:?} (at least {wanted:?} are needed)"
        )));
    }
    let size = fstat(fd)?.st_size as u64;
    if size != len {
        return Err(invalid(format!(
            "segment has {size} bytes (announced: {len})"
        )));
    }
    map(fd, len, role == Role::Client)
}

fn map(fd: &OwnedFd, len: u64, writable: bool) -> io::Result<Mapping> {
    let len = usize::try_from(len).map_err(|_| invalid(format!("segment of {len} bytes")))?;
    let mut options = MmapOptions::new();
    options.len(len).populate();
    let raw: MmapRaw = if writable {
        options.map_raw(&fd.as_fd())?
    } else {
        options.map_raw_read_only(&fd.as_fd())?
    };
    Ok(Mapping::mapped(raw, writable))
}

fn invalid(text: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_received_segment_without_seals_or_of_another_size_is_refused() {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = memfd_create("outrigger-test", flags).unwrap();
        ftruncate(&fd, 8192).unwrap();
        let error = map_received(&fd, Role::Server, 8192).unwrap_err();
        assert!(error.to_string().contains("seals"), "{error}");
        fcntl_add_seals(&fd, Role::Server.seals()).unwrap();
        let error = map_received(&fd, Role::Server, 4096).unwrap_err();
        assert_eq!(
            error.to_string(),
            "segment has 8192 bytes (announced: 4096)"
        );
    }

    #[test]
    fn sm_03_nobody_can_resize_a_segment_or_map_the_servers_writable() {
        let (fd, mapping) = create_segment(Role::Server, 8192).unwrap();
        mapping.copy_in(100, b"reply").unwrap();
        assert!(ftruncate(&fd, 4096).is_err());
        assert!(ftruncate(&fd, 16384).is_err());
        assert!(map(&fd, 8192, true).is_err());
        let peer = map_received(&fd, Role::Server, 8192).unwrap();
        let mut seen = [0; 5];
        peer.copy_out(100, &mut seen).unwrap();
        assert_eq!(&seen, b"reply");
        assert!(peer.copy_out(8190, &mut seen).is_err());
    }

    #[test]
    fn a_cleared_segment_is_zero_for_all_who_map_it() {
        for role in [Role::Server, Role::Client] {
            let (fd, own) = create_segment(role, 12_288).unwrap();
            let peer = map_received(&fd, role, 12_288).unwrap();
            let writer = if role == Role::Server { &own } else { &peer };
            writer.copy_in(4000, &[7; 5000]).unwrap();
            clear_segment(role, &fd, &own).unwrap();
            for mapping in [&own, &peer] {
                let mut seen = vec![1; 12_288];
                mapping.copy_out(0, &mut seen).unwrap();
                assert!(seen.iter().all(|byte| *byte == 0), "{role:?}");
            }
            writer.copy_in(0, b"again").unwrap();
        }
    }
}
