//! A value outside of this program's own memory, in the hands of a user.
//!
//! ```text
//!   Client::alloc ─▶ granted ─ write_at, Write ─┬─ call_buffer, attach ─▶ the server's
//!                                               └─ drop: RETURN ────────▶ the server's
//!   PlacedReply ───▶ lent ──── chunks, copy_to ──── drop: RETURN ───────▶ the server's
//! ```
//!
//! What fits in a slot is in memory of this process instead, and copied when it is sent.

#![allow(
    unsafe_code,
    reason = "slices of what the server could write, for a caller who knows that it does not"
)]

mod sending;

use std::fmt;
use std::io;
use std::sync::{Arc, Weak};

use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::Chunks;

use crate::client::Client;
use crate::lease::Lease;
use crate::memory::{BufferInfo, Memory};
use crate::session::Session;

/// A value outside of this program's own memory, as long as it does not fit in a slot
/// (224 bytes): one that [`Client::alloc`] granted for a request, to be written where the
/// server reads it, or one that the server lent with a reply, to be read where the server
/// wrote it. The server allocates and frees all of them.
///
/// A `Buffer` is its owner's: sending it moves it, dropping it gives it back. It stays
/// readable after the session has ended, until it is dropped.
///
/// No safe function makes a slice of it: the server has the same memory mapped, and what
/// is looked at must not change meanwhile. It is read piece by piece ([`Buffer::chunks`])
/// or copied ([`Buffer::copy_to`], [`Buffer::to_vec`]).
///
/// Who holds buffers while he waits for more keeps others waiting, perhaps for his: what
/// is needed together is had together, by [`Client::alloc_all`] or [`Client::allocate`].
///
/// ```no_run
/// use std::io::Write;
/// # use outrigger_client::Client;
/// # fn render(client: &Client, image: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let mut request = client.alloc(image.len() + 32)?;
/// writeln!(request, "width 640")?;
/// request.write_all(image)?;
/// let reply = client.call_buffer("app.render", request).wait_placed()?;
/// if let Some(rendered) = reply.value {
///     let mut chunks = rendered.chunks();
///     while let Some(piece) = chunks.next_chunk() {
///         println!("{} bytes", piece.len());
///     }
/// } // given back here
/// # Ok(())
/// # }
/// ```
pub struct Buffer {
    /// None if there are no bytes.
    memory: Option<Memory>,
    /// Bytes of the value.
    len: usize,
    /// Bytes that it may have.
    capacity: usize,
    /// To which the memory goes back.
    session: Weak<Session>,
}

impl Buffer {
    /// A buffer of the client's with a copy of these bytes.
    ///
    /// ```no_run
    /// # use outrigger_client::{Buffer, Client, Error};
    /// # fn upload(client: &Client, image: &[u8]) -> Result<(), Error> {
    /// let attached = Buffer::from_bytes(client, image)?;
    /// client.call("app.upload", "portrait").attach(attached).wait()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::alloc`].
    pub fn from_bytes(client: &Client, bytes: &[u8]) -> Result<Self, Error> {
        let mut buffer = client.alloc(bytes.len())?;
        buffer.write_at(0, bytes)?;
        if let (Some(Memory::Leased(_)), Some(session)) = (&buffer.memory, buffer.session.upgrade())
        {
            session.counters.copied_in.add(bytes.len() as u64);
        }
        Ok(buffer)
    }

    /// One of no bytes, and room for none.
    pub(crate) fn nothing() -> Self {
        Self {
            memory: None,
            len: 0,
            capacity: 0,
            session: Weak::new(),
        }
    }

    /// One in memory of this process, as yet empty.
    ///
    /// Preconditions: what it is for fits in a slot.
    pub(crate) fn small(session: &Arc<Session>) -> Self {
        Self {
            memory: Some(Memory::Own(session.spares.take())),
            len: 0,
            capacity: INLINE_MAX.min(session.terms.payload_max) as usize,
            session: Arc::downgrade(session),
        }
    }

    /// One in memory of this process, with a copy of these bytes.
    ///
    /// Preconditions: they fit in a slot.
    pub(crate) fn holding(session: &Arc<Session>, bytes: &[u8]) -> Self {
        let mut buffer = Self::small(session);
        buffer.capacity = buffer.capacity.max(bytes.len());
        let written = buffer.write_at(0, bytes);
        written.expect("it has room for them");
        buffer
    }

    /// One that was granted, as yet empty.
    pub(crate) fn granted(session: &Arc<Session>, lease: Lease) -> Self {
        let capacity = lease.len().min(session.terms.payload_max) as usize;
        Self {
            memory: Some(Memory::Leased(lease)),
            len: 0,
            capacity,
            session: Arc::downgrade(session),
        }
    }

