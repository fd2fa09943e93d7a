//! What a ring promises, over heap memory and between threads.
//!
//! Also run under Miri and ThreadSanitizer: `.ci/lanes miri`, `… tsan`.

mod heap_ring;
mod seed;

use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use heap_ring::{INLINE_MAX, heap_ring, message, payload, receive};
use outrigger_layout::slot::SlotHeader;
use outrigger_ringbuf::sync::AtomicBool;
use outrigger_ringbuf::sync::Ordering::{Acquire, Relaxed, Release};
use outrigger_ringbuf::{Closing, Corrupt, Memory, ReserveError, Watch};
use seed::Seed;

/// Messages that go from thread to thread.
const MESSAGES: u64 = if cfg!(miri) { 100 } else { 50_000 };

/// A sleeper that waits this long has missed its wake-up.
const LOST: Duration = Duration::from_secs(20);

#[test]
fn commit_makes_payload_visible() {
    let (mut producer, mut consumer, _) = heap_ring(8);
    let producing = thread::spawn(move || {
        for id in 0..MESSAGES {
            while let Err(error) = producer.push(&message(id), &[&payload(id)]) {
                assert_eq!(error, ReserveError::Full { capacity: 8 });
                thread::yield_now();
            }
        }
    });
    for id in 0..MESSAGES {
        let header = loop {
            match receive(&mut consumer) {
                Some(header) => break header,
                None => thread::yield_now(),
            }
        };
        assert_eq!(header.correlation, id);
    }
    producing.join().unwrap();
}

#[test]
fn a_batch_is_seen_whole_and_in_order() {
    let mut seed = Seed::new();
    let (mut producer, mut consumer, _) = heap_ring(8);
    let producing = thread::spawn(move || {
        let mut id = 0;
        while id < MESSAGES {
            // Six, as an awake consumer may keep up to a quarter of the slots to itself.
            let count = 1 + seed.below(6).min(MESSAGES - id - 1);
            for behind in (0..count).rev() {
                let header = SlotHeader {
                    deadline: behind,
                    ..message(id)
                };
                while producer.stage(&header, &[&payload(id)]).is_err() {
                    thread::yield_now();
                }
                id += 1;
            }
            let _ = producer.publish();
        }
    });
    let mut id = 0;
    let mut behind = 0;
    while id < MESSAGES {
        match receive(&mut consumer) {
            Some(header) => {
                assert_eq!(header.correlation, id);
                (id, behind) = (id + 1, header.deadline);
            }
            None => {
                assert_eq!(behind, 0, "the batch of message {id} came in parts");
                thread::yield_now();
            }
        }
    }
    producing.join().unwrap();
}

#[test]
fn staged_messages_are_invisible_until_published() {
    let (mut producer, mut consumer, _) = heap_ring(4);
    for id in 0..3 {
        producer.stage(&message(id), &[&payload(id)]).unwrap();
        assert_eq!(consumer.peek(), Ok(None));
    }
    assert!(producer.publish());
    assert!(!producer.publish(), "nothing new, nothing to ring for");
    for id in 0..3 {
        assert_eq!(receive(&mut consumer).unwrap().correlation, id);
    }
}

#[test]
fn a_header_arrives_as_it_was_written_but_for_lap_and_length() {
    let (mut producer, mut consumer, _) = heap_ring(2);
    let written = SlotHeader {
        lap: 77,
        kind: 1,
        flags: 2,
        method: 0x0403,
        correlation: 0x0c0b_0a09_0807_0605,
        payload_len: 77,
        code: 0x0e0d,
        depth: 15,
        codec: 16,
        deadline: 0x1817_1615_1413_1211,
    };
    let _ = producer.push(&written, &[b"pay", b"", b"load"]).unwrap();
    let seen = consumer.peek().unwrap().unwrap();
    assert_eq!(
        seen,
        SlotHeader {
            lap: 1,
            payload_len: 7,
            ..written
        }
    );
    let mut bytes = [0; 4];
    consumer.copy_payload(3, &mut bytes);
    assert_eq!(&bytes, b"load");
    consumer.release();
    assert_eq!(consumer.peek(), Ok(None));
}

#[test]
fn a_full_ring_is_an_error_and_nothing_is_written() {
    let (mut producer, mut consumer, _) = heap_ring(4);
    for id in 0..4 {
        let _ = producer.push(&message(id), &[&payload(id)]).unwrap();
    }
    let full = Err(ReserveError::Full { capacity: 4 });
    assert_eq!(producer.push(&message(9), &[b"lost"]), full);
    assert_eq!(producer.position(), 4);
    assert_eq!(receive(&mut consumer).unwrap().correlation, 0);
    assert!(producer.push(&message(4), &[&payload(4)]).is_ok());
    assert_eq!(producer.push(&message(9), &[b"lost"]), full);
    for id in 1..5 {
        assert_eq!(receive(&mut consumer).unwrap().correlation, id);
    }
    assert_eq!(consumer.peek(), Ok(None));
}

