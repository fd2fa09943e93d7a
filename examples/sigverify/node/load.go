package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// timing is what one timed run measured. A latency is the whole of a call as
// the caller sees it: the codec both ways, the border both ways, the signature
// check itself, and, with more callers than cores, the wait for a free one.
type timing struct {
	goroutines  int
	elapsed     time.Duration
	counts      tally
	latencies   []time.Duration // one for each call, sorted
	allocations uint64          // of this process, in the whole run
}

// load repeats all vectors from so many goroutines for that long. Each verdict
// is compared as in the main run: a wrong answer is not a fast one.
func load(
	ctx context.Context, by route, vectors []vector,
	goroutines int, duration time.Duration,
) (timing, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	var workers sync.WaitGroup
	parts := make([]timing, goroutines)
	before := allocations()
	start := time.Now()
	for index := range parts {
		workers.Go(func() {
			// Each goroutine begins elsewhere, so that they do not run in step.
			offset := index * len(vectors) / goroutines
			end := start.Add(duration)
			if err := parts[index].repeat(ctx, by, vectors, offset, end); err != nil {
				stop(err)
			}
		})
	}
	workers.Wait()

	whole := timing{goroutines: goroutines, elapsed: time.Since(start)}
	whole.allocations = allocations() - before
	for _, part := range parts {
		whole.counts.merge(part.counts)
		whole.latencies = append(whole.latencies, part.latencies...)
	}
	slices.Sort(whole.latencies)
	return whole, context.Cause(ctx)
}

// repeat is the work of one goroutine. At least one call is made.
func (t *timing) repeat(
	ctx context.Context, by route, vectors []vector, offset int, deadline time.Time,
) error {
	for position := offset; ; position++ {
		v := &vectors[position%len(vectors)]
		before := time.Now()
		answer, err := by.verify(ctx, &v.request)
		after := time.Now()
		if err != nil {
			return fmt.Errorf("%s vector %d over %s: %w", v.request.Algorithm, v.id, by.codec, err)
		}
		t.latencies = append(t.latencies, after.Sub(before))
		t.counts.add(compare(v.result, answer.valid))
		if !after.Before(deadline) {
			return nil
		}
	}
}

// callsPerSecond is the throughput of all goroutines together.
func (t timing) callsPerSecond() float64 {
	return float64(len(t.latencies)) / t.elapsed.Seconds()
}

// allocationsPerCall includes the few of the measurement itself.
func (t timing) allocationsPerCall() float64 {
	return float64(t.allocations) / float64(len(t.latencies))
}

// percentile returns the smallest latency that at least so many per mille of
// the calls did not exceed.
//
// Preconditions: at least one call was made; 0 < perMille <= 1000.
func (t timing) percentile(perMille int) time.Duration {
	rank := (len(t.latencies)*perMille + 999) / 1000 // rounded up, counted from 1
	return t.latencies[rank-1]
}

// allocations counts all that this process has made so far.
func allocations() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}
