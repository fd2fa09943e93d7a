//! What `bench-rkyv` times in Rust: rkyv itself, with the product's bound of depth.

use std::fmt;
use std::hint::black_box;
use std::mem;
use std::time::{Duration, Instant};

use outrigger::client::ArchiveMemory;
use outrigger::{Archive, Message};
use rkyv::api::high::to_bytes_in_with_alloc;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::Arena;
use serde::{Deserialize, Serialize};

use crate::counting::{allocated_bytes, allocations};
use crate::order::{Order, sum};

/// How long a row of operations is at least before the clock is read again: beside
/// that, what reading it costs is nothing.
const BATCH_MIN: Duration = Duration::from_micros(200);

/// What is done with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A value becomes bytes, in memory that is used again.
    Encode,
    /// Bytes are found to be a message.
    Check,
    /// All fields of a checked message are read in place.
    Read,
    /// Bytes, checked, become a value of their own.
    Decode,
    /// A value becomes bytes, which are checked, and all fields are read.
    Whole,
}

impl Step {
    /// All of them, in the order of a message's life.
    pub const ALL: [Self; 5] = [
        Self::Encode,
        Self::Check,
        Self::Read,
        Self::Decode,
        Self::Whole,
    ];

    /// Its name in lines to the Go half.
    ///
    /// ```
    /// assert_eq!(outrigger_benches::work::Step::Whole.name(), "whole");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Check => "check",
            Self::Read => "read",
            Self::Decode => "decode",
            Self::Whole => "whole",
        }
    }
}

/// What one slice of one step gave, per operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Mean time.
    pub ns: f64,
    /// Bytes allocated.
    pub bytes: f64,
    /// Allocations.
    pub allocs: f64,
    /// [`sum`] of the message that was made, checked or read.
    pub sum: u64,
}

/// An order, and all that the steps need to be done again and again.
pub struct Work {
    order: Order,
    arena: Arena,
    buffer: ArchiveMemory,
    archive: Archive<Order>,
    loaded: Order,
    sum: u64,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Work");
        shown.field("archive", &self.archive);
        shown.finish_non_exhaustive()
    }
}

impl Work {
    /// The work on an order.
    ///
    /// # Errors
    /// rkyv's, as text.
    ///
    /// ```
    /// use outrigger_benches::order::Order;
    /// use outrigger_benches::work::{Step, Work};
    /// use std::time::Duration;
    ///
    /// let mut work = Work::new(Order::of(2))?;
    /// assert_eq!(work.archive().len(), 208);
    /// let cost = work.measure(Step::Read, Duration::from_millis(1))?;
    /// assert!(cost.ns > 0.0 && cost.sum == 85_985_529_216_487_727);
    /// # Ok::<(), String>(())
    /// ```
    pub fn new(order: Order) -> Result<Self, String> {
        let mut arena = Arena::new();
        let memory = encoded(&order, ArchiveMemory::new(), &mut arena)?;
        let buffer = memory.clone();
        let archive = Archive::<Order>::new(memory).map_err(|error| error.to_string())?;
        Ok(Self {
            loaded: order.clone(),
            order,
            arena,
            buffer,
            archive,
            sum: 0,
        })
    }

    /// The order as an archive.
    pub fn archive(&self) -> &[u8] {
        self.archive.bytes()
    }

    /// Does a step again and again for about `length`, after a warm-up.
    ///
    /// # Errors
    /// rkyv's, as text.
    pub fn measure(&mut self, step: Step, length: Duration) -> Result<Cost, String> {
        let mut batch = 1;
        while self.batch(step, batch)? < BATCH_MIN {
            batch *= 2;
        }
        let (allocs, bytes) = (allocations(), allocated_bytes());
        let (mut elapsed, mut count) = (Duration::ZERO, 0);
        while elapsed < length {
            elapsed += self.batch(step, batch)?;
            count += batch;
        }
        let per = |total: u64| total as f64 / count as f64;
        let cost = Cost {
            ns: elapsed.as_nanos() as f64 / count as f64,
            bytes: per(allocated_bytes() - bytes),
            allocs: per(allocations() - allocs),
            sum: 0,
        };
        let sum = self.sum_of(step)?;
        Ok(Cost { sum, ..cost })
    }

    fn batch(&mut self, step: Step, count: u64) -> Result<Duration, String> {
        let begin = Instant::now();
        match step {
            Step::Encode => (0..count).try_for_each(|_| self.encode()),
            Step::Check => (0..count).try_for_each(|_| self.check()),
            Step::Read => {
                (0..count).for_each(|_| self.read());
                Ok(())
            }
            Step::Decode => (0..count).try_for_each(|_| self.decode()),
            Step::Whole => (0..count).try_for_each(|_| self.whole()),
        }?;
        Ok(begin.elapsed())
    }

    fn encode(&mut self) -> Result<(), String> {
        let buffer = mem::take(&mut self.buffer);
        self.buffer = encoded(black_box(&self.order), buffer, &mut self.arena)?;
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let archived = Order::access(black_box(self.archive.bytes()));
        black_box(archived.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn read(&mut self) {
        self.sum = black_box(sum(black_box(&self.archive)));
    }

    fn decode(&mut self) -> Result<(), String> {
        let archived = Order::access(black_box(self.archive.bytes()));
        let loaded = archived.and_then(Order::load);
        self.loaded = loaded.map_err(|error| error.to_string())?;
        Ok(())
    }

    fn whole(&mut self) -> Result<(), String> {
        self.encode()?;
        let archived = Order::access(black_box(&self.buffer));
        self.sum = black_box(sum(archived.map_err(|error| error.to_string())?));
        Ok(())
    }

    /// The sum of what the step made last.
    fn sum_of(&self, step: Step) -> Result<u64, String> {
        let of = |bytes: &[u8]| {
            let archived = Order::access(bytes);
            archived.map(sum).map_err(|error| error.to_string())
        };
        match step {
            Step::Encode => of(&self.buffer),
            Step::Check => of(self.archive.bytes()),
            Step::Decode => of(&encoded(
                &self.loaded,
                ArchiveMemory::new(),
                &mut Arena::new(),
            )?),
            Step::Read | Step::Whole => Ok(self.sum),
        }
    }
}

fn encoded(
    order: &Order,
    mut buffer: ArchiveMemory,
    arena: &mut Arena,
) -> Result<ArchiveMemory, String> {
    buffer.clear();
    to_bytes_in_with_alloc::<_, _, Failure>(order, buffer, arena.acquire())
        .map_err(|error| error.to_string())
}
