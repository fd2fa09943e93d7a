package outrigger

import (
	"sync"
	"sync/atomic"
	"time"
)

// The belt beside the braces: a timer of the process that looks at the rings of
// sessions with sleepers twice a second. By the argument in wait.go it never
// finds anything; a descheduled spinner, a server killed between publishing and
// ringing, or a defect of either side would be found here, and is counted.

// beltPeriod is the time between two looks.
const beltPeriod = 500 * time.Millisecond

// beltTimer is the process's timer. It runs only while sessions are enlisted.
type beltTimer struct {
	mu       sync.Mutex
	sessions map[*Conn]struct{}
	timer    *time.Timer
}

var belt = beltTimer{sessions: map[*Conn]struct{}{}}

// beltState is what a session remembers between two looks; but for enlisted it
// is the timer's own.
type beltState struct {
	enlisted atomic.Bool
	// unread is, for each ring from the server, the position that was published
	// and not read at the last look, plus 1; 0 if there was none.
	unread []uint64
	// tails is, for each ring to the server, the tail at the last look.
	tails []uint64
}

// enlist has the belt look at a session until it has no watchers any more.
//
// Preconditions: the caller has counted itself in watchers. The belt clears the
// mark first and looks at watchers then; so a watcher that finds the mark set
// is seen, and one that finds it cleared sets it again.
func (b *beltTimer) enlist(c *Conn) {
	if c.beltState.enlisted.Load() || !c.beltState.enlisted.CompareAndSwap(false, true) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sessions[c] = struct{}{}
	if b.timer == nil {
		b.timer = time.AfterFunc(beltPeriod, b.tick)
	}
}

// tick looks at every enlisted session and goes on while there are any.
func (b *beltTimer) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.sessions {
		c.beltState.enlisted.Store(false)
		if c.watchers.Load() == 0 || !c.beltState.enlisted.CompareAndSwap(false, true) {
			// Nobody watches, or a newcomer is about to enlist the session anew.
			delete(b.sessions, c)
			c.beltState.unread, c.beltState.tails = nil, nil
			continue
		}
		c.beltLook()
	}
	b.timer = nil
	if len(b.sessions) > 0 {
		b.timer = time.AfterFunc(beltPeriod, b.tick)
	}
}

// beltLook compares the rings with the last look.
func (c *Conn) beltLook() {
	tails := c.tails() // takes the rings' locks, so before the token
	if c.overlooked(tails) {
		c.counters.defects.Add(1)
		c.log.Warn("outrigger: replies lay unread", "epoch", c.epoch)
		c.armAll()
	}
}

// overlooked reports whether a reply lay unread since the last look, and rings
// the server if a request did. It publishes what is late.
func (c *Conn) overlooked(tails []uint64) bool {
	c.token.Lock()
	defer c.token.Unlock()
	if c.sealed {
		return false
	}
	c.publishLate()
	if c.lagging(c.beltState.tails) {
		c.ringServer()
	}
	c.beltState.tails = tails
	before := c.beltState.unread
	c.beltState.unread = c.unread()
	return anyEqual(c.beltState.unread, before)
}

// unread notes for each ring from the server what is published at its head.
func (c *Conn) unread() []uint64 {
	found := make([]uint64, len(c.lanes)+1)
	for i, l := range c.lanes {
		if position := l.replies.Position(); l.replies.Ready(position) {
			found[i] = position + 1
		}
	}
	if position := c.grants.Position(); c.grants.Ready(position) {
		found[len(c.lanes)] = position + 1
	}
	return found
}

// anyEqual reports whether a message that lay unread at the last look still does.
func anyEqual(now, before []uint64) bool {
	for i := range before {
		if before[i] != 0 && now[i] == before[i] {
			return true
		}
	}
	return false
}

// tails notes the position behind the last message of each ring to the server.
func (c *Conn) tails() []uint64 {
	tails := make([]uint64, 0, len(c.lanes)+1)
	for _, l := range c.lanes {
		tails = append(tails, l.position())
	}
	c.returns.mu.Lock()
	defer c.returns.mu.Unlock()
	return append(tails, c.returns.ring.Position())
}

// lagging reports whether the server has not read what was published before the
// last look. Its published position is lazy, so a ring too many is possible.
func (c *Conn) lagging(before []uint64) bool {
	if before == nil {
		return false
	}
	for i, l := range c.lanes {
		if max(l.replied, l.requests.ConsumerPosition()) < before[i] {
			return true
		}
	}
	return c.returns.ring.ConsumerPosition() < before[len(c.lanes)]
}
