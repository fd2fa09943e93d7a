package outrigger

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

const (
	// extentsMax is the most extents of one session that are mapped at a time.
	extentsMax = 1024
	// extentLengthMax bounds one extent, in bytes: far above anything useful,
	// and far below where offsets could wrap.
	extentLengthMax = 1 << 40
)

// An extent is a memfd of buffers for values that do not fit in a slot.
//
//	memory   [ buffer 0 | buffer 1 | … ]   each bufferLen bytes
//
// The side that writes it is the one that its side says; on this side a buffer
// is touched only by whoever has it, granted or lent, and has pinned the extent.
// A pin keeps the memory mapped whatever the server says, and past the session's
// end: nothing is ever unmapped under somebody who reads or writes it.
type extent struct {
	id        uint32
	side      uint32
	count     uint32
	bufferLen uint64
	// guard says that what is not pinned must not be accessible.
	guard bool

	mu      sync.Mutex
	pins    int
	dropped bool
	memory  []byte // nil once it is unmapped
}

// extentTable finds extents by id. Readers never lock: the map is replaced.
type extentTable struct {
	table atomic.Pointer[map[uint32]*extent]
	// last is the highest id seen; only the control goroutine uses it.
	last  uint64
	guard bool
}

// add checks an announcement and maps its extent.
//
// Errors: a violation; or another error if it cannot be mapped now. The fd stays
// the caller's.
func (t *extentTable) add(token uint64, body *abi.ExtentBody, fd int) error {
	if token <= t.last || token > 1<<32-1 {
		return violation("extent id %d (allowed: %d to %d)", token, t.last+1, uint32(1<<32-1))
	}
	if err := checkExtent(body); err != nil {
		return err
	}
	t.last = token
	if len(t.all()) >= extentsMax {
		return failure(CodeResourceExhausted, "too many extents are mapped")
	}
	access := shm.ReadOnly
	if body.Side == abi.SideClient {
		access = shm.ReadWrite
	}
	memory, err := shm.Map(fd, body.Length, access)
	if err != nil {
		return err
	}
	t.replace(func(table map[uint32]*extent) {
		table[uint32(token)] = &extent{
			id: uint32(token), side: body.Side,
			count: body.BufferCount, bufferLen: body.BufferLen, guard: t.guard, memory: memory,
		}
	})
	return nil
}

func checkExtent(body *abi.ExtentBody) error {
	if body.Side != abi.SideServer && body.Side != abi.SideClient {
		return violation("extent side %d (allowed: %d or %d)",
			body.Side, abi.SideServer, abi.SideClient)
	}
	if bits.OnesCount64(body.BufferLen) != 1 || body.BufferLen < abi.LimitBufferMin {
		return violation("extent buffer length %d (allowed: powers of two from %d)",
			body.BufferLen, abi.LimitBufferMin)
	}
	high, length := bits.Mul64(body.BufferLen, uint64(body.BufferCount))
	if high != 0 || length != body.Length || length == 0 || length > extentLengthMax {
		return violation("extent of %d bytes with %d buffers of %d",
			body.Length, body.BufferCount, body.BufferLen)
	}
	if body.Reserved != 0 {
		return violation("extent reserved %#x (allowed: 0)", body.Reserved)
	}
	return nil
}

// drop unmaps an extent.
//
// Errors: a violation if there is none of this id, or a buffer of it is out.
func (t *extentTable) drop(token uint64) error {
	e := t.all()[uint32(token)]
	if token > 1<<32-1 || e == nil {
		return violation("drop of extent %d, which is not mapped", token)
	}
	t.replace(func(table map[uint32]*extent) { delete(table, e.id) })
	if pins := e.drop(); pins > 0 {
		return violation("extent %d was dropped while %d of its buffers were out", e.id, pins)
	}
	return nil
}

// dropAll unmaps everything at the end of the session, but what is pinned: that
// goes with its last pin.
func (t *extentTable) dropAll() {
	for _, e := range t.all() {
		e.drop()
	}
	t.table.Store(nil)
}

// resolve finds the extent of a reference and checks that the reference lies in
// the buffer that it names.
//
// Errors: a violation.
func (t *extentTable) resolve(ref *abi.BufferRef, side uint32) (*extent, error) {
	e := t.all()[ref.Extent]
	if e == nil {
		return nil, violation("buffer in extent %d, which is not mapped", ref.Extent)
	}
	if e.side != side {
		return nil, violation("buffer in extent %d of side %d (allowed: %d)", e.id, e.side, side)
	}
	if ref.Index >= e.count {
		return nil, violation("buffer %d of extent %d (maximum %d)", ref.Index, e.id, e.count-1)
	}
	begin := uint64(ref.Index) * e.bufferLen
	if ref.Offset < begin || ref.Offset-begin > e.bufferLen ||
		ref.Length > e.bufferLen-(ref.Offset-begin) {
		return nil, violation("offset %d, length %d in extent %d (allowed: %d to %d)",
			ref.Offset, ref.Length, e.id, begin, begin+e.bufferLen)
	}
	return e, nil
}

// read copies the referenced bytes.
//
// Preconditions: resolve accepted the reference; into has at most its length.
func (e *extent) read(ref *abi.BufferRef, into []byte) error {
	bytes, err := e.pin(ref)
	if err != nil {
		return err
	}
	copy(into, bytes)
	e.unpin(ref)
	return nil
}

// pin keeps the extent mapped until unpin, and returns the referenced bytes.
//
// Preconditions: resolve accepted the reference. Errors: a violation, if the server
// dropped the extent meanwhile.
func (e *extent) pin(ref *abi.BufferRef) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dropped {
		return nil, violation("extent %d was dropped while a buffer of it was out", e.id)
	}
	e.pins++
	if e.guard {
		access := shm.ReadOnly
		if e.side == abi.SideClient {
			access = shm.ReadWrite
		}
		shm.Protect(e.whole(ref), access)
	}
	end := ref.Offset + ref.Length
	return e.memory[ref.Offset:end:end], nil
}

// unpin ends what pin began with the same reference.
func (e *extent) unpin(ref *abi.BufferRef) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pins--
	if e.guard {
		shm.Protect(e.whole(ref), shm.NoAccess)
	}
	e.unmapIfDone()
}

// drop unmaps the memory, now or with its last pin, and returns how many there are.
func (e *extent) drop() (pins int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dropped = true
	e.unmapIfDone()
	return e.pins
}

// whole returns all of the buffer that a reference names.
func (e *extent) whole(ref *abi.BufferRef) []byte {
	begin := uint64(ref.Index) * e.bufferLen
	return e.memory[begin : begin+e.bufferLen]
}

func (e *extent) unmapIfDone() {
	if e.dropped && e.pins == 0 && e.memory != nil {
		_ = shm.Unmap(e.memory)
		e.memory = nil
	}
}

func (t *extentTable) all() map[uint32]*extent {
	if table := t.table.Load(); table != nil {
		return *table
	}
	return nil
}

// replace publishes a changed copy of the table. Only the control goroutine
// changes it.
func (t *extentTable) replace(change func(map[uint32]*extent)) {
	next := make(map[uint32]*extent, len(t.all())+1)
	for id, e := range t.all() {
		next[id] = e
	}
	change(next)
	t.table.Store(&next)
}