    /// One that was granted, and has a value of so many bytes.
    ///
    /// Preconditions: it has room for it.
    pub(crate) fn filled(session: &Arc<Session>, lease: Lease, len: usize) -> Self {
        let mut buffer = Self::granted(session, lease);
        buffer.len = len;
        buffer
    }

    /// One that was lent with a reply.
    pub(crate) fn lent(session: &Arc<Session>, lease: Lease) -> Self {
        let len = lease.len() as usize;
        Self {
            memory: Some(Memory::Leased(lease)),
            len,
            capacity: len,
            session: Arc::downgrade(session),
        }
    }

    /// Bytes of the value.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True for a value of no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that the value may have: at least what was asked for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes the value this long. What that adds to it is unspecified until written.
    ///
    /// # Errors
    /// OUT_OF_BOUNDS beyond the capacity.
    pub fn set_len(&mut self, len: usize) -> Result<(), Error> {
        self.check(0, len)?;
        self.len = len;
        Ok(())
    }

    /// Writes bytes from this offset on; the value is then at least so long. What lies
    /// between its former end and the offset is unspecified until written.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it came with a reply, which cannot be written; OUT_OF_BOUNDS
    /// beyond the capacity. Nothing is written then.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        let end = self.check(offset, bytes.len())?;
        if let Some(memory) = &self.memory {
            memory.check_writable()?;
            let copied = memory
                .mapping()
                .copy_in(memory.offset() + offset as u64, bytes);
            copied.map_err(Error::protocol)?;
        }
        self.len = self.len.max(end);
        Ok(())
    }

    /// Its bytes, piece by piece, each from a private copy; also as [`io::Read`] and
    /// [`io::BufRead`].
    pub fn chunks(&self) -> Chunks<'_> {
        match &self.memory {
            Some(memory) => {
                let chunks = memory.mapping().chunks(memory.offset(), self.len as u64);
                chunks.expect("a buffer lies inside its memory")
            }
            None => Chunks::empty(),
        }
    }

    /// Copies all of it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if `into` has another length; nothing is copied then.
    pub fn copy_to(&self, into: &mut [u8]) -> Result<(), Error> {
        if into.len() != self.len {
            let (len, room) = (self.len, into.len());
            let text = format!("a buffer of {len} bytes into {room} bytes");
            return Err(Error::invalid_argument(text));
        }
        self.read(into);
        Ok(())
    }

    /// A copy of all of it.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut copy = vec![0; self.len];
        self.read(&mut copy);
        copy
    }

    /// Its bytes where they are.
    ///
    /// ```no_run
    /// # fn checksum(buffer: &outrigger_client::Buffer) -> u32 {
    /// // SAFETY: the server is part of this program's own build, and writes no buffer that
    /// // it has granted or lent.
    /// let bytes = unsafe { buffer.bytes() };
    /// bytes.iter().map(|byte| u32::from(*byte)).sum()
    /// # }
    /// ```
    ///
    /// # Safety
    /// The server leaves these bytes alone while the slice lives; it has them mapped, too.
    pub unsafe fn bytes(&self) -> &[u8] {
        let Some(memory) = &self.memory else {
            return &[];
        };
        // SAFETY: this process writes a buffer by way of `&mut self` only, and the caller
        // promises that the server does not.
        let bytes = unsafe { memory.mapping().bytes(memory.offset(), self.len as u64) };
        bytes.expect("a buffer lies inside its memory")
    }

    /// Its bytes where they are, for writing: as many as [`Buffer::set_len`] has said.
    ///
    /// ```no_run
    /// # fn fill(client: &outrigger_client::Client) -> Result<(), outrigger_client::Error> {
    /// let mut buffer = client.alloc(1 << 20)?;
    /// buffer.set_len(1 << 20)?;
    /// // SAFETY: the server is part of this program's own build, and writes no buffer that
    /// // it has granted.
    /// unsafe { buffer.bytes_mut() }?.fill(7);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it came with a reply, which cannot be written.
    ///
    /// # Safety
    /// The server leaves these bytes alone while the slice lives, and has granted them
    /// once only. (It may read them.)
    pub unsafe fn bytes_mut(&mut self) -> Result<&mut [u8], Error> {
        let Some(memory) = &self.memory else {
            return Ok(&mut []);
        };
        memory.check_writable()?;
        // SAFETY: a buffer that was granted once has one `Buffer`, which is borrowed here
        // for as long as the slice lives; the caller promises that the server leaves it be.
        let bytes = unsafe { memory.mapping().bytes_mut(memory.offset(), self.len as u64) };
        bytes.map_err(Error::protocol)
    }

    /// Where it is.
    pub fn inspect(&self) -> BufferInfo {
        let at_home = BufferInfo {
            len: self.len,
            capacity: self.capacity,
            ..BufferInfo::default()
        };
        let Some(Memory::Leased(lease)) = &self.memory else {
            return at_home;
        };
        let reference = lease.reference();
        BufferInfo {
            extent: reference.extent,
            index: reference.index,
            generation: reference.generation,
            is_lent: !self.is_granted(),
            ..at_home
        }
    }

    /// Copies the first bytes out, as many as `into` has.
    ///
    /// Preconditions: those are not more than it has.
    pub(crate) fn read(&self, into: &mut [u8]) {
        if let Some(memory) = &self.memory {
            let copied = memory.mapping().copy_out(memory.offset(), into);
            copied.expect("a buffer lies inside its memory");
        }
    }

    /// True if it was granted.
    pub(crate) fn is_granted(&self) -> bool {
        matches!(&self.memory, Some(Memory::Leased(lease)) if lease.mapping().is_writable())
    }

    /// The end of a span, in bytes.
    fn check(&self, offset: usize, len: usize) -> Result<usize, Error> {
        let capacity = self.capacity;
        let end = offset.checked_add(len).filter(|end| *end <= capacity);
        end.ok_or_else(|| {
            let text = format!("{len} bytes at {offset} of a buffer (capacity {capacity})");
            Error::with_details(Code::OUT_OF_BOUNDS, &[&text])
        })
    }
}

