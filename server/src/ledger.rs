//! Who owns which buffer. Rust allocates, Rust frees; this is the record of it,
//! in private memory.
//!
//! ```text
//!   Free ─ grant ─▶ Granted (client writes) ─ hold ─▶ Held (server reads) ─ free ─▶ Free
//!   Free ─ fill ──▶ Filled (server writes) ── lend ─▶ Lent (client reads) ─ give back ─▶ Free
//!   Granted ── give back ──▶ Free      Filled ── free ──▶ Free
//! ```
//!
//! Buffers live in extents: one memfd each, buffers of one size, a power of two.
//! A reference names extent, index and generation; the generation changes each
//! time a buffer becomes free, so a stale reference never reaches a successor.
//! The ledger does no I/O: it says that an extent must be made or may be
//! dropped, and is told when that has happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_layout::buffer::BufferRef;
use outrigger_layout::limits::BUFFER_MIN;
use outrigger_layout::segment::side;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::Mapping;

use crate::lease::Lease;

/// Most buffers of one extent.
const EXTENT_BUFFERS_MAX: u64 = 16;
/// Aimed-at size of an extent in bytes; larger buffers get one of their own.
const EXTENT_BYTES: u64 = 1 << 20;

/// Who may do what with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Granted,
    Held,
    Filled,
    Lent,
}

#[derive(Debug)]
struct Buffer {
    state: State,
    generation: u32,
}

#[derive(Debug)]
struct Extent {
    side: u32,
    buffer_len: u64,
    mapping: Arc<Mapping>,
    buffers: Vec<Buffer>,
    free: Vec<u32>,
    /// The peer has acknowledged the mapping; only then is it handed out.
    mapped: bool,
    /// The peer was asked to unmap it.
    dropping: bool,
}

impl Extent {
    fn bytes(&self) -> u64 {
        self.buffer_len * self.buffers.len() as u64
    }

    fn is_empty(&self) -> bool {
        self.free.len() == self.buffers.len()
    }
}

/// The extent that must be made before an allocation can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Who will write it.
    pub(crate) side: u32,
    /// Bytes of each buffer.
    pub(crate) buffer_len: u64,
    /// How many buffers.
    pub(crate) buffer_count: u32,
}

impl Plan {
    fn new(side: u32, len: u64) -> Self {
        let buffer_len = len.max(BUFFER_MIN).next_power_of_two();
        let buffer_count = (EXTENT_BYTES / buffer_len).clamp(1, EXTENT_BUFFERS_MAX) as u32;
        Self {
            side,
            buffer_len,
            buffer_count,
        }
    }

    /// Bytes of the whole extent.
    pub(crate) fn bytes(&self) -> u64 {
        self.buffer_len * u64::from(self.buffer_count)
    }
}

/// Outcome of asking for a buffer.
#[derive(Debug)]
pub(crate) enum Allocation {
    /// Here it is.
    Ready(Lease),
    /// Make this extent, then ask again. The bytes are reserved.
    Grow(Plan),
    /// Ask again when something was given back. These extents may be dropped.
    Wait(Vec<u32>),
    /// It can never fit beside what is never given back: bytes available.
    Never(u64),
}

/// Counts for tests and statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Bytes of all extents, reserved ones included.
    pub(crate) bytes: u64,
    /// Buffers that are not free.
    pub(crate) in_use: u64,
    /// Extents.
    pub(crate) extents: u64,
}

/// All buffers of one session.
#[derive(Debug)]
pub(crate) struct Ledger {
    extents: BTreeMap<u32, Extent>,
    next_extent: u32,
    /// Bytes of extents and of plans not yet made, for each side.
    reserved: [u64; 2],
    /// Plans not yet made or not yet mapped, for each side.
    growing: [u32; 2],
    bytes_max: u64,
}

