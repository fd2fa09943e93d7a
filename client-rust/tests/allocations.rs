//! `call_into` allocates nothing once a method is bound, whatever the size of
//! the payload and however its caller waits; nor does a call with buffers, but a list
//! for the attachments of a reply.

#![allow(unsafe_code, reason = "a global allocator that counts")]

mod fake;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::time::Duration;

use fake::{Knobs, Task, pair_with};
use outrigger_client::{Buffer, Client, Payload, Policy};
use outrigger_ringbuf::sync::{AtomicU64, Ordering};

/// Counts allocations of all threads but those that stand for the server.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_SERVER: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if !IS_SERVER.try_with(Cell::get).unwrap_or(true) {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
    }
}

// SAFETY: every method is the system allocator's, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, len) }
    }
}

/// Calls that are counted.
const CALLS: u64 = 500;

/// The tests take turns, as they count for the whole process.
static TURN: Mutex<()> = Mutex::new(());

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn call_into_allocates_nothing_after_the_first_calls() {
    let _turn = TURN.lock();
    for policy in [Policy::Spin, Policy::Hybrid, Policy::Block] {
        let (client, fake) = pair_with(Client::builder().wait(policy), Knobs::default());
        let serving = Task::run(move || {
            IS_SERVER.set(true);
            fake.serve_here()
        });
        let mut into = Vec::with_capacity(1 << 16);
        let large = vec![7; 9000];
        let payloads: [Payload<'_>; 5] = [
            Payload::NONE,
            Payload::from(b""),
            Payload::from(b"small"),
            Payload::from(&[1; 224]),
            Payload::from(&large),
        ];
        for payload in payloads {
            let len = payload.value().map(<[u8]>::len);
            let mut call = |limit: Duration| {
                let call = client.call("outrigger.echo", payload).timeout(limit);
                assert_eq!(call.wait_into(&mut into).unwrap(), len);
                let plain = client.call_into("outrigger.echo", payload, &mut into);
                assert_eq!(plain.unwrap(), len);
            };
            // The first calls bind the name and map extents.
            (0..20).for_each(|_| call(Duration::from_secs(60)));
            let before = ALLOCATIONS.load(Ordering::SeqCst);
            (0..CALLS).for_each(|_| call(Duration::from_secs(60)));
            let made = ALLOCATIONS.load(Ordering::SeqCst) - before;
            println!(
                "{policy:?}, {len:?} bytes: {made} allocations in {} calls",
                2 * CALLS
            );
            assert_eq!(made, 0, "{policy:?}, {len:?} bytes");
        }
        let stats = client.stats();
        println!("{policy:?}: {stats:?}");
        assert_eq!(stats.belt_defects, 0);
        client.close();
        assert_eq!(serving.get().buffers_out, 0);
    }
}

/// Calls of the echo, 20 and then `CALLS` of them; allocations of the latter. What the
/// first caller that has to sleep makes, or the first that finds a list full, is made once:
/// of three rounds the least counts.
fn allocations(mut call: impl FnMut()) -> u64 {
    (0..20).for_each(|_| call());
    let mut least = u64::MAX;
    for _ in 0..3 {
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        (0..CALLS).for_each(|_| call());
        least = least.min(ALLOCATIONS.load(Ordering::SeqCst) - before);
        if least == 0 {
            break;
        }
    }
    least
}

#[test]
fn calls_with_buffers_allocate_nothing_but_a_list_for_the_attachments_of_a_reply() {
    let _turn = TURN.lock();
    for policy in [Policy::Spin, Policy::Hybrid, Policy::Block] {
        let (client, fake) = pair_with(Client::builder().wait(policy), Knobs::default());
        let serving = Task::run(move || {
            IS_SERVER.set(true);
            fake.serve_here()
        });
        let mut into = Vec::with_capacity(1 << 16);
        for len in [100, 9000] {
            let bytes = vec![7; len];
            let buffer = || Buffer::from_bytes(&client, &bytes).unwrap();
            let call = || client.call_buffer("outrigger.echo", buffer());
            let made = allocations(|| {
                let value = call().wait_placed().unwrap().value.unwrap();
                assert_eq!(value.len(), len);
                assert_eq!(value.chunks().next_chunk().unwrap().len(), len);
            });
            assert_eq!(made, 0, "{policy:?}, {len} bytes in a buffer");
            let attached = || call().attach(buffer()).attach(buffer());
            let made = allocations(|| {
                assert_eq!(attached().wait_into(&mut into).unwrap(), Some(len));
            });
            assert_eq!(made, 0, "{policy:?}, {len} bytes attached");
            let made = allocations(|| {
                assert_eq!(attached().wait_placed().unwrap().attachments.len(), 2);
            });
            assert!(made <= CALLS, "{policy:?}, {len} bytes attached: {made}");
        }
        assert_eq!(client.stats().belt_defects, 0);
        client.close();
        assert_eq!(serving.get().buffers_out, 0);
    }
}