/// Appends to the value. Fails with `WriteZero` if that is not possible, as
/// [`Buffer::write_at`] would; nothing is written then.
impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.write_at(self.len, bytes);
        written.map_err(|error| io::Error::new(io::ErrorKind::WriteZero, error))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // An ended session wants nothing back.
        let Some(session) = self.session.upgrade() else {
            return;
        };
        match self.memory.take() {
            Some(Memory::Leased(lease)) => session.give_back(lease),
            Some(Memory::Own(mapping)) => session.spares.put(mapping),
            None => {}
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Buffer").field(&self.inspect()).finish()
    }
}

#[cfg(test)]
mod tests {
    use outrigger_layout::buffer::BufferRef;
    use outrigger_layout::frame::ExtentBody;
    use outrigger_layout::segment::side;
    use outrigger_ringbuf::{Mapping, Role, create_segment};

    use super::*;
    use crate::extents::Extents;
    use crate::heap::Heap;

    /// A buffer of 4096 bytes in a fresh extent, and the server's mapping of that.
    fn lease(side: u32, role: Role) -> (Lease, Mapping) {
        let (fd, server) = create_segment(role, 8192).expect("memory");
        let body = ExtentBody {
            side,
            buffer_count: 2,
            buffer_len: 4096,
            length: 8192,
            reserved: 0,
        };
        let extents = Extents::default();
        extents.add(1, &body, &fd).expect("a good extent");
        let reference = BufferRef {
            extent: 1,
            index: 1,
            generation: 3,
            offset: 4096,
            length: 4096,
            ..BufferRef::EMPTY
        };
        (extents.lease(&reference, side).expect("inside"), server)
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no memfd")]
    fn a_slice_of_a_granted_buffer_is_what_the_server_sees() {
        let heap = Heap::new();
        let (lease, server) = lease(side::CLIENT, Role::Client);
        let mut buffer = Buffer::granted(&heap.session, lease);
        buffer.set_len(100).expect("room");
        // SAFETY: the server is this test, which writes nothing.
        let bytes = unsafe { buffer.bytes_mut() }.expect("granted");
        bytes.fill(7);
        let mut seen = [0; 101];
        server.copy_out(4096, &mut seen).expect("inside");
        assert_eq!((&seen[..100], seen[100]), (&[7; 100][..], 0));
        // SAFETY: as above.
        assert_eq!(unsafe { buffer.bytes() }, [7; 100]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no memfd")]
    fn a_lent_buffer_is_read_where_it_is_and_cannot_be_written() {
        let heap = Heap::new();
        let (lease, server) = lease(side::SERVER, Role::Server);
        server.copy_in(4096, b"lent").expect("inside");
        let mut buffer = Buffer::lent(&heap.session, lease);
        // SAFETY: the server is this test, which writes nothing more.
        assert_eq!(unsafe { &buffer.bytes()[..4] }, b"lent");
        // SAFETY: as above.
        let error = unsafe { buffer.bytes_mut() }.expect_err("lent");
        assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    }

    #[test]
    fn a_buffer_that_was_put_down_is_the_same_value_elsewhere() {
        let heap = Heap::new();
        let mut small = Buffer::holding(&heap.session, b"small");
        small.put_down(&heap.session);
        assert_eq!((small.to_vec(), small.capacity()), (b"small".to_vec(), 5));
        let mut nothing = Buffer::nothing();
        assert!(nothing.write_at(0, b"x").is_err());
        // SAFETY: there are no bytes.
        assert!(unsafe { nothing.bytes_mut() }.expect("none").is_empty());
    }
}
