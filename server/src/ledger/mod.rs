//! Who owns which buffer. Rust allocates, Rust frees; this is the record of it,
//! in private memory.
//!
//! ```text
//!   Free ─ grant, stock ─▶ Granted (client writes) ─ hold ─▶ Held (server reads) ─ free ─▶ Free
//!   Free ─ fill ──▶ Filled (server writes) ── lend ─▶ Lent (client reads) ─ give back ─▶ Free
//!   Granted ── give back ──▶ Free      Filled ── free ──▶ Free
//! ```
//!
//! A reference names extent, index and generation; the generation changes each
//! time a buffer becomes free, so a stale reference never reaches a successor.
//! The ledger does no I/O and reads no clock: it says that an extent must be made or
//! may be dropped, and is told when that has happened.

mod allocation;
mod dropping;
mod extent;
#[cfg(test)]
mod model;
mod stock;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_layout::buffer::BufferRef;
use outrigger_layout::segment::side;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::Mapping;

pub(crate) use allocation::Allocation;
pub(crate) use extent::{Plan, State};
pub(crate) use stock::STOCK_MAX;
pub(crate) use usage::{Tally, Usage};

use crate::lease::Lease;
use crate::quota::Account;
use extent::Extent;
use stock::Stock;

/// All buffers of one session.
#[derive(Debug)]
pub(crate) struct Ledger {
    extents: BTreeMap<u32, Extent>,
    next_extent: u32,
    /// Bytes of extents and of plans not yet made, for each side.
    reserved: [u64; 2],
    /// Plans not yet made or not yet mapped.
    growing: u32,
    stock: Stock,
    usage: Usage,
    bytes_max: u64,
    buffers_max: u64,
    account: Arc<Account>,
}

impl Ledger {
    /// A ledger that keeps each side's extents below `bytes_max` bytes, what the client
    /// has at `buffers_max` buffers, and charges the account.
    pub(crate) fn new(bytes_max: u64, buffers_max: u16, account: Arc<Account>) -> Self {
        let (extents, next_extent) = (BTreeMap::new(), 1);
        Self {
            extents,
            next_extent,
            reserved: [0; 2],
            growing: 0,
            stock: Stock::default(),
            usage: Usage::default(),
            bytes_max,
            buffers_max: u64::from(buffers_max),
            account,
        }
    }

    /// Grants buffers of at least these lengths for the client to write, all or none. Who
    /// is not `first` among those who wait has no extent dropped for it: the first one
    /// may be about to use it.
    pub(crate) fn grant(
        &mut self,
        lens: &[u64],
        first: bool,
        leases: &mut Vec<Lease>,
    ) -> Allocation {
        for len in lens {
            self.stock.ask(Plan::new(side::CLIENT, *len).buffer_len);
        }
        let allocation = self.allocate(side::CLIENT, lens, first, leases);
        if matches!(allocation, Allocation::Ready) {
            self.usage.grants += lens.len() as u64;
        }
        allocation
    }

    /// Takes buffers of at least these lengths for this process to fill, all or none;
    /// `first` is as for `grant`.
    pub(crate) fn fill(
        &mut self,
        lens: &[u64],
        first: bool,
        leases: &mut Vec<Lease>,
    ) -> Allocation {
        self.allocate(side::SERVER, lens, first, leases)
    }

    /// Grants a free buffer of this size ahead of need, if the client has asked for such
    /// ones before and has few of them.
    ///
    /// Preconditions: nobody waits for memory.
    pub(crate) fn stock(&mut self, buffer_len: u64) -> Option<Lease> {
        // Half is left for what calls ask for, and for replies.
        let many = (self.usage.client_buffers() + 1) * 2 > self.buffers_max;
        if many || !self.stock.wants(buffer_len) {
            return None;
        }
        let plan = Plan::new(side::CLIENT, buffer_len);
        let lease = self.take_free(&plan, State::Granted)?;
        self.stock.granted(buffer_len);
        self.buffer(&lease.reference).in_stock = true;
        self.usage.stocked += 1;
        Some(lease)
    }

