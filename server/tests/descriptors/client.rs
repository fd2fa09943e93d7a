//! A client that knows what it has, and names buffers rightly, nearly rightly, or not at
//! all. The server must take the first, and end the session for the others.
//!
//! The fuzz target of the same name plays it, too.

use outrigger_layout::buffer::{AllocRequest, BUFFERS, BufferRef, BufferTable};
use outrigger_layout::slot::{SlotHeader, flag, kind};
use outrigger_server::stepping::Loopback;
use outrigger_server::{Context, Error, Handler, Limits, Reply, Request, Server};

/// Buffers that the client may have.
const BUFFERS_MAX: usize = 12;

/// How a reference is spoilt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spoil {
    /// Which of its fields; most often none.
    pub(crate) field: u8,
    /// To what, or by how much.
    pub(crate) by: u64,
}

impl Spoil {
    fn apply(self, mut named: BufferRef) -> BufferRef {
        let by = self.by;
        match self.field {
            0 => named.extent = named.extent.wrapping_add(by as u32),
            1 => named.index = named.index.wrapping_add(by as u32),
            2 => named.generation = named.generation.wrapping_add(by as u32),
            3 => named.offset = named.offset.wrapping_add(by),
            4 => named.length = by,
            _ => {}
        }
        named
    }
}

/// What the client does next. Buffers are named by their place among those it has.
#[derive(Clone, Debug)]
pub(crate) enum Move {
    /// Asks for buffers.
    Ask(Vec<u64>),
    /// Calls with buffers that it has, or spoilt names of them; the first may be the value.
    Call(bool, Vec<(usize, Spoil)>),
    /// Returns what it has, or a spoilt name of it.
    Return(usize, Spoil),
    /// A header of any kind and flags, with any payload, in either ring.
    Any(bool, u8, u8, Vec<u8>),
}

/// Answers with what it was given, copied.
struct Back;

impl Handler for Back {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        reply.set(request.bytes())?;
        for attachment in request.attachments() {
            let [copy] = reply.attach([attachment.len() as usize])?;
            attachment.copy_to(copy)?;
        }
        Ok(())
    }

    fn takes_attachments(&self) -> bool {
        true
    }
}

/// See the module.
pub(crate) struct Client {
    pair: Loopback,
    back: u16,
    correlation: u64,
    /// What it has, and whether it may send it: it was granted, and not lent.
    has: Vec<(BufferRef, bool)>,
    /// What was sent last names what is not the client's, or bytes outside it.
    wrong: bool,
}

impl Client {
    /// A client of a fresh session, whose memory never runs short.
    pub(crate) fn new() -> Self {
        let limits = Limits {
            credits: 4,
            arena_bytes: 32 << 20,
            buffers_max: BUFFERS_MAX as u16,
            jobs_max: 8,
            ..Limits::default()
        };
        let builder = Server::builder().limits(limits).handler("back", Back);
        let pair = Loopback::new(builder).expect("a session");
        let back = pair.bind("back").expect("a method");
        Self {
            pair,
            back,
            correlation: 0,
            has: Vec::new(),
            wrong: false,
        }
    }

    /// Moves, and lets the server act.
    ///
    /// # Errors
    /// The violation that ends the session.
    ///
    /// # Panics
    /// Panics if the server takes what is wrong, or gives what somebody has.
    pub(crate) fn act(&mut self, next: Move) -> Result<(), Error> {
        match next {
            // What waited would get what a reply needs, and the handler wait instead.
            Move::Ask(lengths) if self.has.len() + lengths.len() > BUFFERS_MAX => return Ok(()),
            Move::Ask(lengths) => {
                let wanted = AllocRequest::of(&lengths);
                self.push(kind::ALLOC, bytemuck::bytes_of(&wanted));
            }
            Move::Call(has_value, parts) => self.call(has_value, &parts),
            Move::Return(at, spoil) => {
                let Some(named) = self.name(at, spoil) else {
                    return Ok(());
                };
                self.wrong = self.give(&named).is_none();
                self.push(kind::RETURN, bytemuck::bytes_of(&named));
            }
            Move::Any(true, kind, flags, bytes) => {
                let header = self.header(kind, flags);
                self.pair.send(&header, &bytes);
            }
            Move::Any(false, kind, _, bytes) => self.push(kind, &bytes),
        }
        self.settle()?;
        assert!(!self.wrong, "what is not the client's own was accepted");
        Ok(())
    }

