//! Extents: memory for payloads too large for a slot.
//!
//! ```text
//!   extent 7, side SERVER: [ buffer 0 | buffer 1 | ... ]   a reply names one: read it, then RETURN
//!   extent 8, side CLIENT: [ buffer 0 | buffer 1 | ... ]   a grant names one: write it, then CALL
//! ```
//!
//! All allocation is the server's. A [`Lease`] is the client's hold on one
//! buffer; it keeps the extent mapped, whatever the server says meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use outrigger_layout::Error;
use outrigger_layout::buffer::BufferRef;
use outrigger_layout::frame::ExtentBody;
use outrigger_layout::limits::{PAGE, PAYLOAD_MAX};
use outrigger_layout::segment::side;
use outrigger_ringbuf::{Mapping, Role, map_received};

use crate::lease::Lease;
use crate::lock::lock;

/// Most extents that one session maps.
const EXTENTS_MAX: usize = 4096;
/// Most bytes of one extent: a buffer for the largest payload, rounded up, or
/// many small ones.
const EXTENT_BYTES_MAX: u64 = 2 * PAYLOAD_MAX;
/// Most bytes that one session maps: what all its calls may need at once.
const MAPPED_BYTES_MAX: u64 = 64 << 30;

/// One mapped extent.
#[derive(Debug)]
pub(crate) struct Extent {
    side: u32,
    buffer_len: u64,
    buffer_count: u32,
    mapping: Mapping,
}

/// The extents of one session, by id.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_id: BTreeMap<u64, Arc<Extent>>,
    bytes: u64,
    /// The highest id announced: ids ascend, so that none is ever used twice.
    last: u64,
}

/// Why an extent is not mapped.
#[derive(Debug)]
pub(crate) enum Unmapped {
    /// It cannot be mapped now: the answer is RESOURCE_EXHAUSTED.
    Exhausted(Error),
    /// It is not what an extent must be: the session ends.
    Violation(Error),
}

impl Extents {
    /// Checks and maps an extent that EXTENT announced. Only the reader thread
    /// does; it maps outside the lock, which readers of the rings want too.
    pub(crate) fn add(&self, id: u64, body: &ExtentBody, fd: &OwnedFd) -> Result<(), Unmapped> {
        check_body(id, body).map_err(|text| Unmapped::Violation(Error::protocol(text)))?;
        lock(&self.table).announce(id, body.length)?;
        let role = if body.side == side::SERVER {
            Role::Server
        } else {
            Role::Client
        };
        let mapping = map_received(fd, role, body.length).map_err(|error| refusal(id, &error))?;
        let extent = Arc::new(Extent {
            side: body.side,
            buffer_len: body.buffer_len,
            buffer_count: body.buffer_count,
            mapping,
        });
        let mut table = lock(&self.table);
        table.bytes += body.length;
        table.by_id.insert(id, extent);
        Ok(())
    }

    /// Forgets an extent; it is unmapped with its last lease.
    ///
    /// # Errors
    /// PROTOCOL if there is no such extent.
    pub(crate) fn remove(&self, id: u64) -> Result<(), Error> {
        let mut table = lock(&self.table);
        let extent = table.by_id.remove(&id).ok_or_else(|| {
            Error::protocol(format!("extent {id} dropped (it was not announced)"))
        })?;
        table.bytes -= extent.mapping.len();
        // Unmapping takes its time: not under the lock.
        drop(table);
        drop(extent);
        Ok(())
    }

    /// Number of mapped extents.
    pub(crate) fn count(&self) -> usize {
        lock(&self.table).by_id.len()
    }

    /// The buffer that a slot from the server names.
    ///
    /// # Errors
    /// Says what is wrong: the extent is not mapped or has the other side, or the
    /// bytes reach outside the buffer.
    pub(crate) fn lease(&self, reference: &BufferRef, side: u32) -> Result<Lease, String> {
        let id = u64::from(reference.extent);
        let extent = lock(&self.table).by_id.get(&id).cloned();
        let extent = extent.ok_or_else(|| format!("buffer of extent {id} (it is not mapped)"))?;
        extent.check(reference, side)?;
        Ok(Lease::new(extent, *reference))
    }
}

impl Table {
    fn announce(&mut self, id: u64, length: u64) -> Result<(), Unmapped> {
        let last = self.last;
        if id <= last {
            let text = format!("extent {id} announced (allowed: above {last})");
            return Err(Unmapped::Violation(Error::protocol(text)));
        }
        self.last = id;
        if self.by_id.len() >= EXTENTS_MAX || self.bytes + length > MAPPED_BYTES_MAX {
            let (count, bytes) = (self.by_id.len(), self.bytes);
            let text = format!("{count} extents of {bytes} bytes are mapped");
            return Err(Unmapped::Exhausted(Error::resource_exhausted(text)));
        }
        Ok(())
    }
}

impl Extent {
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    fn check(&self, reference: &BufferRef, side: u32) -> Result<(), String> {
        let BufferRef {
            extent,
            index,
            offset,
            length,
            ..
        } = *reference;
        if self.side != side {
            let seen = self.side;
            return Err(format!(
                "buffer of extent {extent} of side {seen} (allowed: {side})"
            ));
        }
        let count = self.buffer_count;
        if index >= count {
            return Err(format!(
                "buffer {index} of extent {extent} (it has {count})"
            ));
        }
        let start = u64::from(index) * self.buffer_len;
        let end = start + self.buffer_len;
        let inside = offset >= start && offset.checked_add(length).is_some_and(|last| last <= end);
        if !inside {
            return Err(format!(
                "{length} bytes at {offset} of extent {extent} (buffer {index}: {start} to {end})"
            ));
        }
        Ok(())
    }
}

