//! Rust allocates, Rust frees: what a session's buffers do, seen from both ends in
//! one thread.

use outrigger_layout::buffer::{AllocRequest, BufferRef, BufferTable, Refusal};
use outrigger_layout::slot::{SlotHeader, flag, kind};
use outrigger_layout::{Code, limits};
use outrigger_server::stepping::Loopback;
use outrigger_server::{Limits, Server, handler};

/// What the server said in the grant ring.
#[derive(Debug, PartialEq)]
enum Said {
    Granted(u64, BufferRef),
    Refused(u64, Code, Refusal),
    Recalled,
}

/// A client of one session, driven by hand.
struct Client {
    pair: Loopback,
    echo: u16,
    correlation: u64,
}

impl Client {
    fn new(limits: Limits) -> Self {
        let pool = handler::bytes(|_, bytes| Ok(bytes.to_vec())).on_pool();
        let builder = Server::builder().limits(limits).handler("pool", pool);
        let pair = Loopback::new(builder).expect("a session");
        let echo = pair.bind("outrigger.echo").unwrap();
        Self {
            pair,
            echo,
            correlation: 0,
        }
    }

    fn push(&mut self, kind: u8, correlation: u64, payload: &[u8]) {
        let header = SlotHeader {
            kind,
            ..Loopback::call_header(0, correlation)
        };
        let _armed = self.pair.returns.push(&header, &[payload]).unwrap();
    }

    /// ALLOC, and the server's turn; gives the correlation.
    fn ask(&mut self, length: u64) -> u64 {
        let correlation = self.ask_all(&[length]);
        self.turn();
        correlation
    }

    /// ALLOC of several buffers; gives the correlation.
    fn ask_all(&mut self, lengths: &[u64]) -> u64 {
        self.correlation += 1;
        let wanted = AllocRequest::of(lengths);
        self.push(kind::ALLOC, self.correlation, bytemuck::bytes_of(&wanted));
        self.correlation
    }

    fn give_back(&mut self, reference: &BufferRef) {
        self.push(kind::RETURN, 0, bytemuck::bytes_of(reference));
        self.turn();
    }

    /// The server reads what there is; extents are mapped and unmapped.
    fn turn(&mut self) {
        for _ in 0..3 {
            self.pair.step_mapping().unwrap();
        }
    }

    /// The next message of the grant ring.
    fn hear(&mut self) -> Option<Said> {
        let header = self.pair.grants.peek().unwrap()?;
        let mut payload = [0; 32];
        let len = header.payload_len as usize;
        self.pair.grants.copy_payload(0, &mut payload[..len]);
        self.pair.grants.release();
        let correlation = header.correlation;
        Some(match header.kind {
            kind::GRANT => Said::Granted(correlation, bytemuck::pod_read_unaligned(&payload)),
            kind::REFUSED => {
                let refusal = bytemuck::pod_read_unaligned(&payload[..len]);
                Said::Refused(correlation, Code(header.code), refusal)
            }
            kind::RECALL => {
                assert_eq!((correlation, len), (0, 0));
                Said::Recalled
            }
            other => panic!("kind {other} in the grant ring"),
        })
    }

    #[track_caller]
    fn granted(&mut self) -> (u64, BufferRef) {
        match self.hear() {
            Some(Said::Granted(correlation, reference)) => (correlation, reference),
            other => panic!("{other:?} instead of a grant"),
        }
    }

    /// ALLOC and its GRANT.
    #[track_caller]
    fn grant(&mut self, length: u64) -> BufferRef {
        let correlation = self.ask(length);
        let (answered, reference) = self.granted();
        assert_eq!(answered, correlation);
        reference
    }

    /// Publishes an echo of `length` bytes in a granted buffer.
    fn send(&mut self, reference: &BufferRef, length: u64) {
        self.correlation += 1;
        let header = SlotHeader {
            flags: flag::BUFFERS,
            ..Loopback::call_header(self.echo, self.correlation)
        };
        let named = BufferRef {
            length,
            ..*reference
        };
        let table = BufferTable::new(1, 0);
        let payload = [bytemuck::bytes_of(&table), bytemuck::bytes_of(&named)].concat();
        self.pair.send(&header, &payload);
    }

