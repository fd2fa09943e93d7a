package outrigger

import (
	"context"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// Call sends payload to a method and returns its reply as a fresh slice. A nil
// payload is no value, an empty one a value of length 0; the reply tells them
// apart in the same way. The payload is copied before Call returns and may be
// changed afterwards.
//
// A context without a deadline gives the call none. When the context is done
// the call returns at once with ErrTimeout or ErrCancelled, and the server is
// told; the handler may have run.
//
// Errors: what the server answered, as *Error; ErrBufferTooSmall for a payload
// above the session's limit; ErrNullPointer for an empty method name,
// ErrInvalidArgument for one above 255 bytes; ErrResourceExhausted if no buffer
// could be had for a large payload; ErrProtocol if the session broke;
// ErrPeerGone if the server is gone, ErrShuttingDown if it takes no new calls,
// ErrClosed after Close.
func (c *Conn) Call(ctx context.Context, method string, payload []byte) ([]byte, error) {
	return c.invoke(ctx, method, payload, nil, abi.CodecRaw)
}

// CallInto is Call with the reply appended to dst[:0]. Once a method has been
// called, a call that succeeds allocates only if its reply is longer than
// cap(dst). dst must not overlap
// payload. If the reply is no value, or on an error, the result is nil and dst
// still the caller's.
func (c *Conn) CallInto(
	ctx context.Context, method string, payload, dst []byte,
) ([]byte, error) {
	return c.invoke(ctx, method, payload, dst, abi.CodecRaw)
}

// invoke is one call from the checks to the reply.
func (c *Conn) invoke(
	ctx context.Context, method string, payload, dst []byte, codec uint8,
) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, expired(err)
	}
	if uint64(len(payload)) > c.payloadMax {
		return nil, failure(CodeBufferTooSmall, len(payload), c.payloadMax)
	}
	r, err := c.seat(ctx, methodKey{name: method}, nil)
	if err != nil {
		return nil, err
	}
	header := abi.SlotHeader{
		Kind: abi.KindCall, Method: r.last.id, Correlation: r.correlation,
		Codec: codec, Deadline: c.clock.deadlineNs(ctx),
	}
	reading, err := c.exchange(ctx, r, &header, payload, nil)
	if err != nil {
		return nil, err
	}
	return c.collect(r, dst, reading)
}

// exchange sends the call and waits for its answer. If the caller has read it
// itself it is still reading: it owes stopReading.
//
// Errors: why there is none; the record is not the caller's any more.
func (c *Conn) exchange(
	ctx context.Context, r *record, header *abi.SlotHeader, value []byte, message rkyv.Encodable,
) (reading bool, err error) {
	if err := c.send(ctx, r, header, value, message); err != nil {
		return false, err
	}
	return c.await(ctx, r, header.Codec == abi.CodecRkyv)
}

// await waits for the answer of a call that was sent. With spare, memory for it is
// fetched meanwhile. The rest is as of exchange.
func (c *Conn) await(ctx context.Context, r *record, spare bool) (reading bool, err error) {
	if spare {
		r.fetchSpare()
	}
	v := c.waitReading(r, r.lane.replies, ctx.Done(), nil)
	if v == gaveUp {
		c.cancel(r)
		return false, c.abandon(r, c.givenUp(ctx.Err()))
	}
	return v == readIt, nil
}

// send publishes the call, with its value in the slot or in a buffer.
//
// Errors: why nothing was published; the record is not the caller's any more.
func (c *Conn) send(
	ctx context.Context, r *record, header *abi.SlotHeader, value []byte, message rkyv.Encodable,
) error {
	if len(value) > abi.LimitInlineMax {
		return c.sendLarge(ctx, r, header, value, message, len(value))
	}
	if message != nil {
		length, err := c.encodeInline(r, message, len(r.inline))
		if full, ok := err.(*rkyv.FullError); ok {
			return c.sendLarge(ctx, r, header, nil, message, full.Needed)
		}
		if err != nil {
			c.release(r)
			return err
		}
		value = r.inline[:length]
	}
	if value == nil {
		header.Flags = abi.FlagNoValue
	}
	err := c.publish(r, header, value)
	if err != nil {
		c.release(r)
	}
	return err
}

// abandon leaves a call whose answer is still to come, and returns err. From
// here on the record belongs to whoever reads that answer. It counts as a
// watcher, so that somebody does.
func (c *Conn) abandon(r *record, err error) error {
	c.watch()
	c.abandoned.Add(1)
	if r.abandon() {
		c.armAll()
		return err
	}
	c.abandoned.Add(-1)
	c.unwatch()
	// The answer, a reply or a grant, came after all, too late.
	if r.answer.ended == nil {
		if r.word.Load()&awaitsGrant == 0 {
			c.counters.lateReplies.Add(1)
			c.token.Lock()
			c.replies-- // its reader could not know
			c.token.Unlock()
		}
		c.giveBackAll(r.correlation, &r.answer)
	}
	c.release(r)
	return err
}

// collect copies the reply out of a settled record and gives the record back.
func (c *Conn) collect(r *record, dst []byte, reading bool) ([]byte, error) {
	a := &r.answer
	if reading {
		if a.isPlain() && dst != nil && a.to <= cap(dst) {
			value := dst[:a.to]
			copy(value, a.body[:a.to])
			c.stopReadingAndRelease(r)
			return value, nil
		}
		c.stopReading()
	}
	if err := a.ended; err != nil {
		c.release(r)
		return nil, err
	}
	c.detach(r)
	var value []byte
	var err error
	if Code(a.code) != CodeOK {
		err = c.collectError(a)
	} else if a.flags&abi.FlagNoValue == 0 {
		value = resize(dst, a.length())
		err = c.copyOut(a, value)
	}
	c.retire(r)
	if err != nil {
		return nil, err
	}
	return value, nil
}

// copyOut copies a value out of an answer, into a slice of its length.
//
// Errors: the session's end, if the server dropped the extent under a lent buffer.
func (c *Conn) copyOut(a *answer, value []byte) error {
	if err := a.copyValue(value); err != nil {
		return c.defect(err)
	}
	if a.extent != nil {
		c.counters.copiedOut.Add(uint64(len(value)))
	}
	return nil
}

// collectError copies an error out of an answer.
func (c *Conn) collectError(a *answer) error {
	if a.flags&abi.FlagNoValue != 0 {
		return received(a.code, nil)
	}
	value := make([]byte, a.length())
	if err := c.copyOut(a, value); err != nil {
		return err
	}
	if a.flags&abi.FlagDetail == 0 {
		return received(a.code, value)
	}
	err := received(a.code, value[:a.messageLen])
	detail := value[a.messageLen:]
	err.detail = bytesOf(alignedWords(len(detail)))[:len(detail)]
	copy(err.detail, detail)
	return err
}

// retire gives the record of an answer back; before that a lent buffer, as the
// credit comes last.
func (c *Conn) retire(r *record) {
	if r.answer.extent != nil {
		c.giveBack(r.correlation, &r.answer.ref)
	}
	c.release(r)
}

// resize returns a slice of that length, never nil, in dst's memory if it fits.
func resize(dst []byte, length int) []byte {
	if dst == nil || cap(dst) < length {
		return make([]byte, length)
	}
	return dst[:length]
}
