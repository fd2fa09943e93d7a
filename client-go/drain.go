package outrigger

import (
	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// Reading what the server has published, for everybody. Every function here but
// armAll and readBell wants the session's token.

// drain reads all rings until they are empty. mine is the record of the caller
// if it reads while it waits for an answer of its own, else nil; then reading
// of replies ends with that answer. What lies behind it is read by those who watch,
// or by the next who spins. The grant ring is always read: for what the server
// grants unasked, or recalls, nobody waits.
func (c *Conn) drain(mine *record) {
	if c.sealed {
		return
	}
	for _, l := range c.lanes {
		if err := c.drainReplies(l, mine); err != nil {
			c.seal(err)
			return
		}
		if mine != nil && mine.settled() {
			break
		}
	}
	if !c.grants.Ready(c.grants.Position()) {
		return
	}
	if err := c.drainGrants(mine); err != nil {
		c.seal(err)
	}
}

// drainReplies reads one reply ring, one lap of it at most.
func (c *Conn) drainReplies(l *lane, mine *record) error {
	var h abi.SlotHeader
	for range l.replies.Capacity() {
		found, err := l.replies.Peek(&h)
		if err != nil || !found {
			return err
		}
		switch h.Kind {
		case abi.KindReply:
			err = c.takeReply(l, &h, mine)
		case abi.KindProgress:
			err = c.takeProgress(l, &h)
		default:
			err = violation("kind %d in a reply ring (allowed: %d or %d)",
				h.Kind, abi.KindReply, abi.KindProgress)
		}
		if err != nil {
			return err
		}
		l.replies.Release()
		if mine != nil && mine.settled() {
			return nil
		}
	}
	return nil
}

// takeReply brings a reply to the record that awaits it.
func (c *Conn) takeReply(l *lane, h *abi.SlotHeader, mine *record) error {
	r, generation := c.find(h.Correlation, awaitsReply)
	if r == nil || r.lane != l {
		return violation("reply to correlation %#x, which is not in flight", h.Correlation)
	}
	if !l.requests.Reached(h.Deadline) {
		return violation("request position %d in a reply, which nothing was published before",
			h.Deadline)
	}
	if err := r.answer.read(l.replies, h, &c.extents); err != nil {
		return err
	}
	// From here on the answer is somebody's, who gives its buffer back.
	if h.Flags&abi.FlagBuffers != 0 {
		c.counters.held.Add(r.answer.buffers())
	}
	if r.answer.extent == nil {
		c.copied += uint64(r.answer.to - r.answer.from)
	}
	l.replied = max(l.replied, h.Deadline)
	if r == mine {
		r.settleOwn()
		c.replies++
		return nil
	}
	if r.settle(generation) {
		c.replies++
		return nil
	}
	c.counters.lateReplies.Add(1)
	c.giveBackAll(h.Correlation, &r.answer)
	c.bury(r)
	return nil
}

// takeProgress accepts that a call still runs; nobody is told in this version.
func (c *Conn) takeProgress(l *lane, h *abi.SlotHeader) error {
	if r, _ := c.find(h.Correlation, awaitsReply); r == nil || r.lane != l {
		return violation("progress of correlation %#x, which is not in flight", h.Correlation)
	}
	if abi.Code(h.Code) != abi.CodeStaleWarn {
		return violation("progress with code %d (allowed: %d)", h.Code, abi.CodeStaleWarn)
	}
	return checkReply(h, l.replies.PayloadMax())
}

// find returns the record that awaits an answer of this correlation, or nil.
// The correlation is the server's word and may be anything.
func (c *Conn) find(correlation, what uint64) (r *record, generation uint64) {
	index := correlation&(1<<c.indexBits-1) - 1
	if index >= uint64(len(c.records)) {
		return nil, 0
	}
	r, generation = &c.records[index], correlation>>c.indexBits
	if !r.awaits(generation, what) {
		return nil, 0
	}
	return r, generation
}

// bury frees a record whose owner abandoned it and whose answer was read.
func (c *Conn) bury(r *record) {
	if !r.move(stateAbandoned, stateSettled) {
		return // its owner withdrew the message, and frees it
	}
	c.abandoned.Add(-1)
	c.unwatch()
	c.release(r)
}

// seal ends the reading: the server broke the protocol, and no ring of it is
// looked at again. The control goroutine does the rest.
func (c *Conn) seal(err error) {
	c.sealed = true
	_ = c.defect(err)
}

// arm arms all rings and reports whether all are empty. A sealed session counts
// as armed: its end wakes everybody.
func (c *Conn) arm() (quiet bool) {
	if c.sealed {
		return true
	}
	quiet = true
	for _, l := range c.lanes {
		ready, err := l.replies.Arm()
		if err != nil {
			c.seal(err)
			return true
		}
		quiet = quiet && !ready
	}
	ready, err := c.grants.Arm()
	if err != nil {
		c.seal(err)
		return true
	}
	return quiet && !ready
}

// armAll reads and arms until nothing is left to read: from then on the server
// rings for the next message of any ring. It gives the token away between
// rounds; each reads a message at least, of which credits bound the number.
func (c *Conn) armAll() {
	for quiet := false; !quiet; {
		c.token.Lock()
		c.drain(nil)
		c.publishLate()
		quiet = c.arm()
		c.token.Unlock()
	}
}

// readBell is the reader goroutine: it sleeps until the server rings, and reads
// for those who sleep. Who spins reads for himself, and arms when he leaves.
func (c *Conn) readBell() {
	defer close(c.readerDone)
	var waste [abi.LimitPage]byte
	for {
		if _, err := c.clientBell.Read(waste[:]); err != nil {
			c.expectHangup()
			return
		}
		c.counters.wakes.Add(1)
		if c.watchers.Load() > 0 && spinner.Load() != c.serial {
			c.armAll()
			continue
		}
		c.token.Lock()
		c.drain(nil)
		c.token.Unlock()
	}
}
