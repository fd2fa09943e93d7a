package outrigger

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// A Buffer is a value outside of Go's memory, as long as it does not fit in a slot:
// one that Alloc granted for a request, to be written in place, or one that the server
// lent with a reply, to be read in place. The server allocates and frees all of them.
//
//	c.Alloc ─▶ granted ── Bytes: write ── CallBuffer ─▶ the server's
//	                          └────────── Release ────▶ the server's
//	reply ───▶ lent ───── Bytes: read ─── Release ────▶ the server's
//
// A Buffer is had, and belongs to whoever has it, until it is released or sent.
// Copies of the struct share it; after that all of them are empty. Release it when it
// is done with: one that is forgotten goes back only if Bytes was never called, and
// else is out of use until the session ends, which is reported; see WithLogger. So many
// of these may be forgotten that calls fail with ErrResourceExhausted.
//
// What a Buffer has stays its own after the session ended, until Release. But the bytes
// of one that was forgotten are unmapped when the session ends, also if the server died:
// who kept a slice of them without the Buffer faults, which ends the process.
//
// A Buffer is for one goroutine at a time. The zero Buffer is no value.
type Buffer struct {
	cell       *cell
	generation uint64
	length     int
}

// BufferInfo says where a buffer is.
type BufferInfo struct {
	// Len is the bytes of the value, Cap those that the buffer has.
	Len, Cap int
	// Extent, Index and Generation name the buffer in the session: the piece of shared
	// memory, the buffer in that, and the use of the buffer. They are 0 for a value in
	// memory of this process.
	Extent, Index, Generation uint32
	// Lent says that it came with a reply and cannot be written.
	Lent bool
}

func bufferIn(m *cell, length int) Buffer {
	return Buffer{cell: m, generation: m.generation.Load(), length: length}
}

// Alloc returns a Buffer of n bytes for a request. Their content is unspecified. Where
// n bytes fit in a slot they are in memory of this process, and copied when they are
// sent; else they are memory that the server reads.
//
// Errors: ErrInvalidArgument for a negative n; ErrBufferTooSmall if n is above the
// session's limit; ErrResourceExhausted if the server has no memory for it now; those
// of a context; why the session takes no calls.
func (c *Conn) Alloc(ctx context.Context, n int) (Buffer, error) {
	if n < 0 {
		return Buffer{}, failure(CodeInvalidArgument, fmt.Sprintf("%d bytes (minimum 0)", n))
	}
	if n <= abi.LimitInlineMax {
		if err := ctx.Err(); err != nil {
			return Buffer{}, expired(err)
		}
		if err := c.refusal(); err != nil {
			return Buffer{}, err
		}
		return bufferIn(newCell(n), n), nil
	}
	var buffer [1]Buffer
	if err := c.allocLarge(ctx, []int{n}, buffer[:]); err != nil {
		return Buffer{}, err
	}
	return buffer[0], nil
}

// AllocAll returns a Buffer for each of these sizes, as Alloc does, or none of them. Use
// it for what one call sends together: of goroutines that have one Buffer each and wait
// for another, each may wait for the others.
//
// Errors: those of Alloc; ErrInvalidArgument for more than 5 sizes that do not fit in a
// slot, or more than the session may have.
func (c *Conn) AllocAll(ctx context.Context, sizes ...int) ([]Buffer, error) {
	buffers := make([]Buffer, len(sizes))
	var large, places []int
	for i, n := range sizes {
		if n > abi.LimitInlineMax {
			large, places = append(large, n), append(places, i)
			continue
		}
		var err error
		if buffers[i], err = c.Alloc(ctx, n); err != nil {
			return nil, err
		}
	}
	if len(large) == 0 {
		return buffers, nil
	}
	if len(large) > abi.LimitBuffersMax {
		return nil, failure(CodeInvalidArgument,
			fmt.Sprintf("%d buffers at once (maximum %d)", len(large), abi.LimitBuffersMax))
	}
	var got [abi.LimitBuffersMax]Buffer
	if err := c.allocLarge(ctx, large, got[:]); err != nil {
		return nil, err
	}
	for i, place := range places {
		buffers[place] = got[i]
	}
	return buffers, nil
}

