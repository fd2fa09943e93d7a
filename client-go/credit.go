package outrigger

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

// Credits are the records that are free. Each lane has a table of its own, one
// word per record; a caller that finds none set waits in line, never spinning.
//
//	free word   1 to 0 by the caller that takes the record
//	            0 to 1 by its owner, or by the token holder for an abandoned one
//
// There is one writer at a time but for those who compete for a free record. So a
// release is a plain store, where a bit among others would take a locked one.

// waitingRoom is where callers wait for a credit.
//
// A caller counts itself in waiters and then looks for a credit; a giver sets
// the word and then looks at waiters. One of them sees the other. The channel
// has room for a token per credit, so one that does not fit is not needed.
type waitingRoom struct {
	waiters atomic.Int32
	tokens  chan struct{}
}

// take returns a free record of the lane, or nil. The lowest one is taken
// first: a caller by itself uses the same, warm record again and again.
func (l *lane) take() *record {
	for i := range l.free {
		if l.free[i].Load() != 0 && l.free[i].CompareAndSwap(1, 0) {
			return &l.records[i]
		}
	}
	return nil
}

// fill sets the words of all records.
func (l *lane) fill() {
	l.free = make([]atomic.Uint32, len(l.records))
	for i := range l.free {
		l.free[i].Store(1)
	}
}

// freeCount counts the words that are set.
func (l *lane) freeCount() (count int) {
	for i := range l.free {
		count += int(l.free[i].Load())
	}
	return count
}

// acquire takes a record, of any lane, and gives its call a correlation. It
// waits for one if all are in flight: that is the back-pressure of a session. A parcel,
// unless it is nil, is put down if that takes long: those who have the credits may be
// waiting for its buffers.
//
// Errors: the context's, or why the session takes no calls.
func (c *Conn) acquire(ctx context.Context, p *parcel) (*record, error) {
	r := c.takeAny()
	if r == nil {
		var err error
		if r, err = c.queue(ctx, p); err != nil {
			return nil, err
		}
	}
	r.begin(uint64(r.lane.index)*uint64(c.credits)+uint64(r.place), c.indexBits)
	return r, nil
}

// seat acquires a record for a call of a method, and binds the method if it is new
// to the session. Nobody holds a credit while he waits for that. For the parcel see
// acquire.
//
// Errors: those of acquire and bind.
func (c *Conn) seat(ctx context.Context, key methodKey, p *parcel) (*record, error) {
	r, err := c.acquire(ctx, p)
	if err != nil {
		return nil, err
	}
	if r.last != nil && r.last.methodKey == key {
		return r, nil
	}
	m := (*c.methods.known.Load())[key]
	if m == nil {
		c.release(r)
		if m, err = c.bind(ctx, key); err != nil {
			return nil, err
		}
		if r, err = c.acquire(ctx, p); err != nil {
			return nil, err
		}
	}
	r.last = m
	return r, nil
}

// takeAny looks at all lanes, beginning anywhere so that callers spread.
func (c *Conn) takeAny() *record {
	if len(c.lanes) == 1 {
		return c.lanes[0].take()
	}
	first := rand.IntN(len(c.lanes))
	for i := range c.lanes {
		if r := c.lanes[(first+i)%len(c.lanes)].take(); r != nil {
			return r
		}
	}
	return nil
}

// queue waits until a record is free. While it waits it counts as a watcher:
// if all calls in flight are abandoned, nobody else waits for their replies.
func (c *Conn) queue(ctx context.Context, p *parcel) (*record, error) {
	var impatient <-chan time.Time
	if p != nil {
		timer := time.NewTimer(grantPatience)
		defer timer.Stop()
		impatient = timer.C
	}
	c.room.waiters.Add(1)
	defer c.room.waiters.Add(-1)
	c.watch()
	defer c.unwatch()
	c.armAll()
	c.counters.creditWaits.Add(1)
	for {
		if r := c.takeAny(); r != nil {
			return r, nil
		}
		select {
		case <-c.room.tokens:
		case <-impatient:
			p.putDown()
		case <-ctx.Done():
			return nil, expired(ctx.Err())
		case <-c.leaving:
			return nil, c.refusal()
		}
	}
}

// release gives a settled record back.
//
// Preconditions: the caller owns it, or holds the token and it was abandoned.
func (c *Conn) release(r *record) {
	r.lane.free[r.place].Store(1)
	c.offer()
}

// releaseInPassing is release by a store that later loads may overtake. Before
// offer, which the caller owes, a read-modify-write operation must follow.
func (r *record) releaseInPassing() { ring.StoreRelease32(&r.lane.free[r.place], 1) }

// offer tells those who wait for a record that one was given back.
func (c *Conn) offer() {
	if c.room.waiters.Load() > 0 {
		select {
		case c.room.tokens <- struct{}{}:
		default:
		}
	}
	// The end of the session waits for all records, see Conn.finish.
	if c.cause.Load() != nil {
		select {
		case c.returned <- struct{}{}:
		default:
		}
	}
}
