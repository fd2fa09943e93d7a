// Package measure times calls, a slice of about 100 ms at a time, and speaks the
// lines that `quick` speaks with its children.
//
//	fill request ─▶ clock ─▶ call ─▶ compare reply ─▶ clock ─▶ record ─▶ again
//	                └──────────── one sample ──────────┘
//
// The counterpart in Rust is benches/src/slice.rs; the two differ in nothing but
// the language.
package measure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	// PayloadLen is the bytes of a request and of its reply.
	PayloadLen = 32
	// warmUp is how long calls are made before the first sample: caches, branch
	// predictors, the CPU's clock.
	warmUp = 5 * time.Millisecond
	// clockReadings in a row, and clockRows such rows; the median row's mean is
	// what one reading costs. (A single pair says little: clocks tick in steps of
	// 10 ns or more on some machines.)
	clockReadings, clockRows = 100, 11
)

// Call sends the request to the peer and returns the peer's reply, which is of
// its own memory and not the request's.
type Call func(request []byte) (reply []byte, err error)

// Slice is what a driver answers to `run`.
type Slice struct {
	// Count is the number of samples.
	Count uint64 `json:"count"`
	// P50 and P99 are of the round trip, the clock's cost subtracted.
	P50 float64 `json:"p50_ns"`
	P99 float64 `json:"p99_ns"`
	// OpsPerS is, with one caller, the reciprocal of the mean sample; with many,
	// calls by elapsed time.
	OpsPerS float64 `json:"ops_per_s"`
	// Allocs is the allocations of this process from first to last call.
	Allocs uint64 `json:"allocs"`
	// Calls counts those of the warm-up too.
	Calls uint64 `json:"calls"`
	// Copied is the bytes of values that this side copied into and out of shared
	// memory, per call; 0 where nobody counts.
	Copied float64 `json:"copied"`
	// ClockNs is what was subtracted from each sample.
	ClockNs float64 `json:"clock_ns"`
}

// caller is one goroutine's part of a slice. Its fields are written by that
// goroutine only, while it runs.
type caller struct {
	call      Call
	request   [PayloadLen]byte
	histogram Histogram
	calls     uint64
	err       error
}

// Driver makes slices with a fixed number of callers.
type Driver struct {
	// Copied, unless nil, says how many bytes were copied so far.
	Copied  func() uint64
	callers []*caller
	base    time.Time
	total   Histogram
}

// NewDriver returns a driver of which every caller has a goroutine in a slice;
// a single one runs on the goroutine that asks for the slice.
func NewDriver(calls ...Call) *Driver {
	d := &Driver{base: time.Now()}
	for _, call := range calls {
		d.callers = append(d.callers, &caller{call: call})
	}
	return d
}

// Run calls for the given time, after a warm-up.
func (d *Driver) Run(length time.Duration) (Slice, error) {
	d.total.Reset()
	for _, c := range d.callers {
		c.histogram.Reset()
		c.calls = 0
	}
	var start sync.WaitGroup
	var done sync.WaitGroup
	start.Add(1)
	for _, c := range d.callers[1:] {
		done.Go(func() {
			start.Wait()
			d.work(c, length)
		})
	}
	copied := d.copied()
	before := mallocs()
	start.Done()
	clock := d.work(d.callers[0], length)
	done.Wait()
	slice := Slice{Allocs: mallocs() - before, ClockNs: clock}
	for _, c := range d.callers {
		if c.err != nil {
			return Slice{}, c.err
		}
		slice.Calls += c.calls
		d.total.Add(&c.histogram)
	}
	slice.Copied = float64(d.copied()-copied) / float64(slice.Calls)
	slice.Count = d.total.count
	net := func(sample float64) float64 { return max(sample-clock, 0) }
	slice.P50 = net(float64(d.total.Quantile(0.50)))
	slice.P99 = net(float64(d.total.Quantile(0.99)))
	slice.OpsPerS = float64(slice.Count) / length.Seconds()
	if len(d.callers) == 1 {
		slice.OpsPerS = 1e9 / max(net(float64(d.total.sum)/float64(slice.Count)), 1)
	}
	return slice, nil
}

func (d *Driver) copied() uint64 {
	if d.Copied == nil {
		return 0
	}
	return d.Copied()
}

// work makes one caller's calls and returns what a clock reading adds to each
// sample: nothing if there are many callers, who share the processors.
func (d *Driver) work(c *caller, length time.Duration) (clock float64) {
	for begin := d.now(); d.now()-begin < warmUp; {
		if _, _, c.err = d.roundTrip(c); c.err != nil {
			return 0
		}
	}
	if len(d.callers) == 1 {
		clock = d.clockCost()
	}
	for begin := d.now(); ; {
		sent, received, err := d.roundTrip(c)
		if err != nil {
			c.err = err
			return 0
		}
		c.histogram.Record((received - sent).Nanoseconds())
		if received-begin >= length {
			return clock
		}
	}
}

// roundTrip makes one call with a payload that no earlier one of the caller had,
// and returns when it began and ended.
func (d *Driver) roundTrip(c *caller) (sent, received time.Duration, err error) {
	c.calls++
	for word := 0; word < PayloadLen; word += 8 {
		binary.LittleEndian.PutUint64(c.request[word:], c.calls+uint64(word/8))
	}
	sent = d.now()
	reply, err := c.call(c.request[:])
	same := bytes.Equal(reply, c.request[:])
	received = d.now()
	if err == nil && !same {
		err = fmt.Errorf("reply %x to request %x", reply, c.request)
	}
	return sent, received, err
}

// now reads the monotonic clock, and not the wall clock beside it.
func (d *Driver) now() time.Duration { return time.Since(d.base) }

// clockCost returns what one reading of the clock adds to a sample, in
// nanoseconds. It allocates nothing: it runs between two readings of the counter.
func (d *Driver) clockCost() float64 {
	var rows [clockRows]time.Duration
	for i := range rows {
		begin := d.now()
		last := begin
		for range clockReadings {
			last = d.now()
		}
		rows[i] = last - begin
	}
	slices.Sort(rows[:])
	return float64(rows[clockRows/2]) / clockReadings
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}
