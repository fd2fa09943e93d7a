//! Where a session's rings lie in its two segments.

use std::sync::Arc;

use outrigger_layout::Error;
use outrigger_layout::limits::{
    ABI_VERSION, DEPTHS, LINE, OWNERSHIP_STRIDE, PAGE, RING_CAPACITY_MAX, SLOT_STRIDE,
    SLOTS_PER_CREDIT,
};
use outrigger_layout::ring::{ConsumerControl, RingDescriptor, kind, producer_side};
use outrigger_layout::segment::{LAYOUT_HASH, SEGMENT_MAGIC, SegmentHeader, side};
use outrigger_ringbuf::{Mapping, RingView, Role, create_segment};

use crate::errno::system;
use crate::estate::{Holding, Segments};
use crate::ledger::STOCK_MAX;
use crate::quota::Account;

/// Sessions whose words start at different offsets of their pages, so that the
/// rings of many sessions do not all fall into one set of the cache.
const STAGGERS: u64 = 8;
/// Most messages that may be unread in a grant or return ring: with the room that
/// lazily published positions take they fill the largest ring.
const OWNERSHIP_MAX: u64 = RING_CAPACITY_MAX / 4 * 3;

/// Slots for `unread` messages and those that are read while the position which says
/// so is not yet published: up to a quarter of the ring.
fn capacity(unread: u64) -> u64 {
    (unread * 4).div_ceil(3).next_power_of_two()
}

/// Messages about buffers that may be unread in the grant ring: a GRANT for each, and
/// one RECALL more than there are grants ahead of need.
fn grants_max(buffers_max: u64) -> u64 {
    buffers_max + (buffers_max / 2).min(STOCK_MAX) + 1
}

/// Calls in flight allowed for each depth.
pub(crate) type Credits = [u16; DEPTHS as usize];

/// The rings of a session and the lengths of its segments.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    lanes: u16,
    epoch: u64,
    rings: Vec<RingDescriptor>,
    server_len: u64,
    client_len: u64,
}

/// A session's memory before it is shared.
#[derive(Debug)]
pub(crate) struct SessionMemory {
    pub(crate) geometry: Geometry,
    pub(crate) server: Arc<Mapping>,
    pub(crate) client: Arc<Mapping>,
}

impl Geometry {
    /// Lays out `lanes` lanes with the given credits, or as many of them as fit, for a
    /// client that has at most `buffers_max` buffers.
    pub(crate) fn new(epoch: u64, lanes: u16, credits: &Credits, buffers_max: u16) -> Self {
        let per_lane: u64 = credits.iter().map(|credit| u64::from(*credit)).sum();
        let fit = |lanes: &u16| {
            let calls = per_lane * u64::from(*lanes);
            calls + grants_max(u64::from(buffers_max)) <= OWNERSHIP_MAX
        };
        let lanes = (1..=lanes).rev().find(fit).unwrap_or(1);
        let calls = per_lane * u64::from(lanes);
        let request = (per_lane * SLOTS_PER_CREDIT).next_power_of_two();
        let mut wanted = Vec::new();
        for lane in 0..lanes {
            wanted.push((kind::REQUEST, lane, request, SLOT_STRIDE));
            wanted.push((kind::REPLY, lane, request, SLOT_STRIDE));
        }
        let buffers = u64::from(buffers_max);
        // An ALLOC and its REFUSED per credit, beside what buffers can cause.
        let returns = capacity(calls + buffers);
        let grants = capacity(calls + grants_max(buffers));
        wanted.push((kind::GRANT, 0, grants, OWNERSHIP_STRIDE));
        wanted.push((kind::RETURN, 0, returns, OWNERSHIP_STRIDE));
        for absent in [kind::CALLBACK, kind::ANSWER, kind::EVENT] {
            wanted.push((absent, 0, 0, SLOT_STRIDE));
        }
        let mut geometry = Self {
            lanes,
            epoch,
            rings: Vec::new(),
            server_len: 0,
            client_len: 0,
        };
        geometry.place(&wanted);
        geometry
    }

    /// Control words first, then slots, in each segment.
    fn place(&mut self, wanted: &[(u16, u16, u64, u64)]) {
        let stagger = (self.epoch % STAGGERS) * 2 * LINE;
        let mut ends = [PAGE + stagger, PAGE + stagger];
        let mut take = |writer: u32, len: u64| {
            let end = &mut ends[usize::from(writer == side::CLIENT)];
            let offset = *end;
            *end += len.next_multiple_of(LINE);
            offset
        };
        let peer = |writer: u32| {
            if writer == side::SERVER {
                side::CLIENT
            } else {
                side::SERVER
            }
        };
        for (kind, lane, capacity, stride) in wanted {
            let producer = producer_side(*kind).expect("a listed ring kind");
            let present = *capacity > 0;
            let control_len = size_of::<ConsumerControl>() as u64;
            self.rings.push(RingDescriptor {
                kind: *kind,
                lane: *lane,
                capacity: *capacity as u32,
                stride: *stride as u32,
                reserved: 0,
                slots_offset: 0,
                control_offset: if present {
                    take(peer(producer), control_len)
                } else {
                    0
                },
            });
        }
        for ring in self.rings.iter_mut().filter(|ring| ring.capacity > 0) {
            let producer = producer_side(ring.kind).expect("a listed ring kind");
            let len = u64::from(ring.capacity) * u64::from(ring.stride);
            ring.slots_offset = take(producer, len);
        }
        // As long as with the largest stagger: another session may use them again.
        let rest = (STAGGERS - 1) * 2 * LINE - stagger;
        [self.server_len, self.client_len] = ends.map(|end| (end + rest).next_multiple_of(PAGE));
    }

