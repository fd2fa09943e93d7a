//! Whatever a peer writes into the memory it shares with us, the outcome is a
//! message, an empty ring or an error that names what was seen: never a panic,
//! never damage reported as empty.
//!
//! Each round corrupts one thing at random and knows what must come of it. A
//! failed test shows the seed that repeats it.

mod heap_ring;
mod seed;

use std::sync::Arc;
use std::thread;

use heap_ring::{INLINE_MAX, heap_ring, message, payload, receive};
use outrigger_layout::frame::FRAME_MAGIC;
use outrigger_layout::limits::{DEPTH_MAX, PAGE};
use outrigger_layout::ring::RingDescriptor;
use outrigger_layout::slot::{FLAGS_ALL, SlotHeader, kind};
use outrigger_ringbuf::sync::Ordering::Relaxed;
use outrigger_ringbuf::sync::{AtomicBool, AtomicU64};
use outrigger_ringbuf::{
    Consumer, Corrupt, FrameReader, Mapping, Memory, Producer, ReserveError, RingView,
};
use seed::Seed;

const CAPACITY: u64 = 4;
const ROUNDS: u64 = if cfg!(miri) { 30 } else { 20_000 };

/// A sound ring with some messages read and some unread.
fn ring_in_use(seed: &mut Seed) -> (Producer<RingView>, Consumer<RingView>, RingView) {
    let (mut producer, mut consumer, memory) = heap_ring(CAPACITY as u32);
    for id in 0..seed.below(3 * CAPACITY) {
        let _ = producer.push(&message(id), &[&payload(id)]).unwrap();
        receive(&mut consumer).unwrap();
    }
    for id in 0..seed.below(CAPACITY) {
        let _ = producer.push(&message(id), &[&payload(id)]).unwrap();
    }
    (producer, consumer, memory)
}

/// A number that is often near `near` and often at the ends of its range.
fn odd_number(seed: &mut Seed, near: u64) -> u64 {
    match seed.below(4) {
        0 => near.wrapping_add(seed.below(9)).wrapping_sub(4),
        1 => seed.below(3),
        2 => u64::MAX - seed.below(3),
        _ => seed.next(),
    }
}

#[test]
fn any_lap_is_a_message_an_empty_ring_or_corrupt() {
    let mut seed = Seed::new();
    for _ in 0..ROUNDS {
        let (_, mut consumer, memory) = ring_in_use(&mut seed);
        let position = consumer.position();
        let awaited = (position / CAPACITY + 1) as u32;
        let seen = odd_number(&mut seed, u64::from(awaited)) as u32;
        memory.store_lap(position % CAPACITY, seen, Relaxed);
        let corrupt = Corrupt {
            position,
            seen,
            awaited,
        };
        for _ in 0..2 {
            let (peeked, armed) = (consumer.peek(), consumer.arm());
            if seen == awaited {
                assert_eq!(peeked.unwrap().unwrap().lap, seen);
                assert_eq!(armed, Ok(true));
            } else if seen == awaited - 1 {
                assert_eq!((peeked, armed), (Ok(None), Ok(false)));
            } else {
                assert_eq!((peeked, armed), (Err(corrupt), Err(corrupt)));
            }
        }
    }
}

#[test]
fn any_header_is_checked_or_refused_by_name() {
    let mut seed = Seed::new();
    for _ in 0..ROUNDS {
        let (mut producer, mut consumer, memory) = ring_in_use(&mut seed);
        let _ = producer.push(&message(0), &[]).unwrap();
        let mut written: SlotHeader =
            bytemuck::cast([seed.next(), seed.next(), seed.next(), seed.next()]);
        // Random bytes alone would nearly always fail the first check.
        if seed.below(4) > 0 {
            written.kind = seed.below(20) as u8;
            written.flags = seed.below(20) as u8;
            written.payload_len = odd_number(&mut seed, INLINE_MAX as u64) as u32;
            written.depth = seed.below(11) as u8;
            written.code = seed.below(2) as u16;
        }
        memory.write_header(consumer.position() % CAPACITY, &written);
        let seen = consumer.peek().unwrap().unwrap();
        let lap = seen.lap;
        assert_eq!(seen, SlotHeader { lap, ..written }, "the copy is exact");
        match seen.check(INLINE_MAX as u32) {
            Ok(()) => {
                assert!((kind::CALL..=kind::RETURN).contains(&seen.kind));
                assert_eq!(seen.flags & !FLAGS_ALL, 0);
                assert!(u64::from(seen.depth) <= DEPTH_MAX);
                let mut bytes = vec![0; seen.payload_len as usize];
                consumer.copy_payload(0, &mut bytes);
            }
            Err(text) => assert!(text.contains('('), "{text}: what was allowed?"),
        }
        consumer.release();
    }
}

