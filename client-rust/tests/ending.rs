//! How calls and sessions end: deadlines, cancelling, GOAWAY, BYE, death, close.

mod fake;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use fake::{Fake, Knobs, Message, Task, block_on, pair, until};
use outrigger_client::{Client, Code, Error, Reply};
use outrigger_layout::buffer::BufferRef;
use outrigger_layout::frame::control;
use outrigger_layout::segment::side;
use outrigger_layout::slot::kind;

/// Long enough for a call to be on its way when it ends.
const SHORT: Duration = Duration::from_millis(60);

fn one_credit() -> Knobs {
    Knobs {
        credits: 1,
        ..Knobs::default()
    }
}

fn start(client: &Client, payload: &[u8]) -> Task<Result<Reply, Error>> {
    let (client, payload) = (client.clone(), payload.to_vec());
    Task::run(move || client.call("m", &payload).wait())
}

fn start_short(client: &Client, payload: &[u8]) -> Task<Result<Reply, Error>> {
    let (client, payload) = (client.clone(), payload.to_vec());
    Task::run(move || client.call("m", &payload).timeout(SHORT).wait())
}

/// The outcome of a task that must have failed, and its code.
#[track_caller]
fn code_of(task: Task<Result<Reply, Error>>) -> Code {
    task.get().unwrap_err().code()
}

/// Binds `m`, so that later calls begin with their credit.
fn warm(client: &Client, fake: &mut Fake) {
    let call = start(client, b"");
    let request = fake.call("m");
    fake.answer(&request, b"");
    call.get().unwrap();
}

#[track_caller]
fn expect_cancel(fake: &mut Fake, of: &Message) {
    let cancel = fake.request();
    assert_eq!(cancel.header.kind, kind::CANCEL);
    assert_eq!(cancel.header.correlation, of.header.correlation);
    assert_eq!(cancel.lane, of.lane);
    assert_eq!((cancel.header.method, cancel.payload.len()), (0, 0));
}

#[test]
fn a_deadline_ends_the_call_at_once_and_cancels_it() {
    let (client, mut fake) = pair(one_credit());
    let call = start_short(&client, b"slow");
    let request = fake.call("m");
    assert_ne!(request.header.deadline, 0);
    assert_eq!(code_of(call), Code::TIMEOUT);
    expect_cancel(&mut fake, &request);
    // Its credit is in use until its REPLY, which nobody gets.
    let next = start(&client, b"next");
    assert!(!next.is_finished());
    fake.answer(&request, b"too late");
    let second = fake.call("m");
    assert_eq!(second.payload, b"next");
    fake.answer(&second, b"in time");
    assert_eq!(next.get().unwrap().bytes(), b"in time");
    let stats = client.stats();
    assert_eq!(
        (stats.late_replies, stats.cancels, stats.timeouts),
        (1, 1, 1)
    );
    assert!(
        fake.try_request().is_none(),
        "one CANCEL, and none for the second"
    );
}

#[test]
fn a_deadline_that_has_passed_sends_nothing() {
    let (client, mut fake) = pair(Knobs::default());
    let error = client
        .call("m", b"x")
        .deadline(Instant::now())
        .wait()
        .unwrap_err();
    assert_eq!(error.to_string(), "outrigger: timeout: operation timed out");
    let error = block_on(client.call("m", b"x").timeout(Duration::ZERO).into_future()).unwrap_err();
    assert_eq!(error.code(), Code::TIMEOUT);
    assert_eq!(client.stats().requests, 0);
    assert!(fake.try_request().is_none() && fake.names.is_empty());
}

#[test]
fn an_awaited_call_times_out_without_a_runtime() {
    let (client, mut fake) = pair(Knobs::default());
    let call = {
        let client = client.clone();
        Task::run(move || block_on(client.call("m", b"x").timeout(SHORT).into_future()))
    };
    let request = fake.call("m");
    assert_eq!(call.get().unwrap_err().code(), Code::TIMEOUT);
    expect_cancel(&mut fake, &request);
}

#[test]
fn a_late_large_reply_is_returned_though_nobody_calls_any_more() {
    let (client, mut fake) = pair(one_credit());
    let extent = fake.extent(side::SERVER, 4096, 2);
    let call = start_short(&client, b"slow");
    let request = fake.call("m");
    assert_eq!(code_of(call), Code::TIMEOUT);
    expect_cancel(&mut fake, &request);
    let lent = BufferRef {
        generation: 5,
        ..fake.buffer(extent, 1)
    };
    fake.lend(&request, &lent);
    let back = fake.give_back();
    assert_eq!((back.index, back.generation), (1, 5));
    until("the late reply is counted", || {
        client.stats().late_replies == 1
    });
    assert_eq!(client.stats().belt_defects, 0);
}

