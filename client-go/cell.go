package outrigger

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// A cell is what all copies of a Buffer or an Archive share: a value in memory of
// this process, or a lease, which is a buffer of the session that this side may
// write (granted) or read (lent).
//
//	Buffer, Archive ─┐
//	  copies of it  ─┴─▶ cell ─▶ words                       small values, clones
//	                        └──▶ lease ─▶ extent (pinned)     granted or lent
//	                               ▲
//	                               └── cleanup, if the cell is forgotten
//
// Cells are used for one value after the other. The generation counts the releases,
// so a copy that was kept never reaches the next value.
type cell struct {
	generation atomic.Uint64
	// words is replaced only between two uses. Its start is aligned to 16.
	words []uint64
	// lease is nil until the cell has its first, and then reused.
	lease *lease
}

// lease is one buffer in this side's hands. It is apart from its cell, so that the
// garbage collector can find the cell forgotten while the lease is not.
type lease struct {
	conn   *Conn
	extent *extent // nil if the lease is not in use
	ref    abi.BufferRef
	// bytes is the whole buffer if it was granted, the value if it was lent.
	bytes []byte
	// exposed says that a slice of the bytes was handed out, which may be kept.
	exposed atomic.Bool
	// site is where the buffer was had, with leak checking; else empty.
	site  [siteDepth]uintptr
	depth int
}

const (
	// cellBytes is the least memory of a cell: what fits in a slot.
	cellBytes = 256
	// cellKeptBytes is the largest memory that is kept for later values.
	cellKeptBytes = 1 << 20
	// siteDepth is the callers that are noted of a buffer's site.
	siteDepth = 8
)

var cells = sync.Pool{
	New: func() any { return &cell{words: alignedWords(cellBytes)} },
}

// newCell takes a cell with memory for so many bytes.
func newCell(length int) *cell {
	m := cells.Get().(*cell)
	if length > 8*len(m.words) {
		m.words = alignedWords(length)
	}
	return m
}

// leasing takes a cell for a buffer of the session. It keeps the extent mapped until
// the cell is released.
//
// Preconditions: the buffer was granted or lent to this side, and nobody else has it.
// Errors: those of lost.
func (c *Conn) leasing(e *extent, ref *abi.BufferRef) (*cell, error) {
	bytes, err := e.pin(ref)
	if err != nil {
		return nil, c.lost(err)
	}
	m := cells.Get().(*cell)
	if m.lease == nil {
		m.lease = &lease{}
		runtime.AddCleanup(m, (*lease).forgotten, m.lease)
	}
	l := m.lease
	l.conn, l.extent, l.ref, l.bytes = c, e, *ref, bytes
	l.exposed.Store(false)
	l.depth = 0
	if c.leakCheck {
		l.depth = runtime.Callers(3, l.site[:])
	}
	return m, nil
}

// lost is what becomes of a buffer whose extent cannot be pinned.
//
// Errors: why the session ended, and its extents with it; else a violation, as the
// server dropped the extent.
func (c *Conn) lost(err error) error {
	c.counters.held.Add(-1)
	if c.cause.Load() != nil {
		return c.refusal()
	}
	return c.defect(err)
}

// collectValue takes the value out of a settled record, a small one by copy and a large
// one as it is, and gives the record back. The cell is nil if there is no value.
//
// Errors: what the server answered; why the session ended.
func (c *Conn) collectValue(r *record, reading bool) (m *cell, length int, err error) {
	a := &r.answer
	if a.isPlain() {
		m, length = r.takeSpare(), a.to
		copy(m.view(length), a.body[:length])
		c.finishCall(r, reading)
		return m, length, nil
	}
	if reading {
		c.stopReading()
	}
	switch {
	case a.ended != nil:
		err = a.ended
		c.release(r)
	case a.attachedCount > 0: // nobody has taken them
		c.detach(r)
		return c.collectValue(r, false)
	case Code(a.code) != CodeOK:
		err = c.collectError(a)
		c.retire(r)
	case a.flags&abi.FlagNoValue != 0:
		c.release(r)
	case a.extent == nil: // behind prefixes
		length = a.length()
		m = newCell(length)
		_ = a.copyValue(m.view(length)) // out of the answer, which cannot fail
		c.release(r)
	default:
		length = a.length()
		m, err = c.keep(r)
	}
	return m, length, err
}

