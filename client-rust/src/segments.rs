//! A session's two segments: checked, mapped, and cut into rings.
//!
//! Nothing here trusts the server: it is of our own uid or root's, but it may
//! be broken, and the rings must lie where they cannot harm.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytemuck::Pod;
use outrigger_layout::buffer::{BUFFERS, BufferRef, BufferTable};
use outrigger_layout::frame::Welcome;
use outrigger_layout::limits::{ABI_VERSION, LINE, PAGE, SLOTS_PER_CREDIT};
use outrigger_layout::ring::{ConsumerControl, RingDescriptor, kind, producer_side};
use outrigger_layout::segment::{LAYOUT_HASH, SEGMENT_MAGIC, SegmentHeader, side};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{Mapping, Memory, RingView, Role, map_received};

/// Most bytes of one segment: its rings at their largest need no more.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// Most rings of a session: all kinds, on all lanes.
const RINGS_MAX: u32 = 128;
/// Least room behind the header in rings of calls: the names of a message's buffers.
const CALL_INLINE_MIN: usize = size_of::<BufferTable>() + BUFFERS * size_of::<BufferRef>();
/// Least room behind the header in rings of ownership: a buffer's reference.
const OWNERSHIP_INLINE_MIN: usize = 32;

/// The rings that this version uses.
#[derive(Debug)]
pub(crate) struct Rings {
    /// Of each lane.
    pub(crate) requests: Vec<RingView>,
    /// Of each lane.
    pub(crate) replies: Vec<RingView>,
    pub(crate) grants: RingView,
    pub(crate) returns: RingView,
    /// Second views of the reply rings and, last, the grant ring.
    pub(crate) watches: Vec<RingView>,
}

/// Both mappings.
struct Memories {
    server: Arc<Mapping>,
    client: Arc<Mapping>,
}

/// Maps both segments and finds the rings.
///
/// # Errors
/// PROTOCOL or VERSION_MISMATCH: what was seen and what is allowed.
pub(crate) fn map(welcome: &Welcome, server: &OwnedFd, client: &OwnedFd) -> Result<Rings, Error> {
    let memories = Memories {
        server: map_segment("server", server, Role::Server, welcome.server_segment_len)?,
        client: map_segment("client", client, Role::Client, welcome.client_segment_len)?,
    };
    let header: SegmentHeader = read(&memories.server, 0)?;
    check_header(&header, welcome)?;
    let descriptors = read_descriptors(&memories.server, &header)?;
    check_descriptors(&descriptors, welcome).map_err(Error::protocol)?;
    write_header(&memories.client, welcome)?;
    memories.rings(&descriptors, welcome)
}

fn map_segment(name: &str, fd: &OwnedFd, role: Role, len: u64) -> Result<Arc<Mapping>, Error> {
    if len < 2 * PAGE || !len.is_multiple_of(PAGE) || len > SEGMENT_BYTES_MAX {
        return Err(Error::protocol(format!(
            "{name} segment of {len} bytes (allowed: multiples of {PAGE} up to {SEGMENT_BYTES_MAX})"
        )));
    }
    match map_received(fd, role, len) {
        Ok(mapping) => Ok(Arc::new(mapping)),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(Error::protocol(format!("{name} {error}")))
        }
        Err(error) => Err(Error::resource_exhausted(format!(
            "mapping the {name} segment of {len} bytes: {error}"
        ))),
    }
}

fn read<T: Pod>(mapping: &Mapping, offset: u64) -> Result<T, Error> {
    let mut value = T::zeroed();
    let copied = mapping.copy_out(offset, bytemuck::bytes_of_mut(&mut value));
    copied.map_err(Error::protocol)?;
    Ok(value)
}

fn check_header(header: &SegmentHeader, welcome: &Welcome) -> Result<(), Error> {
    let hash = header.layout_hash;
    if hash != LAYOUT_HASH {
        let text = format!("segment layout {hash:#018x} (this client's: {LAYOUT_HASH:#018x})");
        return Err(Error::with_details(Code::VERSION_MISMATCH, &[&text]));
    }
    let words = [
        ("magic", header.magic, SEGMENT_MAGIC),
        ("ABI version", header.abi_version.into(), ABI_VERSION),
        ("side", header.side.into(), side::SERVER.into()),
        ("epoch", header.epoch, welcome.epoch),
        ("length", header.length, welcome.server_segment_len),
    ];
    for (name, seen, allowed) in words {
        if seen != allowed {
            return Err(Error::protocol(format!(
                "segment {name} {seen:#x} (allowed: {allowed:#x})"
            )));
        }
    }
    if header.ring_count > RINGS_MAX {
        let seen = header.ring_count;
        return Err(Error::protocol(format!(
            "{seen} rings (maximum {RINGS_MAX})"
        )));
    }
    Ok(())
}