#[test]
fn dropping_a_future_cancels_its_call() {
    let (client, mut fake) = pair(one_credit());
    warm(&client, &mut fake);
    let mut future = client.call("m", b"x").into_future();
    let mut context = Context::from_waker(Waker::noop());
    let pinned = Pin::new(&mut future);
    assert!(pinned.poll(&mut context).is_pending());
    let request = fake.call("m");
    drop(future);
    expect_cancel(&mut fake, &request);
    fake.answer(&request, b"late");
    until("the credit is back", || client.stats().late_replies == 1);
    let next = start(&client, b"y");
    let request = fake.call("m");
    fake.answer(&request, b"");
    next.get().unwrap();
}

#[test]
fn a_future_dropped_after_its_reply_gives_everything_back() {
    let (client, mut fake) = pair(one_credit());
    let extent = fake.extent(side::SERVER, 4096, 2);
    warm(&client, &mut fake);
    let mut future = client.call("m", b"x").into_future();
    let mut context = Context::from_waker(Waker::noop());
    let pinned = Pin::new(&mut future);
    assert!(pinned.poll(&mut context).is_pending());
    let request = fake.call("m");
    fake.lend(&request, &fake.buffer(extent, 0));
    until("the reply is read", || client.stats().replies == 2);
    drop(future);
    assert_eq!(fake.give_back().index, 0);
    let next = start(&client, b"y");
    let request = fake.call("m");
    assert_eq!(
        request.header.kind,
        kind::CALL,
        "no CANCEL for an answered call"
    );
    fake.answer(&request, b"");
    next.get().unwrap();
}

#[test]
fn a_caller_that_gives_up_on_a_grant_returns_it_and_sends_no_call() {
    let (client, mut fake) = pair(one_credit());
    let extent = fake.extent(side::CLIENT, 8192, 1);
    let call = start_short(&client, &[1; 5000]);
    let (alloc, _) = fake.alloc();
    assert_eq!(code_of(call), Code::TIMEOUT);
    fake.grant(&alloc, &fake.buffer(extent, 0));
    assert_eq!(fake.give_back().extent, extent);
    assert!(fake.try_request().is_none(), "neither CALL nor CANCEL");
    // The credit came back with the grant.
    let next = start(&client, b"y");
    let request = fake.call("m");
    fake.answer(&request, b"");
    next.get().unwrap();
}

#[test]
fn a_caller_that_gives_up_on_a_refused_grant_gets_its_credit_back() {
    let (client, mut fake) = pair(one_credit());
    let call = start_short(&client, &[1; 5000]);
    let (alloc, _) = fake.alloc();
    assert_eq!(code_of(call), Code::TIMEOUT);
    let header = outrigger_layout::slot::SlotHeader {
        kind: kind::REFUSED,
        code: Code::RESOURCE_EXHAUSTED.0,
        correlation: alloc.header.correlation,
        ..bytemuck::Zeroable::zeroed()
    };
    fake.push_grant(&header, bytemuck::cast_slice(&[5000_u64, 0]));
    let next = start(&client, b"y");
    let request = fake.call("m");
    fake.answer(&request, b"");
    next.get().unwrap();
}

#[test]
fn waiting_for_an_id_or_a_credit_ends_at_the_deadline_too() {
    let (client, mut fake) = pair(one_credit());
    fake.hold_binds = true;
    let call = start_short(&client, b"x");
    let (bind, body) = fake.frame(control::BIND);
    assert_eq!(code_of(call), Code::TIMEOUT);
    fake.bind(bind.token, &body);
    fake.hold_binds = false;
    let first = start(&client, b"1");
    let request = fake.call("m");
    let second = start_short(&client, b"2");
    assert_eq!(code_of(second), Code::TIMEOUT);
    let third = start(&client, b"3");
    fake.answer(&request, b"");
    first.get().unwrap();
    let request = fake.call("m");
    assert_eq!(request.payload, b"3");
    fake.answer(&request, b"");
    third.get().unwrap();
}