fn check_body(id: u64, body: &ExtentBody) -> Result<(), String> {
    let ExtentBody {
        side,
        buffer_count,
        buffer_len,
        length,
        reserved,
    } = *body;
    if id == 0 || u32::try_from(id).is_err() {
        return Err(format!("extent id {id} (allowed: 1 to {})", u32::MAX));
    }
    if side != side::SERVER && side != side::CLIENT {
        return Err(format!("extent {id} of side {side} (allowed: 1, 2)"));
    }
    let exact = u64::from(buffer_count).checked_mul(buffer_len) == Some(length);
    if !exact || !buffer_len.is_power_of_two() || length == 0 || !length.is_multiple_of(PAGE) {
        return Err(format!(
            "extent {id} of {length} bytes: {buffer_count} buffers of {buffer_len}"
        ));
    }
    if length > EXTENT_BYTES_MAX {
        return Err(format!(
            "extent {id} of {length} bytes (maximum {EXTENT_BYTES_MAX})"
        ));
    }
    if reserved != 0 {
        return Err(format!(
            "extent {id}: reserved word {reserved} (allowed: 0)"
        ));
    }
    Ok(())
}

fn refusal(id: u64, error: &io::Error) -> Unmapped {
    let text = format!("extent {id}: {error}");
    if error.kind() == io::ErrorKind::InvalidData {
        return Unmapped::Violation(Error::protocol(text));
    }
    Unmapped::Exhausted(Error::resource_exhausted(text))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use outrigger_ringbuf::create_segment;

    use super::*;

    fn body(side: u32) -> ExtentBody {
        ExtentBody {
            side,
            buffer_count: 2,
            buffer_len: 4096,
            length: 8192,
            reserved: 0,
        }
    }

    fn reference(index: u32, offset: u64, length: u64) -> BufferRef {
        BufferRef {
            extent: 1,
            index,
            generation: 1,
            reserved: 0,
            offset,
            length,
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no memfd")]
    fn a_lease_never_reaches_outside_its_buffer() {
        let (fd, server) = create_segment(Role::Server, 8192).unwrap();
        server.copy_in(4096, b"reply").unwrap();
        let extents = Extents::default();
        extents.add(1, &body(side::SERVER), &fd).unwrap();
        let read = |lease: &Lease| {
            let mut bytes = [0; 5];
            let copied = lease
                .mapping()
                .copy_out(lease.reference().offset, &mut bytes);
            copied.map(|()| bytes)
        };
        let lease = extents.lease(&reference(1, 4096, 5), side::SERVER).unwrap();
        assert_eq!(read(&lease), Ok(*b"reply"));
        for wrong in [
            reference(2, 8192, 1),
            reference(1, 4095, 1),
            reference(1, 4096, 4097),
            reference(0, 4096, 1),
            reference(0, u64::MAX, 2),
        ] {
            assert!(extents.lease(&wrong, side::SERVER).is_err(), "{wrong:?}");
        }
        assert!(extents.lease(&reference(0, 0, 1), side::CLIENT).is_err());
        extents.remove(1).unwrap();
        assert!(extents.lease(&reference(0, 0, 1), side::SERVER).is_err());
        assert!(extents.remove(1).is_err());
        assert_eq!(read(&lease), Ok(*b"reply"), "a lease outlives the drop");
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no memfd")]
    fn an_extent_of_impossible_shape_or_without_seals_is_a_violation() {
        let (fd, _server) = create_segment(Role::Client, 8192).unwrap();
        let extents = Extents::default();
        let right = body(side::CLIENT);
        let wrong = [
            (0, right),
            (1 << 32, right),
            (1, ExtentBody { side: 3, ..right }),
            (
                1,
                ExtentBody {
                    buffer_count: 3,
                    ..right
                },
            ),
            (
                1,
                ExtentBody {
                    buffer_len: 0,
                    length: 0,
                    ..right
                },
            ),
            (
                1,
                ExtentBody {
                    reserved: 1,
                    ..right
                },
            ),
            (
                1,
                ExtentBody {
                    buffer_len: 1 << 40,
                    buffer_count: 1,
                    length: 1 << 40,
                    ..right
                },
            ),
            // Another size than announced, and the seals of the other side.
            (
                1,
                ExtentBody {
                    buffer_count: 4,
                    length: 16384,
                    ..right
                },
            ),
            (1, body(side::SERVER)),
        ];
        for (id, body) in wrong {
            let extents = Extents::default();
            let outcome = extents.add(id, &body, &fd);
            assert!(
                matches!(outcome, Err(Unmapped::Violation(_))),
                "{outcome:?}"
            );
        }
        extents
            .add(1, &right, &fd.as_fd().try_clone_to_owned().unwrap())
            .unwrap();
        assert!(matches!(
            extents.add(1, &right, &fd),
            Err(Unmapped::Violation(_))
        ));
    }
}
