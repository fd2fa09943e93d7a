package outrigger

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// Buffers for payloads that do not fit in a slot: the server grants one, the
// client writes it and names it in the CALL; the server lends one with a large
// reply, the client reads it and returns it.
//
//	return ring   client ─▶ server   ALLOC, RETURN     written under returns.mu
//	grant ring    server ─▶ client   GRANT, REFUSED    read under the token

// grantPatience is how long a caller waits for a grant until it has the garbage
// collector look for forgotten buffers; then twice as long, and so on.
const grantPatience, grantPatienceMax = 20 * time.Millisecond, time.Second

// grantedPayload is what a CALL carries beside the header for a value in a
// buffer: a table of one row, and the row.
const grantedPayload = abi.BufferTableSize + abi.BufferRefSize

// sendLarge asks for a buffer, fills it and publishes the call.
//
// Errors: why nothing was published; the record is not the caller's any more.
func (c *Conn) sendLarge(
	ctx context.Context, r *record, header *abi.SlotHeader,
	value []byte, message rkyv.Encodable, length int,
) error {
	if uint64(length) > c.payloadMax {
		c.release(r)
		return failure(CodeBufferTooSmall, length, c.payloadMax)
	}
	lengths, into := [1]int{length}, [1]granted{}
	if !c.fromStock(lengths[:], into[:]) {
		if err := c.borrow(ctx, r, lengths[:], into[:], nil); err != nil {
			return err
		}
	}
	ref := into[0].ref
	if err := c.fill(r, into[0].extent, &ref, value, message); err != nil {
		c.release(r)
		return err
	}
	return c.sendGranted(r, header, &ref)
}

// sendGranted publishes a call whose value is in a granted buffer.
//
// Errors: why nothing was published; neither the record nor the buffer is the
// caller's any more.
func (c *Conn) sendGranted(r *record, header *abi.SlotHeader, ref *abi.BufferRef) error {
	var payload [grantedPayload]byte
	table := abi.BufferTable{Count: 1}
	table.Encode(payload[:])
	ref.Encode(payload[abi.BufferTableSize:])
	header.Flags |= abi.FlagBuffers
	if err := c.publish(r, header, payload[:]); err != nil {
		c.surrender(ref)
		c.release(r)
		return err
	}
	c.counters.held.Add(-1) // the server's from here on
	return nil
}

// fill writes a value into the granted buffer.
//
// Errors: why it could not; the buffer is not the caller's any more, the record is.
func (c *Conn) fill(
	r *record, e *extent, ref *abi.BufferRef, value []byte, message rkyv.Encodable,
) error {
	whole := *ref
	into, err := e.pin(&whole)
	if err != nil {
		return c.lost(err)
	}
	returned := false
	defer func() {
		if !returned { // the message ended the goroutine
			e.unpin(&whole)
			c.surrender(&whole)
			c.release(r)
		}
	}()
	var written int
	var unfit error
	if message == nil {
		written = copy(into, value)
	} else {
		written, unfit = c.encode(r, into, message)
	}
	returned = true
	e.unpin(&whole)
	if full, ok := unfit.(*rkyv.FullError); ok {
		unfit = failure(CodeInvalidArgument, fmt.Sprintf("request: it grew meanwhile: %v", full))
	}
	if unfit != nil {
		c.surrender(ref)
		return unfit
	}
	ref.Length = uint64(written)
	c.counters.copiedIn.Add(uint64(written))
	return nil
}

// borrow asks the server for buffers of at least these lengths, all or none. If they do
// not come soon, the parcel is put down, unless it is nil: others may wait for its
// buffers.
//
// Errors: why there are none; the record is not the caller's any more.
func (c *Conn) borrow(
	ctx context.Context, r *record, lengths []int, into []granted, p *parcel,
) error {
	if err := c.askBuffers(r, lengths); err != nil {
		r.withdraw()
		c.release(r)
		return err
	}
	switch c.waitForGrant(ctx, r, p) {
	case gaveUp:
		return c.abandon(r, c.givenUp(ctx.Err()))
	case stopped:
		return c.abandon(r, c.refusal())
	}
	a := &r.answer
	var err error
	switch {
	case a.ended != nil:
		err = a.ended
	case a.extent == nil:
		err = c.refused(a)
	default:
		into[0] = granted{a.extent, a.ref}
		copy(into[1:], a.attached[:a.attachedCount])
		err = c.checkGrants(r, lengths, into)
	}
	if err != nil {
		c.release(r)
	}
	return err
}

// checkGrants ends the session if a granted buffer is smaller than what was asked for.
func (c *Conn) checkGrants(r *record, lengths []int, into []granted) error {
	for i, length := range lengths {
		if got := into[i].ref.Length; got < uint64(length) {
			c.giveBackAll(r.correlation, &r.answer)
			return c.defect(violation("grant of %d bytes (minimum %d)", got, length))
		}
	}
	return nil
}

