package main

import (
	"runtime"
	"time"
)

// batchMin is how long a row of operations is at least before the clock is read
// again: beside that, what reading it costs is nothing.
const batchMin = 200 * time.Microsecond

// An operation is one step with one message: run is timed. sum is not; it tells of
// what run made last.
type operation struct {
	run func() error
	sum func() (uint64, error)
}

// cost is what one slice of an operation gave, per operation. Its counterpart is
// Cost in benches/src/work.rs.
type cost struct {
	// Ns is the mean time, the garbage collector's included.
	Ns float64 `json:"ns"`
	// Bytes is the bytes allocated.
	Bytes float64 `json:"bytes"`
	// Allocs is the allocations.
	Allocs float64 `json:"allocs"`
	// Sum is the sum of the message that was made, checked or read.
	Sum uint64 `json:"sum"`
}

// measure runs the operation again and again for about length, after a warm-up. It
// begins without the garbage of others.
func (o operation) measure(length time.Duration) (cost, error) {
	batch := 1
	for {
		elapsed, err := o.batch(batch)
		if err != nil {
			return cost{}, err
		}
		if elapsed >= batchMin {
			break
		}
		batch *= 2
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var elapsed time.Duration
	count := 0
	for elapsed < length {
		took, err := o.batch(batch)
		if err != nil {
			return cost{}, err
		}
		elapsed += took
		count += batch
	}
	runtime.ReadMemStats(&after)
	sum, err := o.sum()
	per := func(total uint64) float64 { return float64(total) / float64(count) }
	return cost{
		Ns:     per(uint64(elapsed)),
		Bytes:  per(after.TotalAlloc - before.TotalAlloc),
		Allocs: per(after.Mallocs - before.Mallocs),
		Sum:    sum,
	}, err
}

func (o operation) batch(count int) (time.Duration, error) {
	begin := time.Now()
	for range count {
		if err := o.run(); err != nil {
			return 0, err
		}
	}
	return time.Since(begin), nil
}
