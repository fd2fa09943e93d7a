//! Models of the pairs P1 to P4: every interleaving within the bounds below, and
//! every value that the memory model lets a load return.
//!
//! The real [`Producer`], [`Consumer`] and [`Closing`] run here; only the memory
//! beneath them is loom's. (They are generic over [`Memory`] and [`Flag`], so no
//! `--cfg loom` is needed and this file runs with every `cargo test`.)
//!
//! ```text
//!   Producer<Modelled> --- lap: AtomicU32, content: UnsafeCell --> Consumer<Modelled>
//!                     <-- position, event index: AtomicU64 ---
//!                     --- Bell: sticky, as pipe and eventfd ----->
//! ```
//!
//! A model returns what came of one execution. [`check`] compares the outcomes of
//! all executions with the list of allowed ones: none more and none less. Slot
//! content is an `UnsafeCell`, stricter than the relaxed words of `RingView`: an
//! access that P1 or P2 does not order is a `Causality violation`. A lost wake-up
//! is a `deadlock`. A list alone proves little, so at the end each ordering and
//! each fence is taken away, one at a time, and loom must find the failure.
//!
//! Bounds: three threads, three messages, and per execution [`PREEMPTIONS`]
//! preemptions, or `LOOM_MAX_PREEMPTIONS`: with 7 (`.ci/lanes loom`)
//! the models of P1 and P2 are complete, those of P3 and P4 run 400,000
//! executions. Not modelled: load buffering, which loom does not know, and the
//! sequentially consistent atomics of Go, which order more than these.

#![allow(
    unsafe_code,
    reason = "loom gives raw pointers to the content of a slot"
)]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, fence};
use loom::thread;
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_ringbuf::sync::Ordering;
use outrigger_ringbuf::{Closing, Consumer, Flag, Memory, Orders, Producer, ReserveError};

/// Preemptions per execution unless `LOOM_MAX_PREEMPTIONS` says otherwise. (Every
/// mutant below is found with two.)
const PREEMPTIONS: usize = 4;

/// What a mutant may change; the defaults are the product.
trait Variant: Send + Sync + 'static {
    const ORDERS: Orders = Orders::PROVEN;
    const CLOSE: Ordering = Ordering::Release;
    const IS_CLOSED: Ordering = Ordering::Acquire;
    const CLOSE_RINGS: bool = true;
    /// What is added to the position that is armed.
    const ARM_SKEW: u64 = 0;
}

struct Proven;
impl Variant for Proven {}

/// [`Memory`] over loom's atomics.
struct Modelled<V> {
    ring: Arc<Ring>,
    variant: PhantomData<V>,
}

struct Ring {
    slots: Vec<Slot>,
    position: AtomicU64,
    event_index: AtomicU64,
}

struct Slot {
    lap: AtomicU32,
    content: UnsafeCell<(SlotHeader, [u8; INLINE_MAX])>,
}

const INLINE_MAX: usize = 4;

// SAFETY: whether two threads touch one content at a time is what loom checks.
unsafe impl Sync for Slot {}

impl<V: Variant> Modelled<V> {
    /// Both ends of an empty ring.
    fn ring(capacity: usize) -> (Producer<Self>, Consumer<Self>) {
        let slot = |_| Slot {
            lap: AtomicU32::new(0),
            content: UnsafeCell::new((message(0), [0; INLINE_MAX])),
        };
        let ring = Arc::new(Ring {
            slots: (0..capacity).map(slot).collect(),
            position: AtomicU64::new(0),
            event_index: AtomicU64::new(0),
        });
        let end = || Self {
            ring: Arc::clone(&ring),
            variant: PhantomData,
        };
        (Producer::new(end()), Consumer::new(end()))
    }

    fn slot(&self, index: u64) -> &Slot {
        &self.ring.slots[index as usize]
    }
}

impl<V: Variant> Memory for Modelled<V> {
    const ORDERS: Orders = V::ORDERS;

    fn capacity(&self) -> u64 {
        self.ring.slots.len() as u64
    }

    fn inline_max(&self) -> usize {
        INLINE_MAX
    }

    fn load_lap(&self, index: u64, order: Ordering) -> u32 {
        self.slot(index).lap.load(order)
    }

    fn store_lap(&self, index: u64, lap: u32, order: Ordering) {
        self.slot(index).lap.store(lap, order);
    }

    fn read_header(&self, index: u64) -> SlotHeader {
        // SAFETY: loom fails the model if anybody writes meanwhile.
        self.slot(index)
            .content
            .with(|content| unsafe { (*content).0 })
    }

