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
	e, ref, stocked := c.fromStock(length)
	if !stocked {
		var err error
		if e, ref, err = c.borrow(ctx, r, length); err != nil {
			return err
		}
	}
	if err := c.fill(r, e, &ref, value, message); err != nil {
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

// borrow asks the server for a buffer of at least that many bytes.
//
// Errors: why there is none; the record is not the caller's any more.
func (c *Conn) borrow(
	ctx context.Context, r *record, length int,
) (*extent, abi.BufferRef, error) {
	if err := c.askBuffer(r, length); err != nil {
		r.withdraw()
		c.release(r)
		return nil, abi.BufferRef{}, err
	}
	switch c.waitForGrant(ctx, r) {
	case gaveUp:
		return nil, abi.BufferRef{}, c.abandon(r, expired(ctx.Err()))
	case stopped:
		return nil, abi.BufferRef{}, c.abandon(r, c.refusal())
	}
	a := &r.answer
	var err error
	switch {
	case a.ended != nil:
		err = a.ended
	case a.extent == nil:
		err = refused(a)
	case a.ref.Length < uint64(length):
		err = c.defect(violation("grant of %d bytes (minimum %d)", a.ref.Length, length))
		c.giveBack(r.correlation, &a.ref)
	default:
		return a.extent, a.ref, nil
	}
	c.release(r)
	return nil, abi.BufferRef{}, err
}

// waitForGrant waits for the answer to an ALLOC. If none comes soon, buffers may have
// run out because some were forgotten; the collector finds those.
func (c *Conn) waitForGrant(ctx context.Context, r *record) verdict {
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
		runtime.GC()
	}
}

// askBuffer opens the record for a grant and publishes the ALLOC.
func (c *Conn) askBuffer(r *record, length int) error {
	r.await(awaitsGrant)
	if err := c.refusal(); err != nil {
		return err
	}
	c.counters.allocs.Add(1)
	var payload [abi.AllocRequestSize]byte
	request := abi.AllocRequest{Lengths: [8]uint32{uint32(length)}}
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
	if err := r.answer.readGrant(c.grants, h, &c.extents); err != nil {
		return err
	}
	if r.answer.extent != nil {
		c.counters.held.Add(1)
	}
	if r == mine {
		r.settleOwn()
		return nil
	}
	if r.settle(generation) {
		return nil
	}
	if r.answer.extent != nil {
		c.giveBack(h.Correlation, &r.answer.ref)
	}
	c.bury(r)
	return nil
}

// readGrant copies a GRANT or REFUSED out of its slot and checks the copy. A
// grant leaves extent set, a refusal leaves it nil.
func (a *answer) readGrant(grants *ring.Consumer, h *abi.SlotHeader, extents *extentTable) error {
	size := abi.BufferRefSize
	if h.Kind == abi.KindRefused {
		size = abi.RefusalSize
	}
	if h.PayloadLen != uint32(size) || h.Flags != 0 {
		return violation("kind %d with %d bytes and flags %#x (allowed: %d and 0)",
			h.Kind, h.PayloadLen, h.Flags, size)
	}
	if (abi.Code(h.Code) != abi.CodeOk) != (h.Kind == abi.KindRefused) {
		return violation("kind %d with code %d", h.Kind, h.Code)
	}
	grants.Copy(a.body[:size])
	a.code, a.flags, a.extent = h.Code, 0, nil
	a.from, a.to = 0, size
	if h.Kind == abi.KindRefused {
		return nil
	}
	a.ref.Decode(a.body[:])
	var err error
	a.extent, err = extents.resolve(&a.ref, abi.SideClient)
	return err
}

// refused returns the error of an ALLOC that was not granted.
func refused(a *answer) error {
	var refusal abi.Refusal
	refusal.Decode(a.body[:])
	if Code(a.code) == CodeBufferTooSmall {
		return failure(CodeBufferTooSmall, refusal.Needed, refusal.Available)
	}
	return failure(Code(a.code),
		fmt.Sprintf("%d bytes needed, %d available", refusal.Needed, refusal.Available))
}
