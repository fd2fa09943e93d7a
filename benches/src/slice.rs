//! One slice: calls, one after another, for about 100 ms.
//!
//! ```text
//!   fill request ─▶ clock ─▶ call ─▶ compare reply ─▶ clock ─▶ record ─▶ again
//!                   └──────────── one sample ──────────┘
//! ```
//!
//! The counterpart in Go is `go/measure/slice.go`; the two differ in nothing but
//! the language.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::counting::allocations;

/// Bytes of a request and of its reply.
pub const PAYLOAD_LEN: usize = 32;
/// Calls before the first sample: caches, branch predictors, the CPU's clock.
pub const WARM_UP: Duration = Duration::from_millis(5);
/// Readings of the clock in a row, and such rows; the median row's mean is what
/// one reading costs. (A single pair says little: clocks tick in steps of 10 ns
/// or more on some machines.)
const CLOCK_READINGS: u32 = 100;
const CLOCK_ROWS: usize = 11;
/// Longest round trip that is told from a longer one.
const SAMPLE_MAX_NS: u64 = 10_000_000_000;

/// A request, and what its reply must be.
pub type Payload = [u8; PAYLOAD_LEN];

/// Makes round trips.
pub trait Caller {
    /// Sends the request to the peer and returns the peer's reply, which is of its
    /// own memory and not the request's.
    ///
    /// # Errors
    /// What went wrong; the benchmark gives the case up.
    fn call(&mut self, request: &Payload) -> Result<&[u8], String>;
}

/// What a driver answers to `run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Samples.
    pub count: u64,
    /// Median round trip, the clock's cost subtracted.
    pub p50_ns: f64,
    /// 99th percentile of the same.
    pub p99_ns: f64,
    /// Calls a second: one caller, the reciprocal of the mean sample; many
    /// callers, calls by elapsed time.
    pub ops_per_s: f64,
    /// Allocations of the driver's process from first to last call.
    pub allocs: u64,
    /// All calls, those of the warm-up included.
    pub calls: u64,
    /// Bytes of values that the driver copied into and out of shared memory, per call;
    /// 0 where nobody counts.
    #[serde(default)]
    pub copied: f64,
    /// What was subtracted from each sample.
    pub clock_ns: f64,
}

/// Calls for `length`, after a warm-up.
///
/// # Errors
/// The caller's; a reply that differs from its request.
pub fn measure(caller: &mut impl Caller, length: Duration) -> Result<Slice, String> {
    let mut histogram = Histogram::<u64>::new_with_bounds(1, SAMPLE_MAX_NS, 3)
        .map_err(|error| error.to_string())?;
    let mut calls = 0;
    let before = allocations();
    let begin = Instant::now();
    while begin.elapsed() < WARM_UP {
        round_trip(caller, &mut calls)?;
    }
    let clock_ns = clock_cost();
    let begin = Instant::now();
    let mut busy_ns = 0;
    loop {
        let (sent, received) = round_trip(caller, &mut calls)?;
        let sample = (received - sent).as_nanos() as u64;
        busy_ns += sample;
        histogram.saturating_record(sample);
        if received - begin >= length {
            break;
        }
    }
    let count = histogram.len();
    let net = |sample: f64| (sample - clock_ns).max(0.0);
    Ok(Slice {
        count,
        p50_ns: net(histogram.value_at_quantile(0.50) as f64),
        p99_ns: net(histogram.value_at_quantile(0.99) as f64),
        ops_per_s: 1e9 / net(busy_ns as f64 / count as f64).max(1.0),
        allocs: allocations() - before,
        calls,
        copied: 0.0,
        clock_ns,
    })
}

/// One call with a payload that no earlier one had; gives when it began and ended.
fn round_trip(caller: &mut impl Caller, calls: &mut u64) -> Result<(Instant, Instant), String> {
    *calls += 1;
    let request = payload(*calls);
    let sent = Instant::now();
    let reply = caller.call(&request)?;
    let same = reply == request;
    let received = Instant::now();
    if !same {
        return Err(format!("reply {reply:?} to request {request:?}"));
    }
    Ok((sent, received))
}

/// 32 bytes that all depend on the number of the call.
pub fn payload(number: u64) -> Payload {
    let mut bytes = [0; PAYLOAD_LEN];
    for (index, word) in bytes.chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&(number + index as u64).to_le_bytes());
    }
    bytes
}

/// What one reading of the clock adds to a sample, in nanoseconds.
///
/// It allocates nothing: it runs between two readings of the counter.
fn clock_cost() -> f64 {
    let mut rows = [0; CLOCK_ROWS];
    for row in &mut rows {
        let begin = Instant::now();
        let mut last = begin;
        for _ in 0..CLOCK_READINGS {
            last = Instant::now();
        }
        *row = (last - begin).as_nanos() as u64;
    }
    rows.sort_unstable();
    rows[CLOCK_ROWS / 2] as f64 / f64::from(CLOCK_READINGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Mirror(Payload);

    impl Caller for Mirror {
        fn call(&mut self, request: &Payload) -> Result<&[u8], String> {
            self.0 = *request;
            Ok(&self.0)
        }
    }

    struct Stuck(Payload);

    impl Caller for Stuck {
        fn call(&mut self, _: &Payload) -> Result<&[u8], String> {
            Ok(&self.0)
        }
    }

    #[test]
    fn every_sample_is_counted_and_quantiles_are_ordered() {
        // Other tests allocate meanwhile, but not all the time; a call of this one would
        // show in each slice.
        let mut quiet = false;
        for _ in 0..1000 {
            let slice = measure(&mut Mirror([0; 32]), Duration::from_millis(2)).unwrap();
            assert!(slice.count > 0 && slice.calls > slice.count, "{slice:?}");
            assert!(slice.p50_ns <= slice.p99_ns, "{slice:?}");
            quiet = slice.allocs < slice.calls / 10;
            if quiet {
                break;
            }
        }
        assert!(quiet);
    }

    #[test]
    fn a_reply_to_an_earlier_request_is_found() {
        let outcome = measure(&mut Stuck(payload(1)), Duration::from_millis(2));
        assert!(outcome.is_err(), "{outcome:?}");
    }

    #[test]
    fn payloads_differ_in_each_word() {
        let (one, two) = (payload(1), payload(2));
        for word in 0..4 {
            assert_ne!(one[word * 8..][..8], two[word * 8..][..8]);
        }
    }
}