// keep takes the large value of an answer as a lease and gives the record back.
//
// Errors: those of leasing; the record is not the caller's any more.
func (c *Conn) keep(r *record) (*cell, error) {
	ref := r.answer.ref
	m, err := c.leasing(r.answer.extent, &ref)
	c.release(r)
	return m, err
}

// current reports whether a copy of that generation is still valid.
func (m *cell) current(generation uint64) bool {
	return m != nil && m.generation.Load() == generation
}

// leased returns the lease, or nil if the value is in memory of this process.
func (m *cell) leased() *lease {
	if m.lease == nil || m.lease.extent == nil {
		return nil
	}
	return m.lease
}

// bytes returns the value's memory, to be handed out.
//
// Preconditions: the cell is current, and length is at most the value's.
func (m *cell) bytes(length int) []byte {
	if l := m.leased(); l != nil && !l.exposed.Load() {
		l.exposed.Store(true)
	}
	b := m.view(length)
	runtime.KeepAlive(m) // so that forgotten comes later, and sees that they are exposed
	return b
}

// view is bytes for whoever keeps no slice of them.
func (m *cell) view(length int) []byte {
	if l := m.leased(); l != nil {
		return l.bytes[:length:length]
	}
	return bytesOf(m.words)[:length:length]
}

// end ends a generation; false if it has ended already. Who ends it owns the cell,
// and owes recycle.
func (m *cell) end(generation uint64) bool {
	return m != nil && m.generation.CompareAndSwap(generation, generation+1)
}

// release gives the value's memory or buffer back, if the generation still lasts.
func (m *cell) release(generation uint64) {
	if !m.end(generation) {
		return
	}
	if l := m.leased(); l != nil {
		l.giveBack()
	}
	m.recycle()
}

// recycle makes the cell ready for another value.
func (m *cell) recycle() {
	if 8*len(m.words) <= cellKeptBytes {
		cells.Put(m)
	}
}

// take ends the lease without giving the buffer back: it is the caller's to name.
//
// Preconditions: the lease is in use, and nobody else ends it.
func (l *lease) take() (c *Conn, e *extent, ref abi.BufferRef) {
	c, e, ref = l.conn, l.extent, l.ref
	l.conn, l.extent, l.bytes = nil, nil, nil
	e.unpin(&ref)
	return c, e, ref
}

// giveBack ends the lease and returns the buffer to the server.
func (l *lease) giveBack() {
	c, _, ref := l.take()
	c.surrender(&ref)
}

// forgotten is what becomes of a lease whose cell nobody has any more.
//
// If its bytes were never handed out nobody can have kept any, and the buffer goes
// back. Else somebody may still read or write them: the buffer stays out of use, and
// mapped, until the session ends.
func (l *lease) forgotten() {
	if l.extent == nil {
		return
	}
	c, size := l.conn, l.ref.Length
	if !l.exposed.Load() {
		c.counters.reclaimed.Add(1)
		l.giveBack()
		return
	}
	c.log.Warn("outrigger: a buffer or reply was never released; "+
		"its bytes had been handed out, so it is out of use until the session ends",
		"epoch", c.epoch, "bytes", size,
		"lent", l.extent.side == abi.SideServer, "allocated", l.where())
	c.quarantine(l)
}

// quarantine keeps a lease until the session ends.
func (c *Conn) quarantine(l *lease) {
	c.token.Lock()
	defer c.token.Unlock()
	c.counters.held.Add(-1)
	if c.sealed {
		l.take()
		return
	}
	c.quarantined = append(c.quarantined, l)
}

// where says where the buffer was had.
func (l *lease) where() string {
	if l.depth == 0 {
		return "unknown (see WithLeakCheck)"
	}
	text := ""
	frames := runtime.CallersFrames(l.site[:l.depth])
	for {
		frame, more := frames.Next()
		text += fmt.Sprintf("%s:%d", frame.File, frame.Line)
		if !more {
			return text
		}
		text += " < "
	}
}