impl Ledger {
    /// A ledger that keeps each side's extents below `bytes_max` bytes.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let (extents, next_extent) = (BTreeMap::new(), 1);
        Self {
            extents,
            next_extent,
            reserved: [0; 2],
            growing: [0; 2],
            bytes_max,
        }
    }

    /// Grants a buffer of at least `len` bytes for the client to write.
    pub(crate) fn grant(&mut self, len: u64) -> Allocation {
        self.allocate(side::CLIENT, len, State::Granted)
    }

    /// Takes a buffer of at least `len` bytes for this process to fill.
    pub(crate) fn fill(&mut self, len: u64) -> Allocation {
        self.allocate(side::SERVER, len, State::Filled)
    }

    /// Granted to held: a request names the buffer and some bytes of it.
    ///
    /// # Errors
    /// INVALID_HANDLE if it is not granted with this generation, OUT_OF_BOUNDS
    /// if the bytes are not all in it. Both are violations.
    pub(crate) fn hold(&mut self, named: &BufferRef) -> Result<Lease, Error> {
        let lease = self.find(named, State::Granted)?;
        let buffer_end = lease.reference.offset + lease.reference.length;
        let in_bounds = named.offset >= lease.reference.offset
            && named
                .offset
                .checked_add(named.length)
                .is_some_and(|end| end <= buffer_end);
        if !in_bounds {
            let (offset, length) = (named.offset, named.length);
            let (start, size) = (lease.reference.offset, lease.reference.length);
            let text = format!("{length} bytes at {offset} (buffer: {size} bytes at {start})");
            return Err(Error::with_details(Code::OUT_OF_BOUNDS, &[&text]));
        }
        self.set(&lease.reference, State::Held);
        Ok(lease)
    }

    /// Filled to lent: a reply names the buffer.
    pub(crate) fn lend(&mut self, lease: &Lease) {
        self.set(&lease.reference, State::Lent);
    }

    /// Held or filled to free: this process is done with it.
    pub(crate) fn free(&mut self, lease: &Lease) {
        self.set(&lease.reference, State::Free);
    }

    /// Granted or lent to free: the client gives it back.
    ///
    /// # Errors
    /// INVALID_HANDLE if it has neither with this generation: a violation.
    pub(crate) fn give_back(&mut self, named: &BufferRef) -> Result<(), Error> {
        let lease = self
            .find(named, State::Lent)
            .or_else(|_| self.find(named, State::Granted))?;
        self.set(&lease.reference, State::Free);
        Ok(())
    }

    /// Takes up an extent made by a plan and not yet mapped by the peer; gives its id.
    pub(crate) fn add(&mut self, plan: Plan, mapping: Arc<Mapping>) -> u32 {
        let id = self.next_extent;
        self.next_extent += 1;
        let free = (0..plan.buffer_count).rev().collect();
        let buffers = (0..plan.buffer_count)
            .map(|_| Buffer {
                state: State::Free,
                generation: 1,
            })
            .collect();
        let Plan {
            side, buffer_len, ..
        } = plan;
        let extent = Extent {
            side,
            buffer_len,
            mapping,
            buffers,
            free,
            mapped: false,
            dropping: false,
        };
        self.extents.insert(id, extent);
        id
    }

    /// A plan could not be carried out: its reservation is void.
    pub(crate) fn abandon(&mut self, plan: &Plan) {
        self.reserved[index_of(plan.side)] -= plan.bytes();
        self.growing[index_of(plan.side)] -= 1;
    }

    /// The peer has mapped the extent.
    ///
    /// # Errors
    /// PROTOCOL if it was not announced or is mapped already: a violation.
    pub(crate) fn mapped(&mut self, id: u32) -> Result<(), Error> {
        let extent = self.extents.get_mut(&id).filter(|extent| !extent.mapped);
        let Some(extent) = extent else {
            return Err(Error::protocol(format!(
                "extent {id} is not awaiting its mapping"
            )));
        };
        extent.mapped = true;
        self.growing[index_of(extent.side)] -= 1;
        Ok(())
    }

    /// The peer has unmapped the extent.
    ///
    /// # Errors
    /// PROTOCOL if it was not asked to: a violation.
    pub(crate) fn dropped(&mut self, id: u32) -> Result<(), Error> {
        if !self.extents.get(&id).is_some_and(|extent| extent.dropping) {
            return Err(Error::protocol(format!("extent {id} is not being dropped")));
        }
        if let Some(extent) = self.extents.remove(&id) {
            self.reserved[index_of(extent.side)] -= extent.bytes();
        }
        Ok(())
    }

    /// What there is.
    pub(crate) fn usage(&self) -> Usage {
        let in_use = |extent: &Extent| (extent.buffers.len() - extent.free.len()) as u64;
        Usage {
            bytes: self.reserved.iter().sum(),
            in_use: self.extents.values().map(in_use).sum(),
            extents: self.extents.len() as u64,
        }
    }

    fn allocate(&mut self, side: u32, len: u64, state: State) -> Allocation {
        let plan = Plan::new(side, len);
        if let Some(lease) = self.take_free(&plan, state) {
            return Allocation::Ready(lease);
        }
        let index = index_of(side);
        if self.reserved[index] + plan.bytes() <= self.bytes_max {
            self.reserved[index] += plan.bytes();
            self.growing[index] += 1;
            return Allocation::Grow(plan);
        }
        if plan.bytes() > self.bytes_max {
            return Allocation::Never(self.bytes_max);
        }
        Allocation::Wait(self.drop_empty(&plan))
    }

    fn take_free(&mut self, plan: &Plan, state: State) -> Option<Lease> {
        let fits = |extent: &Extent| {
            let ready = extent.mapped && !extent.dropping && !extent.free.is_empty();
            ready && extent.side == plan.side && extent.buffer_len == plan.buffer_len
        };
        let (&id, extent) = self.extents.iter_mut().find(|(_, extent)| fits(extent))?;
        let index = extent.free.pop()?;
        extent.buffers[index as usize].state = state;
        Some(lease_of(id, extent, index))
    }

    /// Marks empty extents as dropping until the plan fits, and names them.
    fn drop_empty(&mut self, plan: &Plan) -> Vec<u32> {
        let of_side = |extent: &Extent| extent.side == plan.side;
        let dropping = |extent: &&Extent| of_side(extent) && extent.dropping;
        let extents = self.extents.values();
        let mut freed: u64 = extents.filter(dropping).map(Extent::bytes).sum();
        let reserved = self.reserved[index_of(plan.side)];
        let mut ids = Vec::new();
        for (id, extent) in &mut self.extents {
            if reserved - freed + plan.bytes() <= self.bytes_max {
                break;
            }
            if of_side(extent) && extent.mapped && !extent.dropping && extent.is_empty() {
                extent.dropping = true;
                freed += extent.bytes();
                ids.push(*id);
            }
        }
        ids
    }

    /// True if the peer has an extent for such buffers still to map.
    pub(crate) fn awaits_mapping(&self, plan: &Plan) -> bool {
        self.extents.values().any(|extent| {
            !extent.mapped && extent.side == plan.side && extent.buffer_len == plan.buffer_len
        })
    }

    fn find(&self, named: &BufferRef, state: State) -> Result<Lease, Error> {
        let BufferRef {
            extent: id,
            index,
            generation,
            ..
        } = *named;
        let extent = self.extents.get(&id);
        let buffer = extent.and_then(|extent| extent.buffers.get(index as usize));
        match (extent, buffer) {
            (Some(extent), Some(buffer))
                if buffer.state == state && buffer.generation == generation =>
            {
                Ok(lease_of(id, extent, index))
            }
            _ => {
                let text = format!(
                    "buffer {index} of extent {id}, generation {generation} (not the client's)"
                );
                Err(Error::with_details(Code::INVALID_HANDLE, &[&text]))
            }
        }
    }

    fn set(&mut self, reference: &BufferRef, state: State) {
        let extent = self
            .extents
            .get_mut(&reference.extent)
            .expect("a leased extent exists");
        let buffer = &mut extent.buffers[reference.index as usize];
        assert_eq!(
            buffer.generation, reference.generation,
            "a lease is never stale"
        );
        buffer.state = state;
        if state == State::Free {
            buffer.generation = buffer.generation.wrapping_add(1);
            extent.free.push(reference.index);
        }
    }
}

