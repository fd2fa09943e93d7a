//! Buffers ahead of need: a stock that calls take from, and that goes back when the
//! server recalls it.

mod fake;

use fake::{Fake, Knobs, Task, pair, until};
use outrigger_client::{Client, Code, Error, Reply};
use outrigger_layout::buffer::BufferRef;
use outrigger_layout::segment::side;
use outrigger_layout::slot::{SlotHeader, kind};

fn start(client: &Client, len: usize) -> Task<Result<Reply, Error>> {
    let client = client.clone();
    Task::run(move || client.call("m", &vec![7; len]).wait())
}

/// Answers the next CALL and gives the buffer that its value is in.
fn serve(fake: &mut Fake, call: Task<Result<Reply, Error>>, len: u64) -> BufferRef {
    let request = fake.call("m");
    let named: BufferRef = bytemuck::pod_read_unaligned(&request.payload[16..]);
    assert_eq!(named.length, len);
    assert_eq!(fake.bytes(&named), vec![7; len as usize]);
    fake.answer(&request, b"");
    call.get().unwrap();
    named
}

#[test]
fn a_call_takes_the_smallest_buffer_in_stock_that_fits_and_asks_for_none() {
    let (client, mut fake) = pair(Knobs::default());
    let large = fake.extent(side::CLIENT, 65_536, 1);
    let small = fake.extent(side::CLIENT, 8192, 1);
    fake.stock(&fake.buffer(large, 0));
    fake.stock(&fake.buffer(small, 0));
    let call = start(&client, 5000);
    assert_eq!(serve(&mut fake, call, 5000).extent, small);
    let call = start(&client, 5000);
    assert_eq!(serve(&mut fake, call, 5000).extent, large);
    let stats = client.stats();
    assert_eq!(
        (stats.grants, stats.stock_used, stats.returns),
        (0, 2, 0),
        "nothing was asked for"
    );
    let call = start(&client, 5000);
    let (alloc, _) = fake.alloc();
    fake.grant(&alloc, &fake.buffer(small, 0));
    serve(&mut fake, call, 5000);
    assert_eq!(client.stats().grants, 1, "the stock was empty");
}

#[test]
fn an_idle_client_returns_its_stock_at_recall_and_keeps_what_a_call_took() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::CLIENT, 8192, 3);
    let call = start(&client, 5000);
    let (alloc, _) = fake.alloc();
    fake.grant(&alloc, &fake.buffer(extent, 0));
    let request = fake.call("m");
    fake.stock(&fake.buffer(extent, 1));
    fake.stock(&fake.buffer(extent, 2));
    fake.answer(&request, b"");
    call.get().unwrap();
    // Nobody calls any more: the bell alone makes it look.
    fake.recall();
    let mut back = [fake.give_back().index, fake.give_back().index];
    back.sort_unstable();
    assert_eq!(back, [1, 2]);
    until("the recall is counted", || client.stats().recalls == 1);
    // An empty stock has nothing to give back.
    fake.recall();
    until("the second one, too", || client.stats().recalls == 2);
    let call = start(&client, 5000);
    let (alloc, _) = fake.alloc();
    fake.grant(&alloc, &fake.buffer(extent, 1));
    assert_eq!(serve(&mut fake, call, 5000).index, 1);
    assert_eq!(client.stats().returns, 2);
}

#[test]
fn a_client_that_closes_returns_its_stock() {
    let (client, mut fake) = pair(Knobs::default());
    let extent = fake.extent(side::CLIENT, 8192, 1);
    fake.stock(&fake.buffer(extent, 0));
    let call = Task::run({
        let client = client.clone();
        move || client.call("m", b"small").wait()
    });
    let request = fake.call("m");
    fake.answer(&request, b"");
    call.get().unwrap();
    client.close();
    assert_eq!(fake.give_back().extent, extent);
}

#[test]
fn what_does_not_belong_into_the_stock_ends_the_session() {
    let refused = |text: &str, say: &dyn Fn(&mut Fake)| {
        let (client, mut fake) = pair(Knobs {
            welcome: Box::new(|welcome| welcome.buffers_max = 1),
            ..Knobs::default()
        });
        let extent = fake.extent(side::CLIENT, 8192, 2);
        let foreign = fake.extent(side::SERVER, 8192, 1);
        assert_eq!((extent, foreign), (1, 2));
        say(&mut fake);
        fake.client_bell.ring();
        until("the session ends", || client.end_reason().is_some());
        let reason = client.end_reason().unwrap();
        assert_eq!(reason.code(), Code::PROTOCOL);
        assert!(reason.message().contains(text), "{reason}");
    };
    refused("2 buffers in stock (maximum 1)", &|fake| {
        fake.stock(&fake.buffer(1, 0));
        fake.stock(&fake.buffer(1, 1));
    });
    refused("extent 2 of side 1 (allowed: 2)", &|fake| {
        fake.stock(&fake.buffer(2, 0));
    });
    refused(
        "slot kind 16 with correlation 0 in grant ring (allowed: 14, 15)",
        &|fake| {
            let header = SlotHeader {
                kind: kind::REFUSED,
                ..bytemuck::Zeroable::zeroed()
            };
            fake.push_grant(&header, &[0; 16]);
        },
    );
}
