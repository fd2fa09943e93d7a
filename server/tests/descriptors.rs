//! Random messages about buffers, most of them nearly right: no answer but a reply or a
//! violation with its code, no panic, and no buffer that two have.

use outrigger_layout::Code;
use outrigger_layout::buffer::{AllocRequest, BufferRef, BufferTable};
use outrigger_layout::slot::{SlotHeader, flag, kind};
use outrigger_server::stepping::Loopback;
use outrigger_server::{Error, Limits, Server, handler};
use proptest::prelude::*;

/// How a reference is spoilt.
#[derive(Clone, Copy, Debug)]
struct Spoil {
    /// Which of its fields; most often none.
    field: u8,
    /// To what, or by how much.
    by: u64,
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

/// What the client does next.
#[derive(Clone, Debug)]
enum Move {
    /// Asks for a buffer.
    Ask(u64),
    /// Calls with a buffer it was granted, or a spoilt name of one.
    Call(usize, Spoil),
    /// Returns what it was granted or lent, or a spoilt name of it.
    Return(usize, Spoil),
    /// A header of any kind and flags, with any payload, in either ring.
    Any(bool, u8, u8, Vec<u8>),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let any_u64 = prop_oneof![0_u64..10, 4000_u64..70_000, any::<u64>()];
    let spoil = (0_u8..60, any_u64).prop_map(|(field, by)| Spoil { field, by });
    let one = prop_oneof![
        4 => (1_u64..300_000).prop_map(Move::Ask),
        6 => (any::<usize>(), spoil.clone()).prop_map(|(at, spoil)| Move::Call(at, spoil)),
        4 => (any::<usize>(), spoil).prop_map(|(at, spoil)| Move::Return(at, spoil)),
        1 => (any::<bool>(), any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..33))
            .prop_map(|(ring, kind, flags, bytes)| Move::Any(ring, kind, flags, bytes)),
    ];
    prop::collection::vec(one, 1..60)
}

/// A client that knows what it has.
struct Client {
    pair: Loopback,
    echo: u16,
    correlation: u64,
    /// Granted and lent.
    has: Vec<BufferRef>,
    /// Granted only.
    may_send: Vec<bool>,
    /// What was sent last names what is not the client's, or bytes outside it.
    wrong: bool,
}

impl Client {
    fn new() -> Self {
        let limits = Limits {
            credits: 4,
            arena_bytes: 2 << 20,
            buffers_max: 8,
            ..Limits::default()
        };
        let echo = handler::bytes(|_, bytes| Ok(bytes.to_vec()));
        let builder = Server::builder().limits(limits).handler("echo", echo);
        let pair = Loopback::new(builder).expect("a session");
        let echo = pair.bind("echo").expect("a method");
        Self {
            pair,
            echo,
            correlation: 0,
            has: Vec::new(),
            may_send: Vec::new(),
            wrong: false,
        }
    }

    /// Takes the buffer out of the books that a name stands for, if it is the client's.
    fn give(&mut self, named: &BufferRef) -> Option<(BufferRef, bool)> {
        let id = |one: &BufferRef| (one.extent, one.index, one.generation);
        let at = self.has.iter().position(|one| id(one) == id(named))?;
        Some((self.has.swap_remove(at), self.may_send.swap_remove(at)))
    }

    fn header(&mut self, kind: u8, flags: u8) -> SlotHeader {
        self.correlation += 1;
        SlotHeader {
            kind,
            flags,
            ..Loopback::call_header(0, self.correlation)
        }
    }

    fn back(&mut self, kind: u8, payload: &[u8]) {
        let header = self.header(kind, 0);
        let _bell = self.pair.returns.push(&header, &[payload]).expect("room");
    }

    fn act(&mut self, next: Move) -> Result<(), Error> {
        match next {
            Move::Ask(length) => {
                let wanted = AllocRequest::of(&[length]);
                self.back(kind::ALLOC, bytemuck::bytes_of(&wanted));
            }
            Move::Call(at, spoil) => self.call(at, spoil),
            Move::Return(at, spoil) => {
                let Some(at) = at.checked_rem(self.has.len()) else {
                    return Ok(());
                };
                let named = spoil.apply(self.has[at]);
                self.wrong = self.give(&named).is_none();
                self.back(kind::RETURN, bytemuck::bytes_of(&named));
            }
            Move::Any(true, kind, flags, bytes) => {
                let header = self.header(kind, flags);
                self.pair.send(&header, &bytes);
            }
            Move::Any(false, kind, _, bytes) => self.back(kind, &bytes),
        }
        self.settle()?;
        assert!(!self.wrong, "what is not the client's own was accepted");
        Ok(())
    }

    fn call(&mut self, at: usize, spoil: Spoil) {
        let Some(at) = at.checked_rem(self.has.len()) else {
            return;
        };
        let named = spoil.apply(self.has[at]);
        let given = self.give(&named);
        self.wrong = !given.is_some_and(|(buffer, may_send)| {
            let end = named.offset.checked_add(named.length);
            let inside = end.is_some_and(|end| end <= buffer.offset + buffer.length);
            may_send && named.offset >= buffer.offset && inside
        });
        let table = BufferTable::new(1, 0);
        let payload = [bytemuck::bytes_of(&table), bytemuck::bytes_of(&named)].concat();
        let header = SlotHeader {
            method: self.echo,
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
                    let start = size_of::<BufferTable>();
                    self.take(bytemuck::pod_read_unaligned(&payload[start..][..32]), false);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, named: BufferRef, may_send: bool) {
        let same = |other: &BufferRef| other.extent == named.extent && other.index == named.index;
        assert!(!self.has.iter().any(same), "{named:?} was given twice");
        self.has.push(named);
        self.may_send.push(may_send);
        assert!(self.has.len() <= 8, "more than buffers_max");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sm_04_no_descriptor_reaches_what_is_not_the_clients_own(moves in moves()) {
        let mut client = Client::new();
        for next in moves {
            if let Err(error) = client.act(next) {
                let allowed = [Code::PROTOCOL, Code::INVALID_HANDLE, Code::OUT_OF_BOUNDS];
                prop_assert!(allowed.contains(&error.code()), "{error}");
                return Ok(());
            }
        }
    }
}