fn read_descriptors(
    server: &Mapping,
    header: &SegmentHeader,
) -> Result<Vec<RingDescriptor>, Error> {
    let stride = size_of::<RingDescriptor>() as u64;
    let offset = |index: u32| u64::from(header.rings_offset) + u64::from(index) * stride;
    (0..header.ring_count)
        .map(|index| read(server, offset(index)))
        .collect()
}

/// Checks each descriptor, and that no two rings share memory: two writers of
/// one byte would be our own data race.
fn check_descriptors(descriptors: &[RingDescriptor], welcome: &Welcome) -> Result<(), String> {
    let lens = [welcome.server_segment_len, welcome.client_segment_len];
    let mut spans = [vec![(0, PAGE)], vec![(0, PAGE)]];
    for ring in descriptors {
        let by_client = usize::from(producer_side(ring.kind) == Some(side::CLIENT));
        let (producer, consumer) = (by_client, 1 - by_client);
        ring.check(lens[producer], lens[consumer])?;
        let used = matches!(
            ring.kind,
            kind::REQUEST | kind::REPLY | kind::GRANT | kind::RETURN
        );
        if ring.capacity == 0 {
            continue;
        }
        if !used {
            let RingDescriptor { kind, capacity, .. } = ring;
            return Err(format!("ring kind {kind} of {capacity} slots (allowed: 0)"));
        }
        let slots = u64::from(ring.capacity) * u64::from(ring.stride);
        spans[producer].push((ring.slots_offset, slots));
        let control = size_of::<ConsumerControl>() as u64;
        spans[consumer].push((ring.control_offset, control));
    }
    for spans in &mut spans {
        spans.sort_unstable();
        for pair in spans.windows(2) {
            let ((start, len), (next, _)) = (pair[0], pair[1]);
            if start + len > next {
                return Err(format!(
                    "rings overlap: {len} bytes at {start} and the next at {next} \
                     (allowed: multiples of {LINE}, apart)"
                ));
            }
        }
    }
    Ok(())
}

/// The client segment's own header: for tools, the server never reads it.
fn write_header(client: &Mapping, welcome: &Welcome) -> Result<(), Error> {
    let header = SegmentHeader {
        magic: SEGMENT_MAGIC,
        abi_version: ABI_VERSION as u32,
        side: side::CLIENT,
        epoch: welcome.epoch,
        length: welcome.client_segment_len,
        rings_offset: 0,
        ring_count: 0,
        layout_hash: LAYOUT_HASH,
        reserved: [0; 2],
    };
    let written = client.copy_in(0, bytemuck::bytes_of(&header));
    written.map_err(Error::protocol)
}

impl Memories {
    fn rings(&self, descriptors: &[RingDescriptor], welcome: &Welcome) -> Result<Rings, Error> {
        let find = |kind: u16, lane: u16| {
            let mut same = descriptors
                .iter()
                .filter(|ring| ring.kind == kind && ring.lane == lane);
            match (same.next(), same.next()) {
                (Some(ring), None) => Ok(ring),
                (None, _) => Err(Error::protocol(format!("no ring {kind} of lane {lane}"))),
                (Some(_), Some(_)) => Err(Error::protocol(format!(
                    "two rings {kind} of lane {lane} (allowed: 1)"
                ))),
            }
        };
        let credits = u64::from(welcome.call_credits[0]);
        let calls = credits * u64::from(welcome.lanes);
        let lanes = || 0..welcome.lanes;
        // The least capacities are those that credits can fill.
        let request = |lane| {
            self.view(
                find(kind::REQUEST, lane)?,
                credits * SLOTS_PER_CREDIT,
                CALL_INLINE_MIN,
            )
        };
        let reply = |lane| self.view(find(kind::REPLY, lane)?, credits, CALL_INLINE_MIN);
        let grant = || self.view(find(kind::GRANT, 0)?, calls, OWNERSHIP_INLINE_MIN);
        Ok(Rings {
            requests: lanes().map(request).collect::<Result<_, _>>()?,
            replies: lanes().map(reply).collect::<Result<_, _>>()?,
            grants: grant()?,
            returns: self.view(find(kind::RETURN, 0)?, calls, OWNERSHIP_INLINE_MIN)?,
            watches: lanes()
                .map(reply)
                .chain([grant()])
                .collect::<Result<_, _>>()?,
        })
    }

    fn view(
        &self,
        ring: &RingDescriptor,
        capacity_min: u64,
        inline_min: usize,
    ) -> Result<RingView, Error> {
        let (producer, consumer) = if producer_side(ring.kind) == Some(side::CLIENT) {
            (&self.client, &self.server)
        } else {
            (&self.server, &self.client)
        };
        let view = RingView::new(ring, producer, consumer).map_err(Error::protocol)?;
        let RingDescriptor { kind, lane, .. } = ring;
        if view.capacity() < capacity_min || view.inline_max() < inline_min {
            let (capacity, inline) = (view.capacity(), view.inline_max());
            return Err(Error::protocol(format!(
                "ring {kind} of lane {lane}: {capacity} slots of {inline} bytes \
                 (at least {capacity_min} of {inline_min})"
            )));
        }
        Ok(view)
    }
}