#[test]
fn a_hang_up_ends_all_calls_at_once_and_all_later_ones() {
    let (client, mut fake) = pair(Knobs {
        credits: 2,
        ..Knobs::default()
    });
    warm(&client, &mut fake);
    let in_flight = [start(&client, b"1"), start(&client, b"2")];
    let requests = [fake.call("m"), fake.call("m")];
    let queued = start(&client, b"3");
    let awaited = {
        let client = client.clone();
        Task::run(move || block_on(client.call("m", b"4").into_future()))
    };
    std::thread::sleep(SHORT);
    drop((fake, requests));
    for call in in_flight.into_iter().chain([queued, awaited]) {
        let error = call.get().unwrap_err();
        assert_eq!(error.code(), Code::PEER_GONE, "{error}");
    }
    let error = client.call("m", b"5").wait().unwrap_err();
    assert_eq!(error.code(), Code::PEER_GONE);
    assert_eq!(client.end_reason().unwrap().code(), Code::PEER_GONE);
}

#[test]
fn replies_before_a_hang_up_are_delivered() {
    let (client, mut fake) = pair(Knobs::default());
    let calls = [start(&client, b"1"), start(&client, b"2")];
    let requests = [fake.call("m"), fake.call("m")];
    // Nobody is woken: the rings are read because of the hang-up.
    fake.ring = fake::Ring::Never;
    let answered = requests[0].clone();
    fake.answer(&answered, b"last words");
    drop(fake);
    let outcomes = calls.map(Task::get);
    let index = usize::from(answered.payload == b"2");
    assert_eq!(outcomes[index].as_ref().unwrap().bytes(), b"last words");
    assert_eq!(
        outcomes[1 - index].as_ref().unwrap_err().code(),
        Code::PEER_GONE
    );
}