// allocLarge makes Buffers of so many bytes, which do not fit in a slot, all or none.
func (c *Conn) allocLarge(ctx context.Context, lengths []int, into []Buffer) error {
	for _, n := range lengths {
		if uint64(n) > c.payloadMax {
			return failure(CodeBufferTooSmall, n, c.payloadMax)
		}
	}
	if err := ctx.Err(); err != nil {
		return expired(err)
	}
	if err := c.refusal(); err != nil {
		return err
	}
	var space [abi.LimitBuffersMax]granted
	buffers := space[:len(lengths)]
	var r *record
	if !c.fromStock(lengths, buffers) {
		var err error
		if r, err = c.acquire(ctx, nil); err != nil {
			return err
		}
		if err := c.borrow(ctx, r, lengths, buffers, nil); err != nil {
			return err
		}
	}
	err := c.leaseAll(buffers, lengths, into)
	if r != nil {
		c.release(r)
	}
	return err
}

// leaseAll makes Buffers of grants, all or none.
func (c *Conn) leaseAll(buffers []granted, lengths []int, into []Buffer) error {
	for i := range buffers {
		m, err := c.leasing(buffers[i].extent, &buffers[i].ref)
		if err != nil {
			for j := range i {
				into[j].Release()
			}
			for j := i + 1; j < len(buffers); j++ {
				c.surrender(&buffers[j].ref)
			}
			return err
		}
		into[i] = bufferIn(m, lengths[i])
	}
	return nil
}

// FromBytes returns a Buffer with a copy of value.
//
// Errors: those of Alloc.
func (c *Conn) FromBytes(ctx context.Context, value []byte) (Buffer, error) {
	b, err := c.Alloc(ctx, len(value))
	if err != nil {
		return Buffer{}, err
	}
	if b.cell.leased() != nil {
		c.counters.copiedIn.Add(uint64(len(value)))
	}
	copy(b.cell.view(b.length), value)
	return b, nil
}

// FromJSON returns a Buffer with value as JSON.
//
// Errors: "outrigger: json marshal: …" with what encoding/json said; those of Alloc.
func (c *Conn) FromJSON(ctx context.Context, value any) (Buffer, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return Buffer{}, fmt.Errorf("outrigger: json marshal: %w", err)
	}
	return c.FromBytes(ctx, text)
}

// Bytes returns the value itself, or nil after it was released or sent. The slice must
// not be used then. Bytes of a reply must not be written: if the server wrote them,
// that faults.
func (b Buffer) Bytes() []byte {
	if !b.cell.current(b.generation) {
		return nil
	}
	return b.cell.bytes(b.length)
}

// Len returns the bytes of the value; 0 after it was released or sent.
func (b Buffer) Len() int {
	if !b.cell.current(b.generation) {
		return 0
	}
	return b.length
}

// IsEmpty reports whether Len is 0.
func (b Buffer) IsEmpty() bool { return b.Len() == 0 }

// Clone returns a copy in memory of this process, which needs no Release but takes
// one. It may be sent by any Conn. The clone of what was released is the zero Buffer.
func (b Buffer) Clone() Buffer {
	if !b.cell.current(b.generation) {
		return Buffer{}
	}
	m := newCell(b.length)
	copy(m.view(b.length), b.cell.view(b.length))
	runtime.KeepAlive(b.cell)
	return bufferIn(m, b.length)
}

// ToJSON decodes the value, which is JSON, into the variable that into points to.
//
// Errors: "outrigger: buffer is empty or freed"; what encoding/json said, wrapped.
func (b Buffer) ToJSON(into any) error {
	if b.IsEmpty() {
		return fmt.Errorf("outrigger: buffer is empty or freed")
	}
	err := json.Unmarshal(b.cell.view(b.length), into)
	runtime.KeepAlive(b.cell)
	if err != nil {
		return fmt.Errorf("outrigger: json unmarshal: %w", err)
	}
	return nil
}

