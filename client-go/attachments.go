package outrigger

import (
	"context"
	"fmt"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// AttachmentsMax is the most attachments of one message.
const AttachmentsMax = abi.LimitAttachmentsMax

// Attachments are bulk bytes that travel beside the value of a request or a reply: opaque,
// and not copied where they are in Buffers of the session. A call sends those that it is
// given, and fills in those of its reply.
//
//	var attached outrigger.Attachments
//	attached.Add(picture)
//	reply, err := c.CallAttached(ctx, "pictures.turn", request, &attached)
//	…
//	turned := attached.At(0).Bytes()
//	attached.Release()
//
// Buffers that are attached belong to the Attachments: Release releases them. The zero
// Attachments are none. They are for one goroutine at a time.
type Attachments struct {
	buffers [AttachmentsMax]Buffer
	count   int
}

// Add attaches a buffer behind the others, and takes it over.
//
// Errors: ErrInvalidArgument if there are 4, ErrInvalidHandle if it was released or sent;
// it is the caller's then.
func (a *Attachments) Add(b Buffer) error {
	if a.count == AttachmentsMax {
		return failure(CodeInvalidArgument,
			fmt.Sprintf("%d attachments (maximum %d)", a.count+1, AttachmentsMax))
	}
	if b.cell != nil && !b.cell.current(b.generation) {
		return failure(CodeInvalidHandle, "the buffer was released or sent")
	}
	a.buffers[a.count] = b
	a.count++
	return nil
}

// Len returns how many there are.
func (a *Attachments) Len() int {
	if a == nil {
		return 0
	}
	return a.count
}

// At returns one of them, from 0 to Len()-1; it stays theirs. Beyond that it is the zero
// Buffer.
func (a *Attachments) At(i int) Buffer {
	if i < 0 || i >= a.Len() {
		return Buffer{}
	}
	return a.buffers[i]
}

// move takes all of them; there are none left here.
func (a *Attachments) move() (all Attachments) {
	if a != nil {
		all, *a = *a, Attachments{}
	}
	return all
}

// Release releases all of them; there are none then.
func (a *Attachments) Release() {
	for i := range a.Len() {
		a.buffers[i].Release()
		a.buffers[i] = Buffer{}
	}
	if a != nil {
		a.count = 0
	}
}

// AttachedCaller is what a generated client calls through whose methods have attachments.
// *Conn is one.
type AttachedCaller interface {
	Caller
	// InvokeAttached is Invoke with attachments, as CallAttached has them.
	InvokeAttached(
		ctx context.Context, method *Method, request rkyv.Encodable, attached *Attachments,
	) (Archive, error)
}

// CallAttached is CallBuffer with attachments. They are moved with the request, and
// attached holds those of the reply afterwards, which are the caller's to release. With
// nil none are sent, and those of the reply are given back. If the call fails there are
// none, unless one of the Buffers could not be sent at all: then nothing is moved.
//
// Buffers of the session travel as they are. What is in memory of this process, or came
// with a reply, is copied into one. All that the call needs is had at once or not at all;
// so it never waits for a buffer while it has one that others wait for. (What the caller
// has allocated is put aside meanwhile, by a copy, if it takes long.)
//
// Errors: those of CallBuffer; ErrInvalidArgument if the method takes no attachments, or
// for a Buffer that is there twice.
func (c *Conn) CallAttached(
	ctx context.Context, method string, request Buffer, attached *Attachments,
) (Buffer, error) {
	if err := c.checkParcel(request, attached); err != nil {
		return Buffer{}, err
	}
	p := parcel{value: request, attached: attached.move()}
	r, err := c.callable(ctx, method, &p)
	if err != nil {
		c.unpack(&p)
		return Buffer{}, err
	}
	reading, err := c.exchangeParcel(ctx, r, abi.CodecRaw, &p, attached)
	if err != nil {
		return Buffer{}, err
	}
	return c.collectBuffer(r, reading)
}

// InvokeAttached is Invoke with attachments, as CallAttached has them.
//
// Errors: those of Invoke and CallAttached.
func (c *Conn) InvokeAttached(
	ctx context.Context, method *Method, request rkyv.Encodable, attached *Attachments,
) (Archive, error) {
	if err := c.checkParcel(Buffer{}, attached); err != nil {
		return Archive{}, ofMethod(method, err)
	}
	count := attached.Len()
	begin := c.methods.begin(method)
	archive, err := c.invokeWith(ctx, methodKey{method.Name, begin}, request, attached)
	if err != nil && isMismatch(err) && attached.Len() == count { // refused before they were sent
		archive, err = c.invokeOther(ctx, method, begin, err, request, attached)
	}
	if err != nil {
		attached.Release()
		return Archive{}, ofMethod(method, err)
	}
	return archive, nil
}

// invokeWith calls one version of a typed method, with attachments or without. If it is
// refused before it is sent, attached is as it was.
func (c *Conn) invokeWith(
	ctx context.Context, key methodKey, request rkyv.Encodable, attached *Attachments,
) (Archive, error) {
	if attached == nil {
		return c.invokeTyped(ctx, key, request)
	}
	if err := ctx.Err(); err != nil {
		return Archive{}, expired(err)
	}
	p := parcel{message: request, attached: attached.move()}
	r, err := c.seat(ctx, key, &p)
	if err != nil {
		*attached = p.attached
		return Archive{}, err
	}
	reading, err := c.exchangeParcel(ctx, r, abi.CodecRkyv, &p, attached)
	if err != nil {
		return Archive{}, err
	}
	return c.collectArchive(r, reading)
}

// exchangeParcel sends a call with attachments and waits for its answer, whose
// attachments it takes, unless into is nil. For reading see exchange.
//
// Errors: why there is none; the record is not the caller's any more.
func (c *Conn) exchangeParcel(
	ctx context.Context, r *record, codec uint8, p *parcel, into *Attachments,
) (reading bool, err error) {
	header := abi.SlotHeader{
		Kind: abi.KindCall, Method: r.last.id, Correlation: r.correlation,
		Codec: codec, Deadline: c.clock.deadlineNs(ctx),
	}
	if err := c.sendParcel(ctx, r, &header, p); err != nil {
		return false, err
	}
	reading, err = c.await(ctx, r, true)
	a := &r.answer
	if err != nil || into == nil || a.ended != nil || a.attachedCount == 0 {
		return reading, err // at the session's end the count may be that of grants
	}
	if reading {
		c.stopReading()
	}
	return false, c.takeAttachments(r, into)
}

// takeAttachments makes Buffers of the attachments of a reply.
//
// Errors: those of leasing; the record is not the caller's any more.
func (c *Conn) takeAttachments(r *record, into *Attachments) error {
	var got Attachments
	a := &r.answer
	for i := range a.attachedCount {
		g := &a.attached[i]
		if g.extent == nil {
			got.buffers[i] = bufferIn(newCell(0), 0)
			got.count++
			continue
		}
		m, err := c.leasing(g.extent, &g.ref)
		g.extent = nil // the lease's, or lost
		if err != nil {
			got.Release()
			c.detach(r)
			c.retire(r)
			return err
		}
		got.buffers[i] = bufferIn(m, int(g.ref.Length))
		got.count++
	}
	a.attachedCount = 0
	into.Release() // what the message's own code has put there
	*into = got
	return nil
}