    /// The lent buffer of the next reply.
    #[track_caller]
    fn lent(&mut self) -> BufferRef {
        let (header, payload) = self.pair.receive().expect("a reply");
        let text = String::from_utf8_lossy(&payload);
        assert_eq!(Code(header.code), Code::OK, "{text}");
        assert_eq!(header.flags, flag::BUFFERS);
        bytemuck::pod_read_unaligned(&payload[16..])
    }
}

/// A call of 100 bytes whose reply is small, in this buffer.
fn small_echo(client: &mut Client, reference: &BufferRef) {
    client.send(reference, 100);
    client.turn();
    let (header, _) = client.pair.receive().expect("a reply");
    assert_eq!((Code(header.code), header.flags), (Code::OK, 0));
}

#[test]
fn fb_01_rust_allocates_and_frees_and_after_any_mix_of_calls_nothing_is_in_use() {
    let mut client = Client::new(Limits::default());
    let mut stock: Vec<BufferRef> = Vec::new();
    for round in 0..2000_u64 {
        let length = 1 + (round * 7919) % 200_000;
        let reference = match stock.iter().position(|one| one.length >= length) {
            Some(at) => stock.swap_remove(at),
            None => client.grant(length),
        };
        client.send(&reference, length);
        client.turn();
        if length > limits::INLINE_MAX {
            let lent = client.lent();
            client.give_back(&lent);
        } else {
            client.pair.receive().expect("a reply");
        }
        while let Some(Said::Granted(0, reference)) = client.hear() {
            stock.push(reference);
        }
    }
    let stats = client.pair.stats();
    assert!(stats.stocked > 100, "{stats:?}");
    assert_eq!(stats.buffers_in_use(), stock.len() as u64);
    assert_eq!(stats.in_stock, stock.len() as u64);
    for reference in &stock {
        client.give_back(reference);
    }
    let stats = client.pair.stats();
    assert_eq!((stats.buffers_in_use(), stats.in_stock), (0, 0));
    assert_eq!(stats.extents_made - stats.extents_dropped, stats.extents);
    let all = stats.free.bytes;
    assert_eq!(all, stats.extent_bytes);
}

#[test]
fn what_a_call_used_is_granted_again_unasked_up_to_sixteen_of_a_size() {
    let mut client = Client::new(Limits::default());
    let first: Vec<BufferRef> = (0..20).map(|_| client.grant(60_000)).collect();
    for reference in &first {
        small_echo(&mut client, reference);
    }
    for _ in 0..16 {
        let (correlation, reference) = client.granted();
        assert_eq!((correlation, reference.length), (0, 65_536));
    }
    assert_eq!(client.hear(), None, "no more than sixteen");
    let stats = client.pair.stats();
    assert_eq!((stats.granted.buffers, stats.in_stock), (16, 16));
    // What is too large is never stocked.
    let large = client.grant(65_537);
    small_echo(&mut client, &large);
    assert_eq!(client.hear(), None);
}

#[test]
fn a_stock_grant_stands_in_its_ring_before_the_reply_is_published() {
    let mut client = Client::new(Limits::default());
    let mut reference = client.grant(60_000);
    for _ in 0..100 {
        client.send(&reference, 60_000);
        client.turn();
        // The reply is there, and so is the buffer for the next call.
        let (correlation, stocked) = client.granted();
        assert_eq!(correlation, 0);
        assert_ne!(stocked.generation, reference.generation);
        reference = stocked;
        let lent = client.lent();
        client.give_back(&lent);
    }
    assert_eq!(client.pair.stats().grants, 1, "asked for once");
}

#[test]
fn buffers_max_is_never_exceeded_and_an_alloc_waits_for_a_return() {
    let limits = Limits {
        buffers_max: 4,
        ..Limits::default()
    };
    let mut client = Client::new(limits);
    let held: Vec<BufferRef> = (0..4).map(|_| client.grant(5000)).collect();
    let waiting = client.ask(5000);
    assert_eq!(client.hear(), None, "the client has four");
    assert_eq!(client.pair.stats().waiting, 1);
    client.give_back(&held[0]);
    assert_eq!(client.granted().0, waiting);
    // A buffer that a call uses is the server's.
    let next = client.ask(5000);
    assert_eq!(client.hear(), None);
    client.send(&held[1], 100);
    client.turn();
    assert_eq!(client.granted().0, next);
    assert_eq!(client.pair.stats().client_buffers_peak, 4);
}

