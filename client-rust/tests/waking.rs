//! Who is woken by what: doorbells, the spinner's leave, the belt.

mod fake;

use std::time::Duration;

use fake::{Knobs, Ring, Task, block_on, pair_with, until};
use outrigger_client::{Client, Options, Policy, Reply};
use outrigger_layout::Error;
use outrigger_layout::ring::kind as ring;
use outrigger_layout::slot::SlotHeader;
use outrigger_ringbuf::Memory;
use outrigger_ringbuf::sync::Ordering;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn options(policy: Policy) -> Options {
    Client::builder().wait(policy)
}

fn start(client: &Client, payload: u8) -> Task<Result<Reply, Error>> {
    let client = client.clone();
    Task::run(move || client.call("m", &[payload]).wait())
}

/// Until that many callers sleep.
#[track_caller]
fn asleep(client: &Client, count: u64) {
    until("callers sleep", || client.stats().sleeps >= count);
}

#[test]
fn an_armed_request_ring_rings_the_servers_bell() {
    let (client, mut fake) = pair_with(options(Policy::Block), Knobs::default());
    let call = start(&client, 1);
    let request = fake.call("m");
    fake.answer(&request, b"");
    call.get().unwrap();
    let is_rung = |fake: &fake::Fake| {
        let mut polled = [PollFd::new(&fake.server_bell, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())).unwrap();
        polled[0].revents().contains(PollFlags::IN)
    };
    let mut count = [0; 8];
    let _ = rustix::io::read(&fake.server_bell, &mut count);
    assert!(!is_rung(&fake));
    let call = start(&client, 2);
    let request = fake.call("m");
    assert!(!is_rung(&fake), "nobody armed it");
    fake.answer(&request, b"");
    call.get().unwrap();
    assert!(!fake.requests[0].arm().unwrap());
    let call = start(&client, 3);
    let request = fake.call("m");
    until("the bell is rung", || is_rung(&fake));
    fake.answer(&request, b"");
    call.get().unwrap();
}

#[test]
fn a_sleeping_caller_has_armed_its_ring() {
    let (client, mut fake) = pair_with(options(Policy::Block), Knobs::default());
    let armed = fake.view(ring::REPLY, 0);
    for round in 1..=20 {
        let call = start(&client, 1);
        let request = fake.call("m");
        asleep(&client, round);
        let next = fake.replies[0].position();
        until("the next reply is armed", || {
            armed.load_event_index(Ordering::Relaxed) == next
        });
        let header = fake.reply_to(&request);
        assert!(
            fake.replies[0].push(&header, &[]).unwrap(),
            "it asks for a ring"
        );
        fake.client_bell.ring();
        call.get().unwrap();
    }
    assert_eq!(client.stats().belt_defects, 0);
}

#[test]
fn a_leaving_spinner_leaves_no_sleeper_behind() {
    // Two callers: one spins and reads for both, the other sleeps. Whoever gets
    // its reply first, the other must be woken by the bell and not by the belt.
    let (client, mut fake) = pair_with(options(Policy::Spin), Knobs::default());
    for round in 0..150_u32 {
        let calls = [start(&client, 0), start(&client, 1)];
        let mut requests = [fake.call("m"), fake.call("m")];
        if round % 2 == 1 {
            requests.reverse();
        }
        for request in &requests {
            fake.answer(request, &request.payload);
            if round % 3 == 0 {
                std::thread::sleep(Duration::from_micros(u64::from(round)));
            }
        }
        for (index, call) in calls.into_iter().enumerate() {
            assert_eq!(call.get().unwrap().bytes(), [index as u8]);
        }
    }
    assert_eq!(client.stats().belt_defects, 0);
}

#[test]
fn two_sessions_of_one_process_do_not_spin_for_each_other() {
    // One process-wide spinner: a caller of the other session must not conclude
    // from it that somebody reads its own rings.
    let (first, mut first_fake) = pair_with(options(Policy::Spin), Knobs::default());
    let (second, mut second_fake) = pair_with(options(Policy::Spin), Knobs::default());
    for _ in 0..100 {
        let calls = [
            start(&first, 1),
            start(&first, 2),
            start(&second, 3),
            start(&second, 4),
        ];
        let of_first = [first_fake.call("m"), first_fake.call("m")];
        let of_second = [second_fake.call("m"), second_fake.call("m")];
        for (one, two) in of_first.iter().zip(&of_second) {
            first_fake.answer(one, &one.payload);
            second_fake.answer(two, &two.payload);
        }
        for call in calls {
            call.get().unwrap();
        }
    }
    assert_eq!(first.stats().belt_defects + second.stats().belt_defects, 0);
}

#[test]
fn a_message_that_rang_no_bell_is_found_by_the_belt_and_counted() {
    let (client, mut fake) = pair_with(options(Policy::Block), Knobs::default());
    let blocked = start(&client, 1);
    let awaited = {
        let client = client.clone();
        Task::run(move || block_on(client.call("m", &[2]).into_future()))
    };
    let requests = [fake.call("m"), fake.call("m")];
    asleep(&client, 1);
    // The awaited call arms as it parks; let both be through with that.
    std::thread::sleep(Duration::from_millis(50));
    fake.ring = Ring::Never;
    for request in &requests {
        fake.answer(request, &request.payload);
    }
    assert_eq!(blocked.get().unwrap().bytes(), [1]);
    assert_eq!(awaited.get().unwrap().bytes(), [2]);
    assert_eq!(
        client.stats().belt_defects,
        1,
        "one ring was found unread, once"
    );
}

#[test]
fn a_server_that_does_not_read_is_rung_again() {
    let (client, mut fake) = pair_with(options(Policy::Block), Knobs::default());
    let call = start(&client, 1);
    until("the name is bound", || {
        fake.listen().unwrap();
        !fake.names.is_empty()
    });
    until("it is rung", || client.stats().belt_rings > 0);
    let request = fake.call("m");
    fake.answer(&request, b"");
    call.get().unwrap();
    assert_eq!(client.stats().belt_defects, 0);
}

#[test]
fn an_abandoned_call_is_read_though_nobody_waits() {
    let (client, mut fake) = pair_with(options(Policy::Spin), Knobs::default());
    // It times out while it spins: it never slept, and must arm as it leaves.
    let call = {
        let client = client.clone();
        let limit = Duration::from_millis(5);
        Task::run(move || client.call("m", b"x").timeout(limit).wait())
    };
    let request = fake.call("m");
    call.get().unwrap_err();
    let header: SlotHeader = fake.reply_to(&request);
    fake.push_reply(0, &header, b"late");
    until("it is read", || client.stats().late_replies == 1);
    assert_eq!(client.stats().belt_defects, 0);
}
