package outrigger

import (
	"sync"
	"sync/atomic"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

// A lane is a pair of rings, requests one way and replies the other, with the
// records of the calls that may be in flight on it.
//
//	field             written by
//	requests, calls…  the holder of mu; where they stand, anybody may ask
//	replies, replied  the holder of the session's token
//	free              anybody, atomically
type lane struct {
	index uint16
	// records and free are the lane's credits, see credit.go.
	records []record
	free    []atomic.Uint32

	_        [abi.LimitLine]byte
	mu       sync.Mutex
	requests *ring.Producer
	// leaving says that GOAWAY was answered: no CALL may follow.
	leaving bool
	calls   uint64
	// copied counts the bytes of values in slots.
	copied uint64

	_       [abi.LimitLine]byte
	replies *ring.Consumer
	// replied is the position up to which the server has read requests, as the
	// replies say.
	replied uint64
	_       [abi.LimitLine]byte
}

// publish opens the record for the reply, publishes its CALL, and rings the
// server's doorbell if it sleeps.
//
// Errors: why the session takes no calls; nothing was published then, and the
// record is settled.
func (c *Conn) publish(r *record, header *abi.SlotHeader, value []byte) error {
	// The end of a session first says so and then settles all open records. Here
	// the record is opened first; so one of both sees the other.
	r.awaitInPassing(awaitsReply)
	l := r.lane
	l.mu.Lock() // a read-modify-write operation: the record is open before the look
	if err := c.refusal(); err != nil || l.leaving {
		l.mu.Unlock()
		r.withdraw()
		return c.refusal()
	}
	ringBell, err := c.push(l, header, value)
	l.calls++
	if header.Flags&abi.FlagBuffers == 0 {
		l.copied += uint64(len(value))
	}
	l.mu.Unlock()
	if err != nil {
		r.withdraw()
		return c.defect(err)
	}
	if ringBell {
		c.ringServer()
	}
	return nil
}

// cancel tells the server that nobody waits for the record's call any more. It
// goes on after GOAWAY, and at most once per call.
//
// It must be published while the record is still in use. Then each credit has
// at most three requests that the server is not known to have read: a cancel of
// the call before, the call, and its cancel; and so the ring is never full.
func (c *Conn) cancel(r *record) {
	header := abi.SlotHeader{Kind: abi.KindCancel, Correlation: r.correlation}
	l := r.lane
	l.mu.Lock()
	ringBell, err := c.push(l, &header, nil)
	l.mu.Unlock()
	if err != nil {
		_ = c.defect(err)
	} else if ringBell {
		c.ringServer()
	}
}

// push stages and publishes one request. The caller holds the lane's mu.
//
// What the server has read it says in its lazily published position, and in each
// reply. The latter is asked for only when the former shows no room, since it
// takes the token. (Nobody waits for a lane's mu while holding the token.)
func (c *Conn) push(l *lane, header *abi.SlotHeader, value []byte) (ringBell bool, err error) {
	err = l.requests.Stage(header, value)
	if _, full := err.(*ring.FullError); full {
		c.token.Lock()
		replied := l.replied
		c.token.Unlock()
		if err = l.requests.Learn(replied); err == nil {
			err = l.requests.Stage(header, value)
		}
	}
	if err != nil {
		return false, err
	}
	return l.requests.Publish(), nil
}

// leave stops new calls and returns the position behind the last request.
func (l *lane) leave() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving = true
	return l.requests.Position()
}

// position returns the position behind the last request.
func (l *lane) position() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests.Position()
}

// ringServer wakes the server.
//
// Preconditions: the caller owns a record or holds the token.
func (c *Conn) ringServer() {
	c.counters.bells.Add(1)
	c.serverBell.Ring()
}
