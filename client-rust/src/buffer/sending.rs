//! A buffer as a call sends it: named in a request, moved, or put down while it waits.

use std::sync::{Arc, Weak};

use outrigger_layout::buffer::BufferRef;
use outrigger_ringbuf::Mapping;

use crate::buffer::Buffer;
use crate::lease::Lease;
use crate::memory::Memory;
use crate::session::Session;

impl Buffer {
    /// True if it was granted by another session.
    pub(crate) fn is_foreign(&self, session: &Arc<Session>) -> bool {
        self.is_granted() && Weak::as_ptr(&self.session) != Arc::as_ptr(session)
    }

    /// True if a request can name it, as it is.
    pub(crate) fn can_be_named(&self) -> bool {
        self.len > 0 && self.is_granted()
    }

    /// How a request names it.
    ///
    /// Preconditions: it can be named, or has no bytes.
    pub(crate) fn reference(&self) -> BufferRef {
        match &self.memory {
            Some(Memory::Leased(lease)) if self.len > 0 => BufferRef {
                length: self.len as u64,
                ..*lease.reference()
            },
            _ => BufferRef::EMPTY,
        }
    }

    /// Moves the value into a buffer that was granted for it; what it was in goes back.
    ///
    /// Preconditions: the lease holds the value.
    pub(crate) fn move_to(&mut self, session: &Arc<Session>, lease: Lease) {
        let granted = self.copied(Self::granted(session, lease));
        session.counters.copied_in.add(granted.len as u64);
        *self = granted;
    }

    /// Moves the value into memory of this process; the buffer goes back.
    ///
    /// Preconditions: it was granted.
    pub(crate) fn put_down(&mut self, session: &Arc<Session>) {
        let own = Self {
            memory: Some(Memory::Own(Mapping::heap(self.len))),
            len: 0,
            capacity: self.len,
            session: Weak::new(),
        };
        *self = self.copied(own);
        session.counters.copied_out.add(self.len as u64);
    }

    /// The value, in another buffer that has room for it.
    fn copied(&self, mut into: Self) -> Self {
        let mut chunks = self.chunks();
        while let Some(piece) = chunks.next_chunk() {
            let written = into.write_at(into.len, piece);
            written.expect("it has room");
        }
        into
    }

    /// A request that names it was published: it is the server's now.
    pub(crate) fn sent(mut self) {
        if self.can_be_named() {
            self.memory = None;
        }
    }
}
