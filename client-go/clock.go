package outrigger

import (
	"context"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// clockShiftMin is the difference of two monotonic clocks, in nanoseconds, from
// which on they belong to different time namespaces. Below it is transit time.
const clockShiftMin = int64(time.Second)

// clock converts deadlines to the server's CLOCK_MONOTONIC without reading a
// clock: both are known at one moment, and Go's times carry a monotonic reading.
type clock struct {
	base   time.Time
	baseNs int64
}

// newClock relates both clocks at the receipt of WELCOME, which carries the
// server's.
func newClock(serverNs uint64) clock {
	base, ownNs := time.Now(), int64(shm.MonotonicNs())
	shift := int64(serverNs) - ownNs
	if shift > -clockShiftMin && shift < clockShiftMin {
		shift = 0
	}
	return clock{base: base, baseNs: ownNs + shift}
}

// deadlineNs returns the context's deadline for a slot header, 0 for none.
func (k *clock) deadlineNs(ctx context.Context) uint64 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	// Sub saturates; a deadline before the server's clock began has passed too.
	return uint64(max(k.baseNs+int64(min(deadline.Sub(k.base), farDeadline)), 1))
}

// farDeadline keeps the sum with any clock's reading inside 63 bits: 146 years.
const farDeadline = time.Duration(1 << 62)

// now returns the time since the session began.
func (k *clock) now() time.Duration { return time.Since(k.base) }