#[test]
fn a_reply_waits_for_buffers_max_too() {
    let limits = Limits {
        buffers_max: 1,
        ..Limits::default()
    };
    let mut client = Client::new(limits);
    let reference = client.grant(5000);
    client.send(&reference, 5000);
    client.turn();
    let lent = client.lent();
    assert_eq!(client.pair.stats().lent.buffers, 1);
    let waiting = client.ask(5000);
    assert_eq!(client.hear(), None, "one is lent");
    client.give_back(&lent);
    assert_eq!(client.granted().0, waiting);
}

/// A client that has a buffer in stock, and waits for all of the memory that it is in; it
/// has been asked for the stock.
fn stocked_and_waiting() -> (Client, BufferRef, u64) {
    let limits = Limits {
        payload_max: 1 << 20,
        arena_bytes: 1 << 20,
        ..Limits::default()
    };
    let mut client = Client::new(limits);
    let reference = client.grant(60_000);
    small_echo(&mut client, &reference);
    let (_, stocked) = client.granted();
    let waiting = client.ask(1 << 20);
    assert_eq!(client.hear(), Some(Said::Recalled));
    (client, stocked, waiting)
}

#[test]
fn stock_is_recalled_once_when_somebody_waits_for_memory() {
    let (mut client, stocked, waiting) = stocked_and_waiting();
    client.turn();
    assert_eq!(client.hear(), None, "asked for once");
    assert_eq!(client.pair.stats().in_stock, 1, "granted until it is back");
    client.give_back(&stocked);
    client.turn();
    let (correlation, whole) = client.granted();
    assert_eq!((correlation, whole.length), (waiting, 1 << 20));
    let stats = client.pair.stats();
    assert_eq!((stats.recalls, stats.extents_dropped), (1, 1));
}

#[test]
fn a_recalled_grant_may_be_used_and_is_not_granted_again_while_somebody_waits() {
    let (mut client, stocked, waiting) = stocked_and_waiting();
    small_echo(&mut client, &stocked);
    assert_eq!(client.granted().0, waiting);
}

#[test]
fn an_idle_session_is_recalled_and_then_keeps_no_extent() {
    let mut client = Client::new(Limits::default());
    let large = client.grant(4 << 20);
    let reference = client.grant(60_000);
    small_echo(&mut client, &reference);
    let (_, stocked) = client.granted();
    client.give_back(&large);
    assert!(client.pair.tick(), "a buffer moved since");
    client.pair.tick();
    assert_eq!(client.hear(), None, "one tick of rest is not enough");
    client.pair.tick();
    assert_eq!(client.hear(), Some(Said::Recalled));
    client.pair.map_extents().unwrap();
    assert_eq!(
        client.pair.stats().extents,
        1,
        "what is large goes before the last MiB does"
    );
    client.give_back(&stocked);
    let mut ticks = 0;
    while client.pair.tick() {
        client.pair.map_extents().unwrap();
        ticks += 1;
        assert!(ticks < 10, "it ends");
    }
    client.turn();
    let stats = client.pair.stats();
    assert_eq!((stats.extents, stats.extent_bytes), (0, 0));
    assert_eq!(stats.extent_bytes_peak, (4 << 20) + (1 << 20));
    assert_eq!((stats.extents_made, stats.extents_dropped), (2, 2));
    // And it can begin again.
    assert_eq!(client.grant(60_000).length, 65_536);
}

#[test]
fn who_waits_for_buffers_that_the_client_alone_has_is_refused_with_numbers() {
    let limits = Limits {
        payload_max: 1 << 20,
        arena_bytes: 1 << 20,
        ..Limits::default()
    };
    let mut client = Client::new(limits);
    let kept = client.grant(5000);
    let waiting = client.ask(1 << 20);
    for _ in 0..5 {
        assert_eq!(client.hear(), None, "patience");
        assert!(client.pair.tick());
    }
    client.pair.tick();
    let refusal = Refusal {
        needed: 1 << 20,
        available: (1 << 20) - 16 * 8192,
    };
    let refused = Said::Refused(waiting, Code::RESOURCE_EXHAUSTED, refusal);
    assert_eq!(client.hear(), Some(refused));
    assert_eq!(client.pair.stats().refusals, 1);
    small_echo(&mut client, &kept);
}

