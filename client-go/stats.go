package outrigger

import "sync/atomic"

// Stats is a snapshot of a session's counters: what there is now (InFlight,
// AbandonedInFlight, BuffersHeld, BuffersStocked, BuffersQuarantined), else all since
// Dial or Spawn. They are read one after the other, so that sums may be off by the
// calls in between.
type Stats struct {
	// Calls is the calls that were sent.
	Calls uint64
	// Replies is those whose reply reached a caller that waited.
	Replies uint64
	// LateReplies is those whose caller had given up before.
	LateReplies uint64
	// AbandonedInFlight is the calls given up whose reply is still to come.
	AbandonedInFlight uint64
	// InFlight is the credits in use: calls, abandoned ones among them.
	InFlight uint64
	// CreditWaits is how often a caller waited because all credits were in use.
	CreditWaits uint64
	// SpinsLost is how often a caller spun in vain; Sleeps is how often one slept.
	SpinsLost, Sleeps uint64
	// Bells is how often the server's doorbell was rung, Wakes how often ours.
	Bells, Wakes uint64
	// BuffersHeld is the buffers that this side has right now: granted for a large
	// payload, or lent with a large reply. Quarantined ones are not among them.
	BuffersHeld uint64
	// BuffersStocked is the buffers that the server has granted ahead of need.
	// BuffersQuarantined is those that were forgotten after their bytes had been
	// handed out; they are out of use until the session ends.
	BuffersStocked, BuffersQuarantined uint64
	// BuffersReclaimed is how many were forgotten and given back, as their bytes had
	// never been handed out.
	BuffersReclaimed uint64
	// Allocs is how often the server was asked for a buffer, a round trip each.
	Allocs uint64
	// CopiedIn is the bytes of values that were copied into shared memory, CopiedOut
	// those copied out of it. What is written or read in place is not among them.
	CopiedIn, CopiedOut uint64
	// BeltDefects is how often the second look that is taken once a second found
	// a reply that nobody had been woken for. It should be 0.
	BeltDefects uint64
}

// counters are those that are counted off the usual way of a call.
type counters struct {
	lateReplies, creditWaits atomic.Uint64
	spinsLost, sleeps        atomic.Uint64
	bells, wakes, defects    atomic.Uint64
	held                     atomic.Int64
	reclaimed, allocs        atomic.Uint64
	copiedIn, copiedOut      atomic.Uint64 // of buffers; those of slots are counted under locks
}

// Stats returns the session's counters. It works after Close too.
func (c *Conn) Stats() Stats {
	s := Stats{
		LateReplies:       c.counters.lateReplies.Load(),
		AbandonedInFlight: uint64(max(c.abandoned.Load(), 0)),
		InFlight:          uint64(max(c.taken(), 0)),
		CreditWaits:       c.counters.creditWaits.Load(),
		SpinsLost:         c.counters.spinsLost.Load(),
		Sleeps:            c.counters.sleeps.Load(),
		Bells:             c.counters.bells.Load(),
		Wakes:             c.counters.wakes.Load(),
		BuffersHeld:       uint64(max(c.counters.held.Load(), 0)),
		BuffersStocked:    uint64(c.stock.size()),
		BuffersReclaimed:  c.counters.reclaimed.Load(),
		Allocs:            c.counters.allocs.Load(),
		CopiedIn:          c.counters.copiedIn.Load(),
		CopiedOut:         c.counters.copiedOut.Load(),
		BeltDefects:       c.counters.defects.Load(),
	}
	for _, l := range c.lanes {
		l.mu.Lock()
		s.Calls += l.calls
		s.CopiedIn += l.copied
		l.mu.Unlock()
	}
	c.token.Lock()
	defer c.token.Unlock()
	s.Replies = c.replies
	s.CopiedOut += c.copied
	s.BuffersQuarantined = uint64(len(c.quarantined))
	return s
}