#[test]
fn bye_ends_the_session_with_its_code_and_reason() {
    for (code, text, expected) in [
        (
            Code::INVALID_HANDLE,
            "buffer 3 is stale",
            "outrigger: invalid_handle: buffer 3 is stale",
        ),
        (
            Code::OK,
            "",
            "outrigger: peer_gone: peer gone: the server said goodbye",
        ),
    ] {
        let (client, mut fake) = pair(Knobs::default());
        let call = start(&client, b"x");
        let _request = fake.call("m");
        fake.post(control::BYE, code, 0, text.as_bytes());
        drop(fake);
        assert_eq!(call.get().unwrap_err().to_string(), expected);
        let error = client.call("m", b"y").wait().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn goaway_is_acknowledged_with_positions_and_calls_in_flight_complete() {
    let (client, mut fake) = pair(Knobs {
        lanes: 2,
        ..Knobs::default()
    });
    let calls = [start(&client, b"1"), start(&client, b"2")];
    let requests = [fake.call("m"), fake.call("m")];
    fake.post(control::GOAWAY, Code::OK, 0, b"upgrade");
    let (_, body) = fake.frame(control::GOAWAY_ACK);
    let finals: &[u64] = bytemuck::cast_slice(&body);
    let seen: Vec<u64> = fake.requests.iter().map(|ring| ring.position()).collect();
    assert_eq!(
        finals, seen,
        "the position behind the last message of each lane"
    );
    let error = client.call("m", b"3").wait().unwrap_err();
    assert_eq!(
        error.to_string(),
        "outrigger: shutting_down: shutting down: upgrade"
    );
    let error = block_on(client.call("m", b"4").into_future()).unwrap_err();
    assert_eq!(error.code(), Code::SHUTTING_DOWN);
    for request in &requests {
        fake.answer(request, &request.payload);
    }
    for call in calls {
        call.get().unwrap();
    }
    assert!(
        fake.try_request().is_none(),
        "nothing follows the final positions"
    );
    drop(fake);
    until("the end is noticed", || client.end_reason().is_some());
    let error = client.call("m", b"5").wait().unwrap_err();
    assert_eq!(error.code(), Code::PEER_GONE);
    assert!(
        error
            .message()
            .contains("after GOAWAY (shutting down: upgrade)"),
        "{error}"
    );
}

#[test]
fn goaway_fails_calls_that_wait_for_a_grant_a_credit_or_an_id() {
    let (client, mut fake) = pair(Knobs {
        credits: 2,
        ..Knobs::default()
    });
    let extent = fake.extent(side::CLIENT, 8192, 1);
    warm(&client, &mut fake);
    let in_flight = start(&client, b"1");
    let request = fake.call("m");
    let asking = start(&client, &[1; 5000]);
    let (alloc, _) = fake.alloc();
    let queued = start(&client, b"2");
    fake.hold_binds = true;
    let binding = {
        let client = client.clone();
        Task::run(move || client.call("other", b"").wait())
    };
    fake.frame(control::BIND);
    fake.post(control::GOAWAY, Code::OK, 0, b"");
    fake.frame(control::GOAWAY_ACK);
    for call in [asking, queued, binding] {
        assert_eq!(code_of(call), Code::SHUTTING_DOWN);
    }
    fake.grant(&alloc, &fake.buffer(extent, 0));
    assert_eq!(
        fake.give_back().extent,
        extent,
        "the unused grant goes back"
    );
    fake.answer(&request, b"done");
    assert_eq!(in_flight.get().unwrap().bytes(), b"done");
}

#[test]
fn close_unblocks_every_caller_and_says_goodbye() {
    let (client, mut fake) = pair(Knobs {
        credits: 2,
        ..Knobs::default()
    });
    warm(&client, &mut fake);
    let in_flight = start(&client, b"1");
    let _request = fake.call("m");
    let asking = start(&client, &[1; 5000]);
    let _alloc = fake.alloc();
    let queued = start(&client, b"2");
    fake.hold_binds = true;
    let binding = {
        let client = client.clone();
        Task::run(move || client.call("other", b"").wait())
    };
    fake.frame(control::BIND);
    let awaited = {
        let client = client.clone();
        Task::run(move || block_on(client.call("m", b"3").into_future()))
    };
    std::thread::sleep(SHORT);
    client.close();
    client.close();
    for call in [in_flight, asking, queued, binding, awaited] {
        let error = call.get().unwrap_err();
        let text = "outrigger: cancelled: operation cancelled: the client is closed";
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(fake.farewell(), (Code::OK, String::new()));
    fake.end();
    let error = client.call("m", b"4").wait().unwrap_err();
    assert_eq!(error.code(), Code::CANCELLED);
}

#[test]
fn the_last_clone_closes() {
    let (client, mut fake) = pair(Knobs::default());
    let clone = client.clone();
    drop(client);
    let call = start(&clone, b"x");
    let request = fake.call("m");
    fake.answer(&request, b"");
    call.get().unwrap();
    drop(clone);
    assert_eq!(fake.farewell(), (Code::OK, String::new()));
    fake.end();
}

#[test]
fn a_close_after_the_end_keeps_the_first_reason() {
    let (client, fake) = pair(Knobs::default());
    drop(fake);
    until("the end is noticed", || client.end_reason().is_some());
    client.close();
    let error = client.call("m", b"x").wait().unwrap_err();
    assert_eq!(error.code(), Code::PEER_GONE);
}

/// A task that runs wherever it is woken: on the reader thread.
struct Inline(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let mut slot = self.0.lock().unwrap();
        let Some(mut future) = slot.take() else {
            return;
        };
        let waker = Waker::from(Arc::clone(&self));
        if future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            *slot = Some(future);
        }
    }
}

#[test]
fn the_last_clone_may_go_on_the_reader_thread() {
    let (client, mut fake) = pair(Knobs::default());
    warm(&client, &mut fake);
    let (sender, receiver) = mpsc::channel();
    let task = async move {
        let reply = client.call("m", b"x").await;
        drop(client);
        let name = std::thread::current().name().map(str::to_owned);
        sender.send((reply, name)).unwrap();
    };
    Arc::new(Inline(Mutex::new(Some(Box::pin(task))))).wake();
    let request = fake.call("m");
    fake.answer(&request, b"y");
    let (reply, thread) = receiver.recv_timeout(fake::PATIENCE).unwrap();
    assert_eq!(reply.unwrap().bytes(), b"y");
    assert_eq!(thread.as_deref(), Some("outrigger-reader"));
    assert_eq!(fake.farewell(), (Code::OK, String::new()));
    fake.end();
}

#[test]
fn a_closed_doorbell_is_a_hang_up() {
    let (client, mut fake) = pair(Knobs::default());
    let call = start(&client, b"x");
    let _request = fake.call("m");
    let (bell, _read_end) = outrigger_ringbuf::ClientBell::new().unwrap();
    fake.client_bell = bell;
    let error = call.get().unwrap_err();
    assert_eq!(error.code(), Code::PEER_GONE);
    assert!(error.message().contains("closed its doorbell"), "{error}");
}
