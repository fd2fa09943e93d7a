package outrigger

import (
	"context"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// A parcel is what a call with attachments sends. Each part ends in a granted buffer of
// its own, but a small value, which travels in the slot:
//
//	value, message ── fits ─────────────────────────────▶ slot
//	      └── does not ──┐
//	attachments ─────────┴─ granted already ─▶ as it is ─▶ buffer
//	                     └─ anywhere else ───▶ copied ───▶ buffer, of all or none
type parcel struct {
	value   Buffer         // or
	message rkyv.Encodable // a typed request, encoded when it is sent
	// attached are the parcel's own: whatever a message's code does with those of the
	// caller, nothing of these changes.
	attached Attachments
	// inline is the bytes of the value that travel in the slot; encoded is those of a
	// message that do not.
	inline  []byte
	encoded int
	// refs are the buffers to be sent: of the value, if hasValue, and of the attachments.
	// Those that held counts are the parcel's to give back.
	refs     [abi.LimitBuffersMax]abi.BufferRef
	held     [abi.LimitBuffersMax]bool
	count    int
	hasValue bool
	// lengths and places are the parts that buffers are needed for.
	lengths [abi.LimitBuffersMax]int
	places  [abi.LimitBuffersMax]int
	needed  int
	// down counts the buffers that were put down.
	down int
}

// checkParcel refuses buffers that cannot be sent; they stay whose they are.
func (c *Conn) checkParcel(value Buffer, attached *Attachments) error {
	if err := c.checkPart(value); err != nil {
		return err
	}
	for i := range attached.Len() {
		b := attached.buffers[i]
		if err := c.checkPart(b); err != nil {
			return err
		}
		twice := b.cell != nil && b.cell == value.cell
		for j := range i {
			twice = twice || b.cell != nil && b.cell == attached.buffers[j].cell
		}
		if twice {
			return failure(CodeInvalidArgument, "a buffer that is sent twice")
		}
	}
	return nil
}

func (c *Conn) checkPart(b Buffer) error {
	if err := c.checkRequest(b); err != nil {
		return err
	}
	if uint64(b.Len()) > c.payloadMax {
		return failure(CodeBufferTooSmall, b.Len(), c.payloadMax)
	}
	return nil
}

// sendParcel publishes a call with attachments. Nothing of the parcel is the caller's
// afterwards.
//
// Errors: why nothing was published; the record is not the caller's any more.
func (c *Conn) sendParcel(
	ctx context.Context, r *record, header *abi.SlotHeader, p *parcel,
) error {
	sent := false
	defer func() {
		if !sent { // an error, or the message ended the goroutine
			c.unpack(p)
		}
	}()
	if p.attached.Len() == 0 {
		sent = true
		if p.message != nil {
			return c.send(ctx, r, header, nil, p.message)
		}
		return c.sendBuffer(ctx, r, header, p.value)
	}
	if err := c.measure(r, p); err != nil {
		c.release(r)
		return err
	}
	if err := c.pack(ctx, r, p); err != nil {
		return err
	}
	var space [abi.LimitInlineMax]byte
	header.Flags |= abi.FlagBuffers
	if err := c.publish(r, header, p.encode(space[:])); err != nil {
		c.release(r)
		return err
	}
	sent = true
	c.counters.held.Add(-p.handOver()) // the server's from here on
	c.counters.copiedIn.Add(uint64(len(p.inline)))
	p.value.Release()
	p.attached.Release()
	return nil
}

// measure decides whether the value travels in the slot.
//
// Errors: why the message cannot be encoded.
func (c *Conn) measure(r *record, p *parcel) error {
	room := abi.LimitInlineMax - abi.BufferTableSize - p.attached.Len()*abi.BufferRefSize
	if p.message == nil {
		p.hasValue = p.value.isGranted() || p.value.Len() > room
		if !p.hasValue && p.value.cell != nil {
			p.inline = p.value.cell.view(p.value.length)
		}
		return nil
	}
	length, err := c.encodeInline(r, p.message, room)
	full, ok := err.(*rkyv.FullError)
	switch {
	case ok && uint64(full.Needed) > c.payloadMax:
		return failure(CodeBufferTooSmall, full.Needed, c.payloadMax)
	case ok:
		p.hasValue, p.encoded = true, full.Needed
		return nil
	}
	p.inline = r.inline[:length]
	return err
}

// pack brings every part into a buffer of its own.
//
// Errors: why it could not; the record is not the caller's any more.
func (c *Conn) pack(ctx context.Context, r *record, p *parcel) error {
	var space [abi.LimitBuffersMax]granted
	for {
		if err := p.list(); err != nil {
			c.release(r)
			return err
		}
		if p.needed == 0 {
			break
		}
		lengths, buffers := p.lengths[:p.needed], space[:p.needed]
		if c.fromStock(lengths, buffers) {
			break
		}
		down := p.down
		if err := c.borrow(ctx, r, lengths, buffers, p); err != nil {
			return err
		}
		if p.down == down {
			break
		}
		for i := range buffers { // they are not all any more
			c.giveBack(r.correlation, &buffers[i].ref)
		}
	}
	for i := range p.needed {
		place := p.places[i]
		p.refs[place], p.held[place] = space[i].ref, true
	}
	for i := range p.needed {
		place := p.places[i]
		value, message := p.part(place)
		p.held[place] = false // fill's, until it has succeeded
		if err := c.fill(r, space[i].extent, &p.refs[place], value, message); err != nil {
			c.release(r)
			return err
		}
		p.held[place] = true
	}
	if err := p.takeGranted(); err != nil {
		c.release(r)
		return err
	}
	return nil
}

// first is the place of the first attachment.
func (p *parcel) first() int {
	if p.hasValue {
		return 1
	}
	return 0
}

// at returns the Buffer of a place.
func (p *parcel) at(place int) Buffer {
	if place < p.first() {
		return p.value
	}
	return p.attached.buffers[place-p.first()]
}

// part returns what is to be copied to a place.
func (p *parcel) part(place int) ([]byte, rkyv.Encodable) {
	if place < p.first() && p.message != nil {
		return nil, p.message
	}
	b := p.at(place)
	return b.cell.view(b.length), nil
}

// list finds the parts that buffers are needed for.
//
// Errors: a part was released meanwhile.
func (p *parcel) list() error {
	p.count, p.needed = p.first()+p.attached.Len(), 0
	for place := range p.count {
		b := p.at(place)
		length := b.length
		switch {
		case place < p.first() && p.message != nil:
			length = p.encoded
		case b.cell != nil && !b.cell.current(b.generation):
			return failure(CodeInvalidHandle, "the buffer was released or sent")
		case length == 0 || b.isGranted():
			continue
		}
		p.lengths[p.needed], p.places[p.needed] = length, place
		p.needed++
	}
	return nil
}

// putDown gives back the buffers that the parcel has; what was in them is in memory of
// this process then. It counts how many there were.
func (p *parcel) putDown() {
	put := func(b *Buffer) {
		if b.isGranted() {
			copied := b.Clone()
			b.Release()
			*b = copied
			p.down++
		}
	}
	put(&p.value)
	for i := range p.attached.Len() {
		put(&p.attached.buffers[i])
	}
}

// takeGranted moves the buffers that were granted before into the parcel.
//
// Errors: one was released meanwhile.
func (p *parcel) takeGranted() error {
	for place := range p.count {
		b := p.at(place)
		if p.held[place] || b.cell == nil || b.cell.leased() == nil {
			continue
		}
		if !b.cell.end(b.generation) {
			return failure(CodeInvalidHandle, "the buffer was released or sent")
		}
		_, _, p.refs[place] = b.cell.lease.take()
		b.cell.recycle()
		p.refs[place].Length = uint64(b.length)
		p.held[place] = true
	}
	return nil
}

// encode writes the table, its references and the value that travels in the slot.
func (p *parcel) encode(into []byte) []byte {
	table := abi.BufferTable{Count: uint32(p.count), Attachments: uint32(p.attached.Len())}
	table.Encode(into)
	end := abi.BufferTableSize
	for place := range p.count {
		p.refs[place].Encode(into[end:])
		end += abi.BufferRefSize
	}
	return into[:end+copy(into[end:], p.inline)]
}

// handOver gives the buffers away and counts them.
func (p *parcel) handOver() (count int64) {
	for place, held := range p.held {
		if held {
			count++
		}
		p.held[place] = false
	}
	return count
}

// unpack gives back all of a parcel that was not sent.
func (c *Conn) unpack(p *parcel) {
	for place, held := range p.held {
		if held {
			c.surrender(&p.refs[place])
		}
	}
	p.value.Release()
	p.attached.Release()
}

// isGranted reports whether the Buffer is one of the session that this side may write.
func (b Buffer) isGranted() bool {
	if !b.cell.current(b.generation) {
		return false
	}
	l := b.cell.leased()
	return l != nil && l.extent.side == abi.SideClient
}