    fn write_header(&self, index: u64, header: &SlotHeader) {
        // SAFETY: loom fails the model if anybody reads or writes meanwhile.
        let write = |content: *mut (SlotHeader, _)| unsafe { (*content).0 = *header };
        self.slot(index).content.with_mut(write);
    }

    fn read_payload(&self, index: u64, at: usize, into: &mut [u8]) {
        // SAFETY: loom fails the model if anybody writes meanwhile.
        let payload = self
            .slot(index)
            .content
            .with(|content| unsafe { (*content).1 });
        into.copy_from_slice(&payload[at..at + into.len()]);
    }

    fn write_payload(&self, index: u64, at: usize, from: &[u8]) {
        self.slot(index).content.with_mut(|content| {
            // SAFETY: loom fails the model if anybody reads or writes meanwhile.
            let payload = unsafe { &mut (*content).1 };
            payload[at..at + from.len()].copy_from_slice(from);
        });
    }

    fn load_position(&self, order: Ordering) -> u64 {
        self.ring.position.load(order)
    }

    fn store_position(&self, position: u64, order: Ordering) {
        self.ring.position.store(position, order);
    }

    fn load_event_index(&self, order: Ordering) -> u64 {
        self.ring.event_index.load(order)
    }

    fn store_event_index(&self, position: u64, order: Ordering) {
        self.ring.event_index.store(position + V::ARM_SKEW, order);
    }

    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

/// [`Flag`] over loom's boolean.
struct ModelledFlag<V>(AtomicBool, PhantomData<V>);

impl<V: Variant> Flag for ModelledFlag<V> {
    const CLOSE: Ordering = V::CLOSE;

    fn load(&self, order: Ordering) -> bool {
        assert_eq!(
            order,
            Ordering::Acquire,
            "the order that IS_CLOSED replaces"
        );
        self.0.load(V::IS_CLOSED)
    }