#[test]
fn sm_10_a_quota_that_is_used_up_waits_refuses_and_recovers() {
    let limits = Limits {
        uid_bytes: 3 << 20,
        ..Limits::default()
    };
    let mut client = Client::new(limits);
    let wanted = client.ask(4 << 20);
    let refusal = Refusal {
        needed: 4 << 20,
        available: 3 << 20,
    };
    let never = Said::Refused(wanted, Code::BUFFER_TOO_SMALL, refusal);
    assert_eq!(client.hear(), Some(never), "it never fits");
    let large = client.grant(2 << 20);
    let waiting = client.ask(2 << 20);
    assert_eq!(client.hear(), None);
    client.give_back(&large);
    assert_eq!(client.granted().0, waiting, "the buffer that came back");
    let other = client.ask(1 << 20);
    let (answered, small) = client.granted();
    assert_eq!(answered, other);
    client.give_back(&small);
    // Another size: the empty extent makes room.
    let third = client.ask(512 << 10);
    assert_eq!(client.granted().0, third);
}

#[test]
fn what_is_made_for_an_alloc_of_several_sizes_is_dropped_neither_for_it_nor_for_the_next() {
    let mut client = Client::new(Limits {
        payload_max: 1 << 18,
        arena_bytes: 2 << 20,
        ..Limits::default()
    });
    // Extents of 1920 KiB together, and of 1088 for which there is no room beside them.
    let first = client.ask_all(&[5000, 10_000, 20_000, 40_000]);
    let second = client.ask_all(&[3000, 100_000]);
    for _ in 0..20 {
        client.turn();
    }
    let granted = [(); 4].map(|()| client.granted());
    assert!(granted.iter().all(|(answered, _)| *answered == first));
    assert_eq!(client.hear(), None);
    assert_eq!(client.pair.stats().extents_made, 4, "none of them in vain");
    for (_, reference) in granted {
        client.give_back(&reference);
    }
    for _ in 0..20 {
        client.turn();
    }
    let granted = [(); 2].map(|()| client.granted());
    assert!(granted.iter().all(|(answered, _)| *answered == second));
    assert_eq!(client.pair.stats().extents_made, 6);
}

#[test]
fn a_message_of_128_mib_is_carried_if_the_limits_allow_it() {
    let large = 128 << 20;
    let mut client = Client::new(Limits::default());
    let header = SlotHeader {
        kind: kind::ALLOC,
        ..Loopback::call_header(0, 1)
    };
    let wanted = AllocRequest::of(&[large]);
    let _armed = client
        .pair
        .returns
        .push(&header, &[bytemuck::bytes_of(&wanted)])
        .unwrap();
    let error = client.pair.step().unwrap_err();
    assert!(
        error.message().ends_with("(allowed: 1 to 67108864)"),
        "{error}"
    );
    let mut client = Client::new(Limits {
        payload_max: large,
        arena_bytes: 0,
        ..Limits::default()
    });
    let reference = client.grant(large);
    assert_eq!((reference.offset, reference.length), (0, large));
    client.send(&reference, large);
    client.turn();
    let lent = client.lent();
    assert_eq!(lent.length, large);
    client.give_back(&lent);
    let stats = client.pair.stats();
    assert_eq!(stats.extents, 2, "one of its own for each way");
    assert_eq!(stats.buffers_in_use(), 0);
}

#[test]
fn the_sessions_method_tells_what_each_buffer_is_doing() {
    let mut client = Client::new(Limits::default());
    let reference = client.grant(60_000);
    let _granted = client.grant(5000);
    client.send(&reference, 60_000);
    client.turn();
    let _lent = client.lent();
    let method = client.pair.bind("outrigger.sessions").unwrap();
    client.pair.send_call(method, 77, b"");
    client.pair.step_mapping().unwrap();
    let (header, payload) = client.pair.receive().expect("a reply");
    assert_eq!(Code(header.code), Code::OK);
    let reference: BufferRef = bytemuck::pod_read_unaligned(&payload[16..]);
    assert!(reference.length > 100, "JSON in a buffer");
    let stats = client.pair.stats();
    assert_eq!(stats.lent.buffers, 2, "the echo and this reply");
    assert_eq!((stats.granted.buffers, stats.in_stock), (2, 1));
    assert!(stats.oldest_lent_ms.is_some());
    assert_eq!((stats.grants, stats.stocked, stats.lends), (2, 1, 2));
}
