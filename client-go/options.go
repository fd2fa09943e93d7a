package outrigger

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// WaitPolicy says how a caller waits for its reply.
type WaitPolicy uint8

const (
	// WaitHybrid spins for up to 200 microseconds, less where that has not paid
	// lately, and then sleeps. It is the default.
	WaitHybrid WaitPolicy = iota
	// WaitSpin spins for up to 20 milliseconds before it sleeps: the lowest
	// latency, for one processor kept busy during calls.
	WaitSpin
	// WaitBlock sleeps at once: the least processor time per call.
	WaitBlock
)

// Option changes what Dial and Spawn do.
type Option func(*options)

type options struct {
	wait  WaitPolicy
	lanes int
	log   *slog.Logger
	// leakCheck and guard are for finding mistakes with buffers.
	leakCheck, guard bool
	// patience is stopPatience, unless a test has less.
	patience time.Duration
}

// WithWait sets how callers wait; see the WaitPolicy values. On a single
// processor, or with GOMAXPROCS=1, nobody spins under any policy.
func WithWait(policy WaitPolicy) Option { return func(o *options) { o.wait = policy } }

// WithLanes asks for a number of lanes, 1 to 16; 0 leaves it to the server,
// which may grant fewer. Calls on one lane share a lock of some 50 nanoseconds;
// calls on different lanes are not ordered among each other.
func WithLanes(count int) Option { return func(o *options) { o.lanes = count } }

// WithLogger sets where the session reports its begin, its end and defects; of
// Spawn also what the sidecar writes, line by line. The default is silence.
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// WithLeakCheck notes where each Buffer and each large reply was had, about a
// microsecond each, so that the report of a forgotten one names the place.
func WithLeakCheck() Option { return func(o *options) { o.leakCheck = true } }

// WithGuard makes the bytes of each Buffer and each large reply inaccessible once
// it is released or sent: who kept a slice of them faults at its next use, which ends
// the process. Once a later value is in the same memory, the slice reads that instead.
// It is for tests; each buffer costs two system calls.
func WithGuard() Option { return func(o *options) { o.guard = true } }

func newOptions(list []Option) (*options, error) {
	o := &options{patience: stopPatience}
	for _, option := range list {
		option(o)
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.lanes < 0 || o.lanes > abi.LimitLanesMax {
		return nil, failure(CodeInvalidArgument,
			fmt.Sprintf("%d lanes (allowed: 0 to %d)", o.lanes, abi.LimitLanesMax))
	}
	if o.wait > WaitBlock {
		return nil, failure(CodeInvalidArgument,
			fmt.Sprintf("wait policy %d (allowed: 0 to %d)", o.wait, WaitBlock))
	}
	return o, nil
}