fn lease_of(id: u32, extent: &Extent, index: u32) -> Lease {
    let reference = BufferRef {
        extent: id,
        index,
        generation: extent.buffers[index as usize].generation,
        reserved: 0,
        offset: u64::from(index) * extent.buffer_len,
        length: extent.buffer_len,
    };
    Lease {
        reference,
        mapping: Arc::clone(&extent.mapping),
    }
}

fn index_of(side: u32) -> usize {
    usize::from(side == side::CLIENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(ledger: &mut Ledger, plan: Plan) -> u32 {
        let id = ledger.add(plan, Arc::new(Mapping::heap(plan.bytes() as usize)));
        ledger.mapped(id).unwrap();
        id
    }

    fn granted(ledger: &mut Ledger, len: u64) -> Lease {
        loop {
            match ledger.grant(len) {
                Allocation::Ready(lease) => return lease,
                Allocation::Grow(plan) => drop(grown(ledger, plan)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_request_buffer_goes_round_and_its_generation_moves_on() {
        let mut ledger = Ledger::new(1 << 24);
        let first = granted(&mut ledger, 5000);
        assert_eq!(first.reference.length, 8192);
        let named = BufferRef {
            length: 5000,
            ..first.reference
        };
        let held = ledger.hold(&named).unwrap();
        ledger.free(&held);
        let second = granted(&mut ledger, 5000);
        assert_eq!(second.reference.index, first.reference.index);
        assert_ne!(second.reference.generation, first.reference.generation);
    }

    #[test]
    fn fb_04_a_stale_or_foreign_reference_leaves_the_successor_intact() {
        let mut ledger = Ledger::new(1 << 24);
        let stale = granted(&mut ledger, 4096);
        ledger.give_back(&stale.reference).unwrap();
        let victim = granted(&mut ledger, 4096);
        let error = ledger.give_back(&stale.reference).unwrap_err();
        assert_eq!(error.code(), Code::INVALID_HANDLE);
        for wrong in [
            BufferRef {
                extent: 77,
                ..victim.reference
            },
            BufferRef {
                index: 99,
                ..victim.reference
            },
        ] {
            assert_eq!(
                ledger.hold(&wrong).unwrap_err().code(),
                Code::INVALID_HANDLE
            );
        }
        assert!(ledger.hold(&victim.reference).is_ok());
    }

    #[test]
    fn bytes_outside_the_granted_buffer_are_out_of_bounds() {
        let mut ledger = Ledger::new(1 << 24);
        let lease = granted(&mut ledger, 4096);
        for (offset, length) in [(0, 4097), (1, 4096), (u64::MAX, 2), (8192, 1)] {
            let named = BufferRef {
                offset,
                length,
                ..lease.reference
            };
            assert_eq!(ledger.hold(&named).unwrap_err().code(), Code::OUT_OF_BOUNDS);
        }
    }

    #[test]
    fn exhaustion_waits_drops_empty_extents_and_recovers() {
        let mut ledger = Ledger::new(1 << 20);
        let small = granted(&mut ledger, 4096);
        let Allocation::Wait(drops) = ledger.grant(1 << 20) else {
            panic!()
        };
        assert!(drops.is_empty(), "the extent is in use");
        ledger.give_back(&small.reference).unwrap();
        let Allocation::Wait(drops) = ledger.grant(1 << 20) else {
            panic!()
        };
        assert_eq!(drops, [1]);
        ledger.dropped(1).unwrap();
        assert!(matches!(ledger.grant(1 << 20), Allocation::Grow(_)));
        assert!(matches!(
            ledger.grant(2 << 20),
            Allocation::Never(1_048_576)
        ));
    }

    #[test]
    fn no_more_is_dropped_than_the_plan_needs() {
        let mut ledger = Ledger::new(4 << 20);
        let leases: Vec<Lease> = (0..4).map(|_| granted(&mut ledger, 1 << 20)).collect();
        for lease in &leases {
            ledger.give_back(&lease.reference).unwrap();
        }
        let Allocation::Wait(drops) = ledger.grant(2 << 20) else {
            panic!()
        };
        assert_eq!(drops.len(), 2);
        let Allocation::Wait(drops) = ledger.grant(2 << 20) else {
            panic!()
        };
        assert!(drops.is_empty(), "two are on their way already");
    }
}
