package outrigger

import (
	"sync"
	"sync/atomic"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

// returns is the way of buffers back to the server, and of the wish for one.
//
//	ALLOC, RETURN ─▶ ║ return ring ║ ─▶ server
//	       └── the ring is full ─▶ late ──┘ later
//
// Its capacity is enough for what calls return. But a program may have as many
// buffers as the server's memory allows, and release them all at once while the
// server is kept from its processor. Nobody waits for room in a ring, so what does
// not fit is kept here. It is published before the next message, by whoever is about
// to sleep, and by the belt while anybody sleeps: before anyone who needs it is
// stuck for longer than a look of the belt.
type returns struct {
	mu   sync.Mutex
	ring *ring.Producer
	// late are the messages that did not fit, oldest first; lateCount says how many
	// those are to who has not mu.
	late      []ownership
	lateCount atomic.Int64
}

// ownership is a message of the return ring.
type ownership struct {
	header  abi.SlotHeader
	length  int
	payload [abi.BufferRefSize]byte
}

// lateMax is the most messages that are kept: more than the buffers that a server
// grants and lends; one that goes on granting and never reads is not waited for.
const lateMax = 1 << 16

// push publishes a message, or keeps it. The caller holds mu.
//
// Errors: those of ring.Producer.Stage, FullError only if too many are late.
func (s *returns) push(header *abi.SlotHeader, payload []byte) (ringBell bool, err error) {
	if len(s.late) == 0 {
		err := s.ring.Stage(header, payload)
		if _, full := err.(*ring.FullError); !full {
			return s.ring.Publish(), err
		}
	}
	if len(s.late) == lateMax {
		return false, &ring.FullError{Capacity: lateMax}
	}
	message := ownership{header: *header}
	message.length = copy(message.payload[:], payload)
	s.late = append(s.late, message)
	return s.catchUp()
}

// catchUp publishes what is late, as far as there is room. The caller holds mu.
//
// Errors: those of ring.Producer.Stage but FullError.
func (s *returns) catchUp() (ringBell bool, err error) {
	sent := 0
	for ; sent < len(s.late); sent++ {
		message := &s.late[sent]
		err = s.ring.Stage(&message.header, message.payload[:message.length])
		if err != nil {
			break
		}
	}
	if _, full := err.(*ring.FullError); full {
		err = nil
	}
	s.late = append(s.late[:0], s.late[sent:]...)
	s.lateCount.Store(int64(len(s.late)))
	return s.ring.Publish(), err
}

// giveBack returns a granted or lent buffer.
//
// Preconditions: the caller holds the token, or owns the record that had the buffer
// as its answer. A record that was taken later may be of a session that is gone.
func (c *Conn) giveBack(correlation uint64, ref *abi.BufferRef) {
	var payload [abi.BufferRefSize]byte
	ref.Encode(payload[:])
	header := abi.SlotHeader{Kind: abi.KindReturn, Correlation: correlation}
	c.counters.held.Add(-1)
	_ = c.publishReturn(&header, payload[:]) // a failure has ended the session
}

// giveBackAll returns all buffers of an answer.
//
// Preconditions: those of giveBack.
func (c *Conn) giveBackAll(correlation uint64, a *answer) {
	if a.extent != nil {
		c.giveBack(correlation, &a.ref)
	}
	for i := range a.attachedCount {
		if a.attached[i].extent != nil {
			c.giveBack(correlation, &a.attached[i].ref)
		}
	}
}

// detach returns the attachments of a reply that nobody has taken.
//
// Preconditions: the caller owns the record, whose answer is a reply.
func (c *Conn) detach(r *record) {
	a := &r.answer
	for i := range a.attachedCount {
		if a.attached[i].extent != nil {
			c.giveBack(r.correlation, &a.attached[i].ref)
		}
	}
	a.attachedCount = 0
}

// surrender is giveBack for everybody else: the session may have ended.
func (c *Conn) surrender(ref *abi.BufferRef) {
	c.token.Lock()
	defer c.token.Unlock()
	if c.sealed {
		c.counters.held.Add(-1)
		return
	}
	c.giveBack(0, ref)
}

// publishReturn publishes one message in the return ring.
//
// Errors: a violation. Preconditions: those of giveBack.
func (c *Conn) publishReturn(header *abi.SlotHeader, payload []byte) error {
	c.returns.mu.Lock()
	ringBell, err := c.returns.push(header, payload)
	c.returns.mu.Unlock()
	return c.afterReturns(ringBell, err)
}

// publishLate publishes what did not fit in the return ring before.
//
// Preconditions: the caller holds the token.
func (c *Conn) publishLate() {
	if c.returns.lateCount.Load() == 0 || c.sealed {
		return
	}
	c.returns.mu.Lock()
	ringBell, err := c.returns.catchUp()
	c.returns.mu.Unlock()
	_ = c.afterReturns(ringBell, err) // a failure has ended the session
}

// afterReturns does what follows a publication, without the lock.
func (c *Conn) afterReturns(ringBell bool, err error) error {
	if err != nil {
		return c.defect(err)
	}
	if ringBell {
		c.ringServer()
	}
	return nil
}