    fn name(&self, at: usize, spoil: Spoil) -> Option<BufferRef> {
        let at = at.checked_rem(self.has.len())?;
        Some(spoil.apply(self.has[at].0))
    }

    /// Takes the buffer out of the books that a name stands for, if it is the client's.
    fn give(&mut self, named: &BufferRef) -> Option<(BufferRef, bool)> {
        let id = |one: &BufferRef| (one.extent, one.index, one.generation);
        let at = self.has.iter().position(|(one, _)| id(one) == id(named))?;
        Some(self.has.swap_remove(at))
    }

    fn header(&mut self, kind: u8, flags: u8) -> SlotHeader {
        self.correlation += 1;
        SlotHeader {
            kind,
            flags,
            ..Loopback::call_header(0, self.correlation)
        }
    }

    fn push(&mut self, kind: u8, payload: &[u8]) {
        let header = self.header(kind, 0);
        let _bell = self.pair.returns.push(&header, &[payload]).expect("room");
    }

    fn call(&mut self, has_value: bool, parts: &[(usize, Spoil)]) {
        let named = parts.iter().map(|(at, spoil)| self.name(*at, *spoil));
        let Some(named) = named
            .collect::<Option<Vec<_>>>()
            .filter(|all| !all.is_empty())
        else {
            return;
        };
        let attachments = named.len() - usize::from(has_value);
        let table = BufferTable::new(named.len(), attachments);
        let mut payload = bytemuck::bytes_of(&table).to_vec();
        // A buffer that is named twice is wrong the second time.
        self.wrong = table.check().is_err();
        for one in &named {
            let given = self.give(one);
            let right = given.is_some_and(|(buffer, may_send)| {
                let end = one.offset.checked_add(one.length);
                let inside = end.is_some_and(|end| end <= buffer.offset + buffer.length);
                may_send && one.offset >= buffer.offset && inside
            });
            self.wrong |= !right;
            payload.extend_from_slice(bytemuck::bytes_of(one));
        }
        if !has_value {
            payload.extend_from_slice(b"a value");
        }
        let header = SlotHeader {
            method: self.back,
            ..self.header(kind::CALL, flag::BUFFERS)
        };
        self.pair.send(&header, &payload);
    }

    /// Lets the server act, and takes what it says.
    fn settle(&mut self) -> Result<(), Error> {
        for _ in 0..4 {
            self.pair.step_mapping()?;
            while let Some(header) = self.pair.grants.peek().expect("an honest ring") {
                let mut named = [0; 32];
                self.pair.grants.copy_payload(0, &mut named);
                self.pair.grants.release();
                if header.kind == kind::GRANT {
                    self.take(bytemuck::pod_read_unaligned(&named), true);
                }
            }
            while let Some((header, payload)) = self.pair.receive() {
                if header.flags & flag::BUFFERS != 0 {
                    self.take_all(&payload);
                }
            }
        }
        Ok(())
    }

    fn take_all(&mut self, payload: &[u8]) {
        let (table, references) = payload.split_at(size_of::<BufferTable>());
        let table: BufferTable = bytemuck::pod_read_unaligned(table);
        assert_eq!(table.check(), Ok(()));
        let references = references.chunks_exact(size_of::<BufferRef>());
        for reference in references.take(table.count as usize) {
            let reference: BufferRef = bytemuck::pod_read_unaligned(reference);
            if !reference.is_nothing() {
                self.take(reference, false);
            }
        }
    }

    fn take(&mut self, named: BufferRef, may_send: bool) {
        let same = |(other, _): &(BufferRef, bool)| {
            other.extent == named.extent && other.index == named.index
        };
        assert!(!self.has.iter().any(same), "{named:?} was given twice");
        self.has.push((named, may_send));
        assert!(self.has.len() <= BUFFERS_MAX, "more than buffers_max");
    }
}

/// Most buffers that one move names.
pub(crate) const PARTS: usize = BUFFERS;
