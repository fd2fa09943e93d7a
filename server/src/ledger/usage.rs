//! What a session's buffers are doing, in numbers.

use crate::ledger::extent::{STATES, State};

/// Buffers, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) buffers: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    fn add(&mut self, buffers: u64, buffer_len: u64) {
        self.buffers += buffers;
        self.bytes += buffers * buffer_len;
    }

    fn sub(&mut self, buffers: u64, buffer_len: u64) {
        self.buffers -= buffers;
        self.bytes -= buffers * buffer_len;
    }
}

/// Counts of one ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(super) states: [Tally; STATES],
    /// Bytes of all extents, those that are being made included.
    pub(crate) bytes: u64,
    pub(crate) bytes_peak: u64,
    /// Extents now.
    pub(crate) extents: u64,
    pub(crate) extents_made: u64,
    pub(crate) extents_dropped: u64,
    /// Buffers granted because they were asked for.
    pub(crate) grants: u64,
    /// Buffers granted ahead of need.
    pub(crate) stocked: u64,
    /// Of those, how many no call has used yet.
    pub(crate) in_stock: u64,
    pub(crate) lends: u64,
    pub(crate) returns: u64,
    pub(crate) recalls: u64,
    /// Most buffers that were the client's at once.
    pub(crate) client_buffers_peak: u64,
    /// When the buffer was lent that has been longest with the client.
    pub(crate) oldest_lent_ns: Option<u64>,
}

impl Usage {
    /// Buffers in a state.
    pub(crate) fn of(&self, state: State) -> Tally {
        self.states[state as usize]
    }

    /// Buffers that are not free.
    pub(crate) fn in_use(&self) -> u64 {
        self.all() - self.of(State::Free).buffers
    }

    /// Buffers that are the client's, or will be with the reply that is being written.
    pub(crate) fn client_buffers(&self) -> u64 {
        let [granted, filled, lent] =
            [State::Granted, State::Filled, State::Lent].map(|state| self.of(state).buffers);
        granted + filled + lent
    }

    /// Buffers that come back by themselves: a handler has them.
    pub(crate) fn server_buffers(&self) -> u64 {
        self.of(State::Held).buffers + self.of(State::Filled).buffers
    }

    /// All buffers.
    pub(super) fn all(&self) -> u64 {
        self.states.iter().map(|tally| tally.buffers).sum()
    }

    pub(super) fn appear(&mut self, count: usize, buffer_len: u64) {
        self.states[State::Free as usize].add(count as u64, buffer_len);
        self.extents += 1;
        self.extents_made += 1;
    }

    pub(super) fn vanish(&mut self, count: usize, buffer_len: u64) {
        self.states[State::Free as usize].sub(count as u64, buffer_len);
        self.extents -= 1;
        self.extents_dropped += 1;
    }

    pub(super) fn shift(&mut self, from: State, to: State, buffer_len: u64) {
        self.states[from as usize].sub(1, buffer_len);
        self.states[to as usize].add(1, buffer_len);
        self.client_buffers_peak = self.client_buffers_peak.max(self.client_buffers());
    }

    pub(super) fn reserve(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.bytes_peak = self.bytes_peak.max(self.bytes);
    }
}
