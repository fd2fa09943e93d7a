package outrigger

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// hybridMax is the longest spin of WaitHybrid. When both sides sleep, a round
	// trip costs two wake-ups, some 80 microseconds on a virtual machine; the bound
	// must lie above that, see HYBRID_MAX in ringbuf/src/spin.rs.
	hybridMax = 200 * time.Microsecond
	// spinMax is the longest spin of WaitSpin.
	spinMax = 20 * time.Millisecond
	// budgetStart is the shortest spin that is worth beginning.
	budgetStart = 10 * time.Microsecond
	// idle is a wait so long that it says nothing about spinning.
	idle = 4 * hybridMax
	// trustMax is how many wins are remembered, trustLoss what a lost spin costs
	// of them: one stall of the machine among hundreds of quick replies says
	// nothing.
	trustMax, trustLoss = 16, 4
	// pauseMin and pauseMax are the sleeps without a spin after spins were lost.
	pauseMin, pauseMax = 32, 1024
)

// budget is how long a caller spins before it sleeps. It is the twin of Budget
// in ringbuf/src/spin.rs, where the reasons are: a wait that ended in sleep, but
// soon, doubles it; a full spin that was lost ends spinning for pauseMin sleeps,
// for twice as many when that happens again; a spin that is won ends the
// penalty.
//
// Callers change it at the same time, without a lock: a note that is lost costs
// a spin or a sleep, never a call.
type budget struct {
	// max is the longest spin, 0 for none; fixed says that it never adapts.
	max   time.Duration
	fixed bool

	limitNs   atomic.Int64
	trust     atomic.Int32
	pause     atomic.Int32 // sleeps left before the budget may grow again
	nextPause atomic.Int32 // length of the next pause
	// alone says that a spinner would keep the processor from whom it waits for.
	alone atomic.Bool
}

func (b *budget) init(policy WaitPolicy) {
	switch policy {
	case WaitHybrid:
		b.max = hybridMax
	case WaitSpin:
		b.max, b.fixed = spinMax, true
	case WaitBlock:
		b.max, b.fixed = 0, true
	}
	b.limitNs.Store(int64(b.max))
	b.nextPause.Store(pauseMin)
	b.countProcessors()
}

// countProcessors looks again how many there are. It takes a lock of the
// runtime, so it is asked only by those who wait long anyway.
func (b *budget) countProcessors() {
	b.alone.Store(runtime.NumCPU() == 1 || runtime.GOMAXPROCS(0) == 1)
}

// allowance returns how long the caller may spin now.
func (b *budget) allowance() time.Duration {
	if b.alone.Load() {
		return 0
	}
	return time.Duration(b.limitNs.Load())
}

// won notes that a spin ended with the answer.
func (b *budget) won() {
	if b.fixed {
		return
	}
	if b.trust.Load() < trustMax {
		b.trust.Add(1)
	}
	if b.nextPause.Load() != pauseMin {
		b.nextPause.Store(pauseMin)
	}
}

// slept notes a wait that ended in sleep; the time spent spinning is part of it.
func (b *budget) slept(waited time.Duration) {
	if b.fixed {
		return
	}
	limit := time.Duration(b.limitNs.Load())
	switch {
	case b.pause.Load() > 0:
		b.pause.Add(-1)
	case waited <= b.max:
		b.limitNs.Store(int64(min(max(2*limit, budgetStart), b.max)))
	case b.trust.Load() > 0:
		b.trust.Add(-trustLoss)
	case limit > 0:
		b.limitNs.Store(0)
		if waited <= idle {
			pause := b.nextPause.Load()
			b.pause.Store(pause)
			b.nextPause.Store(min(2*pause, pauseMax))
		}
	}
}