// Inspect says where the buffer is; it is zero after it was released or sent.
func (b Buffer) Inspect() BufferInfo {
	if !b.cell.current(b.generation) {
		return BufferInfo{}
	}
	l := b.cell.leased()
	if l == nil {
		return BufferInfo{Len: b.length, Cap: b.length}
	}
	info := BufferInfo{
		Len: b.length, Cap: len(l.bytes), Lent: l.extent.side == abi.SideServer,
		Extent: l.ref.Extent, Index: l.ref.Index, Generation: l.ref.Generation,
	}
	runtime.KeepAlive(b.cell)
	return info
}

// Release gives the buffer back. It may be called again, and on copies: the first
// counts.
func (b Buffer) Release() { b.cell.release(b.generation) }

// CallBuffer is Call with buffers: the request is sent where it is, the reply is read
// where the server wrote it. The request is moved: it is empty afterwards, also if the
// call fails, unless the error says that the Buffer is another Conn's. A reply that came
// with another call may be sent, too; it is copied.
//
// Release the reply when it is read. It is the zero Buffer if the server sent no value.
//
// Errors: those of Call; ErrInvalidHandle for a request that was released or sent,
// ErrInvalidArgument for one of another Conn.
func (c *Conn) CallBuffer(ctx context.Context, method string, request Buffer) (Buffer, error) {
	if err := c.checkRequest(request); err != nil {
		return Buffer{}, err
	}
	p := parcel{value: request}
	r, err := c.callable(ctx, method, &p)
	if err != nil {
		p.value.Release()
		return Buffer{}, err
	}
	header := abi.SlotHeader{
		Kind: abi.KindCall, Method: r.last.id, Correlation: r.correlation,
		Codec: abi.CodecRaw, Deadline: c.clock.deadlineNs(ctx),
	}
	if err := c.sendBuffer(ctx, r, &header, p.value); err != nil {
		return Buffer{}, err
	}
	reading, err := c.await(ctx, r, true)
	if err != nil {
		return Buffer{}, err
	}
	return c.collectBuffer(r, reading)
}

// checkRequest refuses a Buffer that cannot be sent; it stays whose it is.
func (c *Conn) checkRequest(b Buffer) error {
	if b.cell == nil {
		return nil
	}
	if !b.cell.current(b.generation) {
		return failure(CodeInvalidHandle, "the buffer was released or sent")
	}
	if l := b.cell.leased(); l != nil && l.conn != c && l.extent.side == abi.SideClient {
		return failure(CodeInvalidArgument, "a buffer of another Conn")
	}
	return nil
}

// callable takes a record for a call of an untyped method, which sends the parcel.
func (c *Conn) callable(ctx context.Context, method string, p *parcel) (*record, error) {
	if err := ctx.Err(); err != nil {
		return nil, expired(err)
	}
	return c.seat(ctx, methodKey{name: method}, p)
}

// sendBuffer publishes a call with a Buffer, which is moved.
//
// Errors: those of send.
func (c *Conn) sendBuffer(
	ctx context.Context, r *record, header *abi.SlotHeader, b Buffer,
) error {
	if b.cell == nil {
		return c.send(ctx, r, header, nil, nil)
	}
	if !b.isGranted() {
		err := c.send(ctx, r, header, b.cell.view(b.length), nil)
		b.Release()
		return err
	}
	if !b.cell.end(b.generation) {
		c.release(r)
		return failure(CodeInvalidHandle, "the buffer was released or sent")
	}
	_, _, ref := b.cell.lease.take()
	b.cell.recycle()
	ref.Length = uint64(b.length)
	return c.sendGranted(r, header, &ref)
}

// collectBuffer takes the reply out of a settled record and gives the record back.
func (c *Conn) collectBuffer(r *record, reading bool) (Buffer, error) {
	m, length, err := c.collectValue(r, reading)
	if m == nil {
		return Buffer{}, err
	}
	return bufferIn(m, length), nil
}