#[test]
fn a_payload_too_long_is_an_error_and_nothing_is_written() {
    let (mut producer, consumer, _) = heap_ring(4);
    let error = producer.push(&message(0), &[&[1; INLINE_MAX], b"!"]);
    let (len, max) = (INLINE_MAX + 1, INLINE_MAX);
    assert_eq!(error, Err(ReserveError::TooLong { len, max }));
    assert_eq!(
        error.unwrap_err().to_string(),
        "payload length 97 (maximum 96)"
    );
    assert_eq!((producer.position(), consumer.peek()), (0, Ok(None)));
}

#[test]
fn a_lap_from_nowhere_is_corrupt_never_empty() {
    let (mut producer, mut consumer, memory) = heap_ring(2);
    for id in 0..5 {
        let _ = producer.push(&message(id), &[&payload(id)]).unwrap();
        assert_eq!(receive(&mut consumer).unwrap().correlation, id);
    }
    // Position 5 lies in slot 1 and awaits lap 3: lap 2 is the one before.
    for seen in [0, 1, 4, 5, 1 << 31, u32::MAX] {
        memory.store_lap(1, seen, Relaxed);
        let corrupt = Corrupt {
            position: 5,
            seen,
            awaited: 3,
        };
        assert_eq!(consumer.peek(), Err(corrupt));
        assert_eq!(consumer.arm(), Err(corrupt));
        assert_eq!(consumer.peek(), Err(corrupt), "and it stays so");
    }
    memory.store_lap(1, 4, Relaxed);
    let text = consumer.peek().unwrap_err().to_string();
    assert_eq!(text, "lap 4 at position 5 (allowed: 3 or the one before)");
}

#[test]
fn a_zeroed_slot_after_the_first_lap_is_corrupt() {
    // The peer can punch a hole into its own segment: then all words read zero.
    let (mut producer, mut consumer, memory) = heap_ring(2);
    assert_eq!(consumer.peek(), Ok(None), "in the first lap zero is empty");
    for id in 0..3 {
        let _ = producer.push(&message(id), &[&payload(id)]).unwrap();
        assert!(receive(&mut consumer).is_some());
    }
    memory.store_lap(1, 0, Relaxed);
    let corrupt = Corrupt {
        position: 3,
        seen: 0,
        awaited: 2,
    };
    assert_eq!(consumer.peek(), Err(corrupt));
}

#[test]
fn an_impossible_consumer_position_is_refused() {
    let (mut producer, _consumer, memory) = heap_ring(2);
    for id in 0..2 {
        let _ = producer.push(&message(id), &[]).unwrap();
    }
    for seen in [3, 4, u64::MAX] {
        memory.store_position(seen, Relaxed);
        let error = producer.push(&message(2), &[]).unwrap_err();
        assert_eq!(
            error,
            ReserveError::Impossible {
                seen,
                lowest: 0,
                highest: 2
            }
        );
    }
    memory.store_position(2, Relaxed);
    for id in 2..4 {
        let _ = producer.push(&message(id), &[]).unwrap();
    }
    memory.store_position(1, Relaxed);
    let error = producer.push(&message(4), &[]).unwrap_err();
    assert_eq!(error.to_string(), "consumer position 1 (allowed: 2 to 4)");
}

#[test]
fn a_staged_message_cannot_have_been_consumed() {
    let (mut producer, _consumer, memory) = heap_ring(2);
    let _ = producer.push(&message(0), &[]).unwrap();
    producer.stage(&message(1), &[]).unwrap();
    memory.store_position(2, Relaxed);
    let error = producer.stage(&message(2), &[]).unwrap_err();
    assert_eq!(
        error,
        ReserveError::Impossible {
            seen: 2,
            lowest: 0,
            highest: 1
        }
    );
}

#[test]
fn a_learned_position_frees_slots_without_a_look() {
    let (mut producer, _consumer, _) = heap_ring(2);
    for id in 0..2 {
        let _ = producer.push(&message(id), &[]).unwrap();
    }
    let error = producer.learn(3).unwrap_err();
    assert_eq!(
        error,
        ReserveError::Impossible {
            seen: 3,
            lowest: 0,
            highest: 2
        }
    );
    producer.learn(2).unwrap();
    producer.learn(1).expect("a reply that was overtaken");
    let _ = producer.push(&message(2), &[]).unwrap();
    let _ = producer.push(&message(3), &[]).unwrap();
    let full = Err(ReserveError::Full { capacity: 2 });
    assert_eq!(producer.push(&message(4), &[]), full);
}

