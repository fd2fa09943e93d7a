//! Memory of the caller's that a reply is copied into.

use outrigger_layout::message::ArchiveMemory;

/// Bytes that can be made as many as a reply has. Memory is kept when it shrinks.
pub(crate) trait Storage {
    /// Makes the content this long and hands it out; what is new is zero.
    fn set_len(&mut self, len: usize) -> &mut [u8];
}

impl Storage for Vec<u8> {
    fn set_len(&mut self, len: usize) -> &mut [u8] {
        self.resize(len, 0);
        self
    }
}

/// Aligned, as archives must be.
impl Storage for ArchiveMemory {
    fn set_len(&mut self, len: usize) -> &mut [u8] {
        self.resize(len, 0);
        self
    }
}