// waitForGrant waits for the answer to an ALLOC. If none comes soon, buffers may have
// run out because some were forgotten; the collector finds those. For the parcel see
// borrow.
func (c *Conn) waitForGrant(ctx context.Context, r *record, p *parcel) verdict {
	for patience := grantPatience; ; patience = min(2*patience, grantPatienceMax) {
		alarmed := r.alarm(patience)
		v := stopped
		if !c.isLeaving() {
			v = c.wait(r, c.grants, ctx.Done(), alarmed)
		}
		if v != stopped || c.isLeaving() {
			r.timer.Stop()
			return v
		}
		if p != nil {
			p.putDown()
		}
		runtime.GC()
	}
}

// askBuffers opens the record for grants and publishes the ALLOC.
func (c *Conn) askBuffers(r *record, lengths []int) error {
	if len(lengths) > c.stock.max {
		return failure(CodeInvalidArgument,
			fmt.Sprintf("%d buffers at once (maximum %d)", len(lengths), c.stock.max))
	}
	r.wanted = len(lengths)
	r.answer.extent, r.answer.attachedCount = nil, 0
	r.await(awaitsGrant)
	if err := c.refusal(); err != nil {
		return err
	}
	c.counters.allocs.Add(1)
	var payload [abi.AllocRequestSize]byte
	var request abi.AllocRequest
	for i, length := range lengths {
		request.Lengths[i] = uint32(length)
	}
	request.Encode(payload[:])
	header := abi.SlotHeader{Kind: abi.KindAlloc, Correlation: r.correlation}
	return c.publishReturn(&header, payload[:])
}

// drainGrants reads the grant ring, one lap of it at most.
//
// Preconditions: the caller holds the token.
func (c *Conn) drainGrants(mine *record) error {
	var h abi.SlotHeader
	for range c.grants.Capacity() {
		found, err := c.grants.Peek(&h)
		if err != nil || !found {
			return err
		}
		switch h.Kind {
		case abi.KindGrant, abi.KindRefused:
			err = c.takeGrant(&h, mine)
		case abi.KindRecall:
			err = c.takeRecall(&h)
		default:
			err = violation("kind %d in the grant ring (allowed: %d to %d)",
				h.Kind, abi.KindGrant, abi.KindRefused)
		}
		if err != nil {
			return err
		}
		c.grants.Release()
	}
	return nil
}

// takeGrant brings a grant, or its refusal, to the record that awaits it.
func (c *Conn) takeGrant(h *abi.SlotHeader, mine *record) error {
	if h.Correlation == 0 && h.Kind == abi.KindGrant {
		return c.takeStock(h)
	}
	r, generation := c.find(h.Correlation, awaitsGrant)
	if r == nil {
		return violation("grant for correlation %#x, which awaits none", h.Correlation)
	}
	complete, err := r.answer.takeGrant(c.grants, h, &c.extents, r.wanted)
	if err != nil || !complete {
		return err
	}
	c.counters.held.Add(r.answer.buffers())
	if r == mine {
		r.settleOwn()
		return nil
	}
	if r.settle(generation) {
		return nil
	}
	c.giveBackAll(h.Correlation, &r.answer)
	c.bury(r)
	return nil
}

// takeGrant reads one of the GRANTs that answer an ALLOC for several buffers, or its
// REFUSED. It reports whether all have come. A refusal leaves extent nil.
func (a *answer) takeGrant(
	grants *ring.Consumer, h *abi.SlotHeader, extents *extentTable, wanted int,
) (complete bool, err error) {
	g, err := a.readGrant(grants, h, extents)
	switch {
	case err != nil:
		return false, err
	case a.extent == nil:
		a.extent, a.ref = g.extent, g.ref
		return g.extent == nil || wanted == 1, nil
	case g.extent == nil:
		return false, violation("refusal of an ALLOC behind a grant for it")
	}
	a.attached[a.attachedCount] = g
	a.attachedCount++
	return a.attachedCount+1 == wanted, nil
}

// readGrant copies a GRANT or REFUSED out of its slot and checks the copy. A refusal
// has no extent; its words stay in body.
func (a *answer) readGrant(
	grants *ring.Consumer, h *abi.SlotHeader, extents *extentTable,
) (g granted, err error) {
	size := abi.BufferRefSize
	if h.Kind == abi.KindRefused {
		size = abi.RefusalSize
	}
	if h.PayloadLen != uint32(size) || h.Flags != 0 {
		return g, violation("kind %d with %d bytes and flags %#x (allowed: %d and 0)",
			h.Kind, h.PayloadLen, h.Flags, size)
	}
	if (abi.Code(h.Code) != abi.CodeOk) != (h.Kind == abi.KindRefused) {
		return g, violation("kind %d with code %d", h.Kind, h.Code)
	}
	grants.Copy(a.body[:size])
	a.code, a.flags = h.Code, 0
	a.from, a.to = 0, size
	if h.Kind == abi.KindRefused {
		return g, nil
	}
	g.ref.Decode(a.body[:])
	g.extent, err = extents.resolve(&g.ref, abi.SideClient)
	return g, err
}