#[test]
fn the_position_is_published_every_quarter_and_before_sleeping() {
    let (mut producer, mut consumer, memory) = heap_ring(16);
    for id in 0..7 {
        let _ = producer.push(&message(id), &[&payload(id)]).unwrap();
    }
    let mut published = Vec::new();
    while receive(&mut consumer).is_some() {
        published.push(memory.load_position(Relaxed));
    }
    assert_eq!(published, [0, 0, 0, 4, 4, 4, 4]);
    assert_eq!(consumer.arm(), Ok(false));
    assert_eq!(memory.load_position(Relaxed), 7);
}

#[test]
fn the_bell_rings_only_for_the_armed_position() {
    let (mut producer, mut consumer, memory) = heap_ring(8);
    let mut push = |count| {
        for id in 0..count {
            producer.stage(&message(id), &[&payload(id)]).unwrap();
        }
        producer.publish()
    };
    assert!(push(1), "position 0 is armed from the start");
    assert!(!push(1), "and disarmed by its publication");
    while receive(&mut consumer).is_some() {}
    assert_eq!(consumer.arm(), Ok(false));
    assert_eq!(memory.load_event_index(Relaxed), 2);
    assert!(push(3), "a batch that holds the armed position");
    assert!(!push(2));
    memory.store_event_index(8, Relaxed);
    assert!(!push(1), "armed ahead: 7 is not 8");
    assert!(push(1), "and now it is 8");
    assert!(!push(0), "nothing was published");
}

#[test]
fn arming_finds_what_came_meanwhile_and_stays_armed() {
    let (mut producer, mut consumer, _) = heap_ring(4);
    assert_eq!(consumer.peek(), Ok(None));
    let _ = producer.push(&message(0), &[&payload(0)]).unwrap();
    assert_eq!(consumer.arm(), Ok(true));
    assert!(receive(&mut consumer).is_some());
    assert_eq!(consumer.arm(), Ok(false));
    assert_eq!(consumer.arm(), Ok(false), "a wake-up that found nothing");
    assert!(producer.push(&message(1), &[&payload(1)]).unwrap());
}

#[test]
fn a_watch_is_ready_whenever_the_consumer_has_something_to_find() {
    let (mut producer, mut consumer, memory) = heap_ring(2);
    let watch = Watch::new(memory);
    for id in 0..5 {
        assert!(!watch.is_ready());
        let _ = producer.push(&message(id), &[&payload(id)]).unwrap();
        assert!(watch.is_ready());
        assert!(receive(&mut consumer).is_some());
        assert!(watch.is_ready(), "true too often until it is told");
        watch.moved(consumer.position());
    }
}

/// A sticky doorbell between threads. (Not a `Mutex`: ThreadSanitizer does not see
/// into that of a std that is not instrumented.)
struct Bell {
    rung: AtomicBool,
    sleeper: Thread,
}

impl Bell {
    fn ring(&self) {
        self.rung.store(true, Release);
        self.sleeper.unpark();
    }

    fn wait(&self) {
        let begin = Instant::now();
        while !self.rung.swap(false, Acquire) {
            assert!(begin.elapsed() < LOST, "a wake-up was lost");
            thread::park_timeout(LOST);
        }
    }
}

#[test]
fn a_sleeper_is_woken_for_every_message_and_for_the_close() {
    let mut seed = Seed::new();
    let (mut producer, mut consumer, _) = heap_ring(64);
    let bell = Bell {
        rung: AtomicBool::new(false),
        sleeper: thread::current(),
    };
    let shared = Arc::new((<Closing>::default(), bell));
    let producer_shared = Arc::clone(&shared);
    let producing = thread::spawn(move || {
        let (closing, bell) = &*producer_shared;
        for id in 0..MESSAGES {
            loop {
                match producer.push(&message(id), &[&payload(id)]) {
                    Ok(true) => break bell.ring(),
                    Ok(false) => break,
                    Err(ReserveError::Full { .. }) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
            for _ in 0..seed.below(4) {
                thread::yield_now();
            }
        }
        closing.close();
        bell.ring();
    });
    let (closing, bell) = &*shared;
    let mut count = 0;
    loop {
        let closed = closing.is_closed();
        while let Some(header) = receive(&mut consumer) {
            assert_eq!(header.correlation, count);
            count += 1;
        }
        if closed {
            break;
        }
        if !consumer.arm().unwrap() {
            bell.wait();
        }
    }
    producing.join().unwrap();
    assert_eq!(count, MESSAGES);
}
