package rkyv

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// A Duration is one of Rust's: up to 2^64 seconds, where time.Duration ends after
// 292 years, and never negative. So neither is turned into the other unseen.
type Duration struct {
	// Seconds is the whole seconds.
	Seconds uint64
	// Nanos is the rest, below a second: 0 to 999,999,999.
	Nanos uint32
}

// second is the first value that Nanos cannot have.
const second = 1_000_000_000

// DurationOf returns a duration of Go's as one of Rust's. It is not ok if d is
// negative; then the result is zero.
func DurationOf(d time.Duration) (duration Duration, ok bool) {
	if d < 0 {
		return Duration{}, false
	}
	return Duration{Seconds: uint64(d / second), Nanos: uint32(d % second)}, true
}

// Std returns the duration as one of Go's. It is not ok if that cannot be so long;
// then the result is zero.
func (d Duration) Std() (duration time.Duration, ok bool) {
	if d.Seconds > math.MaxInt64/second {
		return 0, false
	}
	whole := d.Seconds*second + uint64(d.Nanos) // below 2^63 + 2^32
	if whole > math.MaxInt64 {
		return 0, false
	}
	return time.Duration(whole), true
}

// String returns the duration in seconds, such as 1.500000000s.
func (d Duration) String() string { return fmt.Sprintf("%d.%09ds", d.Seconds, d.Nanos) }

// Duration checks that a duration can be one of Rust's.
func (e *Encoder) Duration(d Duration) {
	if d.Nanos >= second {
		e.fail(fmt.Sprintf("duration with %d nanoseconds", d.Nanos), "below 1000000000 only")
	}
}

// PutDuration writes a Duration.
func PutDuration(into []byte, value Duration) {
	binary.LittleEndian.PutUint64(into, value.Seconds)
	binary.LittleEndian.PutUint32(into[8:], value.Nanos)
}

// Duration checks a Duration.
func (c *Checker) Duration(at int) bool {
	nanos := binary.LittleEndian.Uint32(c.archive[at+8:])
	return nanos < second || c.fail(at, fmt.Sprintf("duration with %d nanoseconds", nanos),
		"below 1000000000 only")
}

// Duration reads a Duration.
func (r Ref) Duration(offset int) Duration {
	return Duration{Seconds: r.U64(offset), Nanos: r.U32(offset + 8)}
}
