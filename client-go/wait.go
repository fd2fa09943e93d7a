package outrigger

import (
	"sync/atomic"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// How a caller waits for its answer: it spins for its budget, reading replies
// for everybody, and then parks on its own channel.
//
// No caller is left parked beside a disarmed ring. Call a session covered if
// one of these holds: every ring is armed and was empty after that; or the
// server has rung, or will; or somebody is about to call armAll. Claim: while
// anybody watches (parks, waits for a credit, or has abandoned a call), the
// session is covered.
//
//   - Who begins to watch counts itself in watchers and then calls armAll, so it
//     leaves the session covered, whatever it was before.
//   - An armed ring is disarmed by nothing but the publication of the armed
//     position, after which the server rings. The reader goroutine wakes and
//     calls armAll, unless it finds nobody watching, or a spinner of this
//     session. The first is fine: the next to watch arms. In the second case the
//     reader has seen watchers > 0 before it saw the spinner; the spinner clears
//     its mark later than that and then looks at watchers, so it sees them too
//     and calls armAll.
//   - armAll returns only after a round in which all rings were found empty
//     after being armed; it never leaves early.
//
// All of these words are sequentially consistent atomics, but for the mark of a
// spinner that read its own answer: stopReading clears it by a plain store, and
// gives the token away, which is a locked operation, before it looks at watchers.
// A spinner that is descheduled delays the others by as long; belt.go bounds that.

// spinner is the serial number of the session whose caller spins, 0 for none:
// at most one goroutine of the process spins, the others would only take its
// processors and cache lines away.
var spinner atomic.Uint64

const (
	// looksPerRound is the looks between two checks of clock and context, about
	// 1 to 3 microseconds.
	looksPerRound = 64
)

// verdict is how a wait ended.
type verdict uint8

const (
	// undecided: the spin's budget is used up.
	undecided verdict = iota
	// answered: the record is settled.
	answered
	// readIt: the same, and it was the caller who read the answer. It still spins
	// and holds the token; it owes stopReading.
	readIt
	// gaveUp: the context is done, and the record still awaits its answer.
	gaveUp
	// stopped: the stop channel was closed, and the record still awaits its answer.
	stopped
)

// wait returns when the record is settled, done or stop is closed. The answer
// will appear on the given ring. A nil channel never ends the wait.
func (c *Conn) wait(r *record, answers *ring.Consumer, done, stop <-chan struct{}) verdict {
	v := c.waitReading(r, answers, done, stop)
	if v == readIt {
		c.stopReading()
		return answered
	}
	return v
}

// stopReading ends what the verdict readIt left open.
func (c *Conn) stopReading() {
	ring.StoreRelease64(&spinner, 0)
	c.token.Unlock() // a read-modify-write operation: the mark is gone before the look
	if c.watchers.Load() > 0 {
		c.armAll()
	}
}

// stopReadingAndRelease is stopReading and release: one locked operation stands
// between all that is given up and the looks at who waits for it.
func (c *Conn) stopReadingAndRelease(r *record) {
	r.releaseInPassing()
	c.stopReading()
	c.offer()
}

// finishCall releases a record whose answer was taken, and ends the reading if it
// goes on.
func (c *Conn) finishCall(r *record, reading bool) {
	if reading {
		c.stopReadingAndRelease(r)
	} else {
		c.release(r)
	}
}

// waitReading is wait, but for the verdict readIt.
func (c *Conn) waitReading(
	r *record, answers *ring.Consumer, done, stop <-chan struct{},
) verdict {
	adapt := true
	var began time.Duration // 0: now, when it parks
	if allowance := c.budget.allowance(); allowance > 0 {
		if spinner.CompareAndSwap(0, c.serial) {
			var v verdict
			if v, began = c.spin(r, answers, allowance, done, stop); v == readIt {
				return v
			}
			spinner.Store(0)
			if c.watchers.Load() > 0 {
				c.armAll()
			}
			if v != undecided {
				return v
			}
			c.counters.spinsLost.Add(1)
		} else {
			adapt = false // it sleeps because another spins: no news about the server
		}
	}
	return c.park(r, began, adapt, done, stop)
}

// spin looks at the ring without the token, and takes it only when something is
// there, to read everything for everybody. It returns when it began, too, unless
// that was never asked for.
func (c *Conn) spin(
	r *record, answers *ring.Consumer, allowance time.Duration, done, stop <-chan struct{},
) (v verdict, began time.Duration) {
	// at is where the ring stood when this goroutine last held the token; others
	// may have read on since, and then Ready says so.
	at, known := uint64(0), false
	for round := 0; ; round++ {
		for range looksPerRound {
			if (!known || answers.Ready(at)) && c.token.TryLock() {
				c.drain(r)
				if r.settled() {
					c.budget.won()
					return readIt, began
				}
				at, known = answers.Position(), true
				c.token.Unlock()
			}
			if r.settled() {
				c.budget.won()
				return answered, began
			}
			ring.Pause()
		}
		if v := c.look(r, done, stop); v != undecided {
			return v, began
		}
		// An answer that takes longer than a round may come from a thread that wants
		// this very processor. (Two processors, both spun on, and a handler on the
		// worker pool: 4 KiB went from 67 to 14 microseconds.)
		shm.Yield()
		// The first round is over before the clock is read at all.
		now := c.clock.now()
		if round == 0 {
			began = now
			c.budget.countProcessors()
		} else if now-began > allowance {
			return undecided, began
		}
		if c.budget.alone.Load() {
			return undecided, began
		}
	}
}

// look asks the channels without waiting. An answer that is there counts first.
func (c *Conn) look(r *record, done, stop <-chan struct{}) verdict {
	v := undecided
	select {
	case <-done:
		v = gaveUp
	default:
	}
	select {
	case <-stop:
		v = stopped
	default:
	}
	if r.settled() {
		return answered
	}
	return v
}

// park sleeps until somebody settles the record. The wait began then, 0 for now.
func (c *Conn) park(
	r *record, began time.Duration, adapt bool, done, stop <-chan struct{},
) verdict {
	if began == 0 {
		began = c.clock.now()
	}
	c.budget.countProcessors()
	c.watch()
	defer c.unwatch()
	c.armAll()
	if !r.park() {
		return answered
	}
	c.counters.sleeps.Add(1)
	v := answered
	select {
	case <-r.signal:
		if adapt {
			c.budget.slept(c.clock.now() - began)
		}
		return answered
	case <-done:
		v = gaveUp
	case <-stop:
		v = stopped
	}
	if r.unpark() {
		return v
	}
	<-r.signal // settled meanwhile; the signal follows without a wait between
	return answered
}

// watch counts the caller among those for whom the rings must be armed.
func (c *Conn) watch() {
	c.watchers.Add(1)
	belt.enlist(c)
}

func (c *Conn) unwatch() { c.watchers.Add(-1) }