    /// Number of lanes.
    pub(crate) fn lanes(&self) -> u16 {
        self.lanes
    }

    /// Calls in flight in the whole session at most.
    pub(crate) fn calls_max(&self, credits: &Credits) -> usize {
        credits
            .iter()
            .map(|credit| usize::from(*credit))
            .sum::<usize>()
            * usize::from(self.lanes)
    }

    /// Bytes of the server and of the client segment.
    pub(crate) fn lens(&self) -> (u64, u64) {
        (self.server_len, self.client_len)
    }

    /// The ring of a kind and lane over mapped segments.
    pub(crate) fn view(
        &self,
        kind: u16,
        lane: u16,
        producer: &Arc<Mapping>,
        consumer: &Arc<Mapping>,
    ) -> Result<RingView, Error> {
        let mut rings = self.rings.iter();
        let ring = rings.find(|ring| ring.kind == kind && ring.lane == lane);
        let ring = ring.ok_or_else(|| Error::protocol(format!("no ring {kind} of lane {lane}")))?;
        RingView::new(ring, producer, consumer).map_err(Error::protocol)
    }

    /// Header and ring table of the server segment.
    fn header_page(&self) -> Vec<u8> {
        let rings_offset = size_of::<SegmentHeader>() as u32;
        let header = SegmentHeader {
            magic: SEGMENT_MAGIC,
            abi_version: ABI_VERSION as u32,
            side: side::SERVER,
            epoch: self.epoch,
            length: self.server_len,
            rings_offset,
            ring_count: self.rings.len() as u32,
            layout_hash: LAYOUT_HASH,
            reserved: [0; 2],
        };
        let mut page = bytemuck::bytes_of(&header).to_vec();
        page.extend_from_slice(bytemuck::cast_slice(&self.rings));
        page
    }
}

impl SessionMemory {
    /// Sealed segments for a client, charged: those that an earlier session of its
    /// process has left, or new ones.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED without memory or descriptors, or beyond a quota.
    pub(crate) fn held(geometry: Geometry, holding: &Holding) -> Result<(Self, Segments), Error> {
        let segments = match holding.reuse(geometry.lens()) {
            Some(segments) => segments,
            None => sealed(geometry.lens(), holding.account())?,
        };
        let [server, client] = &segments.mappings;
        let memory = Self::over(geometry, Arc::clone(server), Arc::clone(client))?;
        Ok((memory, segments))
    }

    /// Heap memory instead, for both ends in one thread.
    pub(crate) fn heap(geometry: Geometry) -> Result<Self, Error> {
        let (server_len, client_len) = geometry.lens();
        let server = Mapping::heap(server_len as usize);
        let client = Mapping::heap(client_len as usize);
        Self::over(geometry, Arc::new(server), Arc::new(client))
    }

    fn over(geometry: Geometry, server: Arc<Mapping>, client: Arc<Mapping>) -> Result<Self, Error> {
        let page = geometry.header_page();
        server.copy_in(0, &page).map_err(Error::protocol)?;
        Ok(Self {
            geometry,
            server,
            client,
        })
    }
}

/// New segments, server first.
fn sealed((server_len, client_len): (u64, u64), account: &Account) -> Result<Segments, Error> {
    account.charge(server_len + client_len)?;
    let text = |error: std::io::Error| {
        account.refund(server_len + client_len);
        system("creating a session's segments", &error)
    };
    let (server_fd, server) = create_segment(Role::Server, server_len).map_err(text)?;
    let (client_fd, client) = create_segment(Role::Client, client_len).map_err(text)?;
    Ok(Segments {
        fds: [server_fd, client_fd],
        mappings: [Arc::new(server), Arc::new(client)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_lie_inside_their_segments_and_do_not_overlap() {
        let mut credits = [0; DEPTHS as usize];
        credits[0] = 64;
        for epoch in 0..STAGGERS {
            let geometry = Geometry::new(epoch, 3, &credits, 256);
            let (server_len, client_len) = geometry.lens();
            let mut spans = [vec![(0, PAGE)], vec![(0, PAGE)]];
            for ring in geometry.rings.iter().filter(|ring| ring.capacity > 0) {
                let server_produces = producer_side(ring.kind) == Some(side::SERVER);
                let lens = if server_produces {
                    [server_len, client_len]
                } else {
                    [client_len, server_len]
                };
                ring.check(lens[0], lens[1]).unwrap();
                let slots = u64::from(ring.capacity) * u64::from(ring.stride);
                let producer = usize::from(!server_produces);
                spans[producer].push((ring.slots_offset, slots));
                spans[1 - producer].push((ring.control_offset, 256));
            }
            for spans in &mut spans {
                spans.sort_unstable();
                assert!(
                    spans
                        .windows(2)
                        .all(|pair| pair[0].0 + pair[0].1 <= pair[1].0)
                );
            }
        }
    }
}