    fn store(&self, value: bool, order: Ordering) {
        self.0.store(value, order);
    }
}

/// A sticky doorbell: a ring before the wait ends the wait, as with a pipe or an
/// eventfd. Rings that nobody needed make the wake-ups that find nothing.
#[derive(Default)]
struct Bell {
    rung: loom::sync::Mutex<bool>,
    ringing: loom::sync::Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.ringing.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.ringing.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// A message that says who it is in header and payload.
fn message(id: u64) -> SlotHeader {
    SlotHeader {
        kind: kind::CALL,
        correlation: id,
        ..bytemuck::Zeroable::zeroed()
    }
}

fn payload(id: u64) -> [u8; INLINE_MAX] {
    [id as u8 + 1; INLINE_MAX]
}

/// Publishes one message and rings if told to.
fn send<V: Variant>(producer: &mut Producer<Modelled<V>>, id: u64, bell: &Bell) {
    if producer.push(&message(id), &[&payload(id)]).unwrap() {
        bell.ring();
    }
}

/// Takes the next message, whole, or finds the ring empty.
fn receive<V: Variant>(consumer: &mut Consumer<Modelled<V>>) -> Option<u64> {
    let header = consumer.peek().unwrap()?;
    let mut bytes = [0; INLINE_MAX];
    consumer.copy_payload(0, &mut bytes);
    consumer.release();
    assert_eq!(
        bytes,
        payload(header.correlation),
        "forbidden: a torn message"
    );
    Some(header.correlation)
}

/// Takes messages until the ring is empty.
fn drain<V: Variant>(consumer: &mut Consumer<Modelled<V>>, seen: &mut Vec<u64>) {
    while let Some(id) = receive(consumer) {
        seen.push(id);
    }
}

/// Runs `model` under every schedule within the bounds, and compares what it
/// returned with what it may return.
fn check<T>(allowed: impl IntoIterator<Item = T>, model: fn() -> T)
where
    T: Ord + Debug + Send + Sync + 'static,
{
    let allowed: BTreeSet<T> = allowed.into_iter().collect();
    let allowed = Arc::new(allowed);
    let seen = Arc::new(Mutex::new((0, BTreeSet::new())));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    let (inner_allowed, inner_seen) = (Arc::clone(&allowed), Arc::clone(&seen));
    builder.check(move || {
        let outcome = model();
        assert!(inner_allowed.contains(&outcome), "forbidden: {outcome:?}");
        let mut seen = inner_seen.lock().unwrap();
        seen.0 += 1;
        seen.1.insert(outcome);
    });
    let (executions, seen) = &*seen.lock().unwrap();
    println!("{executions} executions");
    assert_eq!(seen, &*allowed, "an allowed outcome never came");
}

/// P1: who sees the lap sees the message.
fn publish_and_peek<V: Variant>() {
    check([None, Some(7)], || {
        let (mut producer, mut consumer) = Modelled::<V>::ring(2);
        let producing = thread::spawn(move || send(&mut producer, 7, &Bell::default()));
        let seen = receive(&mut consumer);
        producing.join().unwrap();
        seen
    });
}

/// P1: one release store publishes a whole batch.
fn publish_a_batch<V: Variant>() {
    check([vec![], vec![1, 2]], || {
        let (mut producer, mut consumer) = Modelled::<V>::ring(2);
        let producing = thread::spawn(move || {
            producer.stage(&message(1), &[&payload(1)]).unwrap();
            producer.stage(&message(2), &[&payload(2)]).unwrap();
            assert!(producer.publish(), "position 0 is armed from the start");
        });
        let mut seen = Vec::new();
        drain(&mut consumer, &mut seen);
        producing.join().unwrap();
        seen
    });
}

/// P2: a slot is written again only after its message was read.
fn reuse_through_the_position<V: Variant>() {
    let allowed = [
        (false, vec![]),
        (false, vec![1]),
        (true, vec![1]),
        (true, vec![1, 2]),
    ];
    check(allowed, || {
        let (mut producer, mut consumer) = Modelled::<V>::ring(1);
        let producing = thread::spawn(move || {
            send(&mut producer, 1, &Bell::default());
            let again = producer.push(&message(2), &[&payload(2)]);
            assert!(matches!(
                again,
                Ok(_) | Err(ReserveError::Full { capacity: 1 })
            ));
            again.is_ok()
        });
        let seen: Vec<u64> = (0..2).filter_map(|_| receive(&mut consumer)).collect();
        (producing.join().unwrap(), seen)
    });
}

/// P2: a full ring is full until its consumer moves on, and no longer.
fn full_until_released<V: Variant>() {
    check([vec![1, 2]], || {
        let (mut producer, mut consumer) = Modelled::<V>::ring(1);
        let producing = thread::spawn(move || {
            for id in [1, 2] {
                while let Err(error) = producer.push(&message(id), &[&payload(id)]) {
                    assert_eq!(error, ReserveError::Full { capacity: 1 });
                    thread::yield_now();
                }
            }
        });
        let mut seen = Vec::new();
        while seen.len() < 2 {
            drain(&mut consumer, &mut seen);
            thread::yield_now();
        }
        producing.join().unwrap();
        seen
    });
}

/// P2 by way of P1 of the other ring: a position that came in a reply frees the
/// slots before it, without a look at the published position.
fn reuse_through_a_reply<V: Variant>() {
    check([None, Some(1)], || {
        let (mut requests, mut server) = Modelled::<V>::ring(1);
        let (mut replies, client) = Modelled::<V>::ring(1);
        let serving = thread::spawn(move || {
            let correlation = receive(&mut server)?;
            let deadline = server.position();
            let reply = SlotHeader {
                deadline,
                ..message(correlation)
            };
            let _ = replies.push(&reply, &[]).unwrap();
            receive(&mut server)
        });
        send(&mut requests, 1, &Bell::default());
        let reply = client.peek().unwrap();
        if let Some(reply) = reply {
            requests.learn(reply.deadline).unwrap();
            send(&mut requests, 2, &Bell::default());
        }
        assert!(matches!(serving.join().unwrap(), None | Some(2)));
        reply.map(|reply| reply.correlation)
    });
}

/// P3: a consumer that sleeps is woken, message by message.
fn park_against_publish<V: Variant>() {
    check([vec![1, 2, 3]], || {
        park::<V>(3, |producer, bell| {
            send(producer, 1, bell);
            send(producer, 2, bell);
            send(producer, 3, bell);
        })
    });
}

/// P3: the same for a batch, of which the consumer can have armed the first only.
fn park_against_a_batch<V: Variant>() {
    check([vec![1, 2, 3]], || {
        park::<V>(3, |producer, bell| {
            send(producer, 1, bell);
            producer.stage(&message(2), &[&payload(2)]).unwrap();
            producer.stage(&message(3), &[&payload(3)]).unwrap();
            if producer.publish() {
                bell.ring();
            }
        })
    });
}

/// Takes `count` messages, asleep whenever it may be, from a thread that `produce`s.
fn park<V: Variant>(count: usize, produce: fn(&mut Producer<Modelled<V>>, &Bell)) -> Vec<u64> {
    let (mut producer, mut consumer) = Modelled::<V>::ring(4);
    let bell = Arc::new(Bell::default());
    let producer_bell = Arc::clone(&bell);
    let producing = thread::spawn(move || produce(&mut producer, &producer_bell));
    let mut seen = Vec::new();
    loop {
        drain(&mut consumer, &mut seen);
        if seen.len() == count {
            break;
        }
        if !consumer.arm().unwrap() {
            bell.wait();
        }
    }
    producing.join().unwrap();
    seen
}

/// P4: a consumer that sleeps or is about to learns of the close, and drains what
/// was published before. The closer here is not the publisher: one that is has a
/// fence in `publish` already, one that only *knows* of the message needs P4.
fn close_against_park<V: Variant>() {
    check([vec![1]], || {
        let (mut producer, mut consumer) = Modelled::<V>::ring(4);
        let flag = ModelledFlag::<V>(AtomicBool::new(false), PhantomData);
        let shared = Arc::new((Closing::new(flag), Bell::default()));
        let consumer_shared = Arc::clone(&shared);
        let consuming = thread::spawn(move || {
            let (closing, bell) = &*consumer_shared;
            let mut seen = Vec::new();
            loop {
                drain(&mut consumer, &mut seen);
                if closing.is_closed() {
                    drain(&mut consumer, &mut seen);
                    return seen;
                }
                if !consumer.arm().unwrap() {
                    bell.wait();
                }
            }
        });
        let (closing, bell) = &*shared;
        let producer_shared = Arc::clone(&shared);
        let producing = thread::spawn(move || send(&mut producer, 1, &producer_shared.1));
        producing.join().unwrap();
        closing.close();
        if V::CLOSE_RINGS {
            bell.ring();
        }
        consuming.join().unwrap()
    });
}

macro_rules! proven {
    ($($name:ident = $model:ident;)*) => {
        $( #[test] fn $name() { $model::<Proven>(); } )*
    };
}

proven! {
    p1_a_published_message_is_seen_whole = publish_and_peek;
    p1_a_batch_is_seen_whole_or_not_at_all = publish_a_batch;
    p2_a_slot_is_reused_after_its_message_was_read = reuse_through_the_position;
    p2_a_full_ring_is_full_until_released = full_until_released;
    p2_a_position_in_a_reply_frees_slots = reuse_through_a_reply;
    p3_no_message_is_missed_asleep = park_against_publish;
    p3_no_batch_is_missed_asleep = park_against_a_batch;
    p4_no_close_and_no_message_before_it_is_missed_asleep = close_against_park;
}

/// Each mutant weakens one thing; `model` must fail with `finding`.
macro_rules! mutants {
    ($($name:ident: $model:ident must find $finding:literal { $($change:item)* })*) => {
        $(
            #[test]
            #[should_panic(expected = $finding)]
            fn $name() {
                struct Mutant;
                impl Variant for Mutant { $($change)* }
                $model::<Mutant>();
            }
        )*
    };
}

mutants! {
    mutant_publish_without_release: publish_and_peek must find "Causality violation" {
        const ORDERS: Orders = Orders { publish: Ordering::Relaxed, ..Orders::PROVEN };
    }
    mutant_peek_without_fence: publish_and_peek must find "Causality violation" {
        const ORDERS: Orders = Orders { observe_fence: false, ..Orders::PROVEN };
    }
    mutant_batch_without_release: publish_a_batch must find "Causality violation" {
        const ORDERS: Orders = Orders { publish: Ordering::Relaxed, ..Orders::PROVEN };
    }
    mutant_position_without_release: reuse_through_the_position must find "Causality violation" {
        const ORDERS: Orders = Orders { release: Ordering::Relaxed, ..Orders::PROVEN };
    }
    mutant_refresh_without_fence: reuse_through_the_position must find "Causality violation" {
        const ORDERS: Orders = Orders { reuse_fence: false, ..Orders::PROVEN };
    }
    mutant_publish_without_fence: park_against_publish must find "deadlock" {
        const ORDERS: Orders = Orders { wake_fence: false, ..Orders::PROVEN };
    }
    mutant_arm_without_fence: park_against_publish must find "deadlock" {
        const ORDERS: Orders = Orders { arm_fence: false, ..Orders::PROVEN };
    }
    mutant_batch_without_fence: park_against_a_batch must find "deadlock" {
        const ORDERS: Orders = Orders { wake_fence: false, ..Orders::PROVEN };
    }
    mutant_armed_position_is_not_the_tested_one: park_against_publish must find "deadlock" {
        const ARM_SKEW: u64 = 1;
    }
    mutant_close_without_release: close_against_park must find "forbidden: []" {
        const CLOSE: Ordering = Ordering::Relaxed;
    }
    mutant_is_closed_without_acquire: close_against_park must find "forbidden: []" {
        const IS_CLOSED: Ordering = Ordering::Relaxed;
    }
    mutant_close_without_ringing: close_against_park must find "deadlock" {
        const CLOSE_RINGS: bool = false;
    }
}