    /// True if RECALL must be sent: there is something in stock that none is for yet.
    pub(crate) fn recall(&mut self) -> bool {
        let due = self.stock.recall();
        self.usage.recalls += u64::from(due);
        due
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
    pub(crate) fn lend(&mut self, lease: &Lease, now_ns: u64) {
        self.set(&lease.reference, State::Lent);
        self.buffer(&lease.reference).lent_ns = now_ns;
        self.usage.lends += 1;
    }

    /// Held, filled or stocked to free: this process is done with it. Returns which it
    /// was.
    pub(crate) fn free(&mut self, lease: &Lease) -> State {
        self.set(&lease.reference, State::Free)
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
        self.usage.returns += 1;
        Ok(())
    }

    /// Takes up an extent made by a plan and not yet mapped by the peer; gives its id.
    pub(crate) fn add(&mut self, plan: Plan, mapping: Arc<Mapping>) -> u32 {
        let id = self.next_extent;
        self.next_extent += 1;
        let extent = Extent::new(&plan, mapping);
        self.usage.appear(extent.buffers.len(), plan.buffer_len);
        self.extents.insert(id, extent);
        id
    }

    /// A plan could not be carried out: its reservation is void.
    pub(crate) fn abandon(&mut self, plan: &Plan) {
        self.unreserve(plan.side, plan.bytes());
        self.growing -= 1;
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
        self.growing -= 1;
        Ok(())
    }

    /// True if an extent is being made or mapped.
    pub(crate) fn is_growing(&self) -> bool {
        self.growing > 0
    }

    /// Bytes that a side's new extents could have now.
    pub(crate) fn available(&self, side: u32) -> u64 {
        let left = self.bytes_max - self.reserved[index_of(side)];
        left.min(self.account.available())
    }

    /// What there is.
    pub(crate) fn usage(&self) -> Usage {
        let buffers = self.extents.values().flat_map(|extent| &extent.buffers);
        let lent = buffers.filter(|buffer| buffer.state == State::Lent);
        Usage {
            in_stock: self.stock.count(),
            oldest_lent_ns: lent.map(|buffer| buffer.lent_ns).min(),
            ..self.usage
        }
    }

    /// Buffers that are not free, by what they do.
    pub(crate) fn counts(&self) -> &Usage {
        &self.usage
    }

    /// True if the peer has an extent for buffers of such lengths still to map.
    pub(crate) fn awaits_mapping(&self, side: u32, lens: &[u64]) -> bool {
        let mut unmapped = self.extents.values().filter(|extent| !extent.mapped);
        unmapped.any(|extent| {
            let holds = |len: &u64| Plan::new(side, *len).buffer_len == extent.buffer_len;
            extent.side == side && lens.iter().any(holds)
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
                Ok(extent.lease(id, index))
            }
            _ => {
                let text = format!(
                    "buffer {index} of extent {id}, generation {generation} (not the client's)"
                );
                Err(Error::with_details(Code::INVALID_HANDLE, &[&text]))
            }
        }
    }

    /// The buffer of a lease.
    fn buffer(&mut self, reference: &BufferRef) -> &mut extent::Buffer {
        let extent = self.extents.get_mut(&reference.extent);
        let extent = extent.expect("a leased extent exists");
        let buffer = &mut extent.buffers[reference.index as usize];
        assert_eq!(
            buffer.generation, reference.generation,
            "a lease is never stale"
        );
        buffer
    }

    fn set(&mut self, reference: &BufferRef, state: State) -> State {
        let buffer_len = reference.length;
        let buffer = self.buffer(reference);
        let before = core::mem::replace(&mut buffer.state, state);
        if core::mem::take(&mut buffer.in_stock) {
            self.stock.taken(buffer_len);
        }
        self.usage.shift(before, state, buffer_len);
        if state == State::Free {
            let buffer = self.buffer(reference);
            buffer.generation = buffer.generation.wrapping_add(1);
            let extent = self.extents.get_mut(&reference.extent);
            let extent = extent.expect("a leased extent exists");
            extent.free.push(reference.index);
        }
        before
    }

    fn unreserve(&mut self, side: u32, bytes: u64) {
        self.reserved[index_of(side)] -= bytes;
        self.usage.bytes -= bytes;
        self.account.refund(bytes);
    }
}

fn index_of(side: u32) -> usize {
    usize::from(side == side::CLIENT)
}