#[test]
fn any_position_is_believed_or_refused_by_name() {
    let mut seed = Seed::new();
    for _ in 0..ROUNDS {
        let (mut producer, _, memory) = ring_in_use(&mut seed);
        let published = producer.position();
        let lowest = memory.load_position(Relaxed);
        let seen = odd_number(&mut seed, published);
        memory.store_position(seen, Relaxed);
        let outcome = (0..=CAPACITY).try_for_each(|id| producer.stage(&message(id), &[]));
        match outcome.expect_err("one more than fits") {
            ReserveError::Full { capacity } => {
                assert_eq!(capacity, CAPACITY);
                assert!(seen <= published);
            }
            ReserveError::Impossible {
                seen: named,
                highest,
                ..
            } => {
                assert_eq!((named, highest), (seen, published));
                assert!(seen > published || seen < lowest, "{seen} was possible");
            }
            error @ ReserveError::TooLong { .. } => panic!("{error}"),
        }
        let learned = odd_number(&mut seed, published);
        assert_eq!(producer.learn(learned).is_ok(), learned <= published);
        let _ = producer.publish();
    }
}

#[test]
fn any_event_index_only_decides_about_the_bell() {
    let mut seed = Seed::new();
    for _ in 0..ROUNDS {
        let (mut producer, mut consumer, memory) = ring_in_use(&mut seed);
        while receive(&mut consumer).is_some() {}
        consumer.arm().unwrap();
        let old = producer.position();
        let armed = odd_number(&mut seed, old);
        memory.store_event_index(armed, Relaxed);
        let new = old + 1 + seed.below(CAPACITY);
        for id in old..new {
            producer.stage(&message(id), &[&payload(id)]).unwrap();
        }
        assert_eq!(producer.publish(), (old..new).contains(&armed));
        for id in old..new {
            assert_eq!(receive(&mut consumer).unwrap().correlation, id);
        }
    }
}

#[test]
fn any_descriptor_lies_inside_the_mappings_or_is_refused() {
    let mut seed = Seed::new();
    let mapping = Arc::new(Mapping::heap(4 * PAGE as usize));
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let descriptor = RingDescriptor {
            kind: odd_number(&mut seed, 1) as u16,
            lane: 0,
            capacity: 1_u32.wrapping_shl(seed.below(20) as u32) - u32::from(seed.below(9) == 0),
            stride: 1_u32.wrapping_shl(5 + seed.below(5) as u32),
            reserved: 0,
            slots_offset: odd_number(&mut seed, PAGE) & !(seed.below(2) * 127),
            control_offset: odd_number(&mut seed, 3 * PAGE) & !(seed.below(2) * 127),
        };
        if let Ok(view) = RingView::new(&descriptor, &mapping, &mapping) {
            // The last byte of each span: outside, Miri or the allocator would object.
            view.write_payload(view.capacity() - 1, view.inline_max() - 1, &[1]);
            view.store_event_index(1, Relaxed);
            accepted += 1;
        }
    }
    assert!(
        cfg!(miri) || accepted > 0,
        "the test never got past the checks"
    );
}

#[test]
fn a_peer_that_scribbles_while_we_look_cannot_make_us_panic() {
    let mut seed = Seed::new();
    let (mut producer, mut consumer, memory) = heap_ring(CAPACITY as u32);
    let progress = Arc::new((AtomicBool::new(false), AtomicU64::new(0)));
    let seen_progress = Arc::clone(&progress);
    let scribbling = thread::spawn(move || {
        let (done, position) = &*seen_progress;
        while !done.load(Relaxed) {
            let near = position.load(Relaxed);
            let number = odd_number(&mut seed, near);
            let lap = (near / CAPACITY + seed.below(3)) as u32;
            let header = bytemuck::cast([number; 4]);
            match seed.below(4) {
                0 => memory.store_lap(number % CAPACITY, lap, Relaxed),
                1 => memory.write_header(number % CAPACITY, &header),
                2 => memory.store_position(number, Relaxed),
                _ => memory.store_event_index(number, Relaxed),
            }
        }
    });
    let mut bytes = [0; INLINE_MAX];
    for id in 0..ROUNDS {
        let _ = producer.stage(&message(id), &[]);
        let _ = producer.publish();
        if let Ok(Some(header)) = consumer.peek() {
            if header.check(INLINE_MAX as u32).is_ok() {
                consumer.copy_payload(0, &mut bytes[..header.payload_len as usize]);
            }
            consumer.release();
        } else {
            let _ = consumer.arm();
        }
        progress.1.store(consumer.position(), Relaxed);
    }
    progress.0.store(true, Relaxed);
    scribbling.join().unwrap();
}

#[test]
fn any_stream_of_bytes_is_frames_or_an_error() {
    let mut seed = Seed::new();
    for _ in 0..ROUNDS {
        let mut reader = FrameReader::new();
        let magic = if seed.below(9) > 0 {
            FRAME_MAGIC
        } else {
            seed.next()
        };
        reader.feed(&magic.to_le_bytes());
        for _ in 0..seed.below(20) {
            let length = odd_number(&mut seed, 40) as u32;
            reader.feed(&u64::from(length).to_le_bytes());
            reader.feed(&seed.next().to_le_bytes());
            match reader.next_frame() {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(reader.next_frame(), Err(error), "broken for good");
                    break;
                }
            }
        }
    }
}
