//go:build linux && (amd64 || arm64)

package fakeserver

import (
	"bytes"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

const (
	// buffersPerExtent is small, so that tests see several extents.
	buffersPerExtent = 2
	// buffersMax is the most buffers that the client may have at a time.
	buffersMax = 128
)

type bufferState uint8

const (
	stateFree bufferState = iota
	stateGranted
	stateHeld
	stateLent
)

// extent is one memfd of buffers.
type extent struct {
	id        uint32
	side      uint32
	bufferLen uint64
	memory    []byte
	state     [buffersPerExtent]bufferState
	// generation counts the uses of each buffer.
	generation [buffersPerExtent]uint32
	mapped     chan struct{}
	code       abi.Code
}

// ledger knows the state of every buffer. Its own lock, taken after the
// session's, guards it.
type ledger struct {
	session *Session
	mu      sync.Mutex
	extents []*extent
	nextID  uint64
	closed  bool
	// freed is signalled when a buffer came back, or at the end.
	freed sync.Cond
}

func (l *ledger) init(session *Session) {
	l.session = session
	l.freed.L = &l.mu
}

// allocate finds or makes a free buffer and waits until the client has mapped it.
func (l *ledger) allocate(
	side uint32, length uint64, state bufferState,
) (*extent, abi.BufferRef, bool) {
	bufferLen := uint64(abi.LimitBufferMin)
	for bufferLen < length {
		bufferLen *= 2
	}
	l.mu.Lock()
	for l.count() >= buffersMax && !l.closed {
		l.freed.Wait()
	}
	e, index := l.find(side, bufferLen)
	if e == nil && !l.closed {
		e = l.announce(side, bufferLen)
	}
	if e == nil {
		l.mu.Unlock()
		return nil, abi.BufferRef{}, false
	}
	e.state[index] = state
	e.generation[index]++
	ref := abi.BufferRef{
		Extent: e.id, Index: uint32(index), Generation: e.generation[index],
		Offset: uint64(index) * e.bufferLen, Length: e.bufferLen,
	}
	l.mu.Unlock()
	select {
	case <-e.mapped:
		return e, ref, e.code == abi.CodeOk
	case <-l.session.done:
		return nil, ref, false
	}
}

func (l *ledger) find(side uint32, bufferLen uint64) (*extent, int) {
	for _, e := range l.extents {
		if e.side != side || e.bufferLen != bufferLen {
			continue
		}
		for index, state := range e.state {
			if state == stateFree {
				return e, index
			}
		}
	}
	return nil, 0
}

// announce makes an extent and sends it to the client.
func (l *ledger) announce(side uint32, bufferLen uint64) *extent {
	size := int64(buffersPerExtent * bufferLen)
	fd, memory, err := l.session.server.memory(side, size)
	if err != nil {
		l.session.server.violated("fake: %v", err)
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	l.nextID++
	e := &extent{
		id: uint32(l.nextID), side: side, bufferLen: bufferLen, memory: memory,
		mapped: make(chan struct{}),
	}
	l.extents = append(l.extents, e)
	header := abi.ControlHeader{
		Kind: abi.ControlExtent, Length: abi.ExtentBodySize, Token: l.nextID,
	}
	body := abi.ExtentBody{
		Side: side, BufferCount: buffersPerExtent, BufferLen: bufferLen, Length: uint64(size),
	}
	sendFd := true
	if tamper := l.session.server.options.Tamper.Extent; tamper != nil {
		sendFd = tamper(&header, &body)
	}
	frame := make([]byte, abi.ControlHeaderSize+abi.ExtentBodySize)
	header.Encode(frame)
	body.Encode(frame[abi.ControlHeaderSize:])
	if sendFd {
		l.session.SendRaw(frame, fd)
	} else {
		l.session.SendRaw(frame)
	}
	return e
}

// mapped notes the client's answer to EXTENT.
func (l *ledger) mapped(token uint64, code abi.Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.extents {
		if uint64(e.id) == token {
			e.code = code
			close(e.mapped)
			return
		}
	}
	l.session.server.violated("extent %d mapped, which was never announced", token)
}

// lend puts a value into a buffer and returns the payload that names it.
func (l *ledger) lend(value []byte) ([]byte, bool) {
	e, ref, ok := l.allocate(abi.SideServer, uint64(len(value)), stateLent)
	if !ok {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.memory == nil {
		return nil, false
	}
	copy(e.memory[ref.Offset:], value)
	ref.Length = uint64(len(value))
	payload := make([]byte, abi.BufferTableSize+abi.BufferRefSize)
	table := abi.BufferTable{Count: 1}
	table.Encode(payload)
	ref.Encode(payload[abi.BufferTableSize:])
	return payload, true
}

// take acts on a message of the return ring.
func (l *ledger) take(h *abi.SlotHeader, payload []byte) {
	server := l.session.server
	switch {
	case h.Kind == abi.KindAlloc && len(payload) == abi.AllocRequestSize:
		var request abi.AllocRequest
		request.Decode(payload)
		correlation := h.Correlation
		go l.grantEach(correlation, &request)
	case h.Kind == abi.KindReturn && len(payload) == abi.BufferRefSize:
		var ref abi.BufferRef
		ref.Decode(payload)
		l.giveBack(&ref)
	default:
		server.violated("return ring: %+v", *h)
	}
}

// grantEach answers an ALLOC, one buffer after the other: what is free is of no concern
// to the fake.
func (l *ledger) grantEach(correlation uint64, request *abi.AllocRequest) {
	server := l.session.server
	for i, length := range request.Lengths {
		if length == 0 && i > 0 {
			return
		}
		if length == 0 || uint64(length) > server.options.PayloadMax {
			server.violated("alloc of %d bytes", length)
		}
		l.grant(correlation, uint64(length))
	}
}

// grant answers an ALLOC for one buffer.
func (l *ledger) grant(correlation, length uint64) {
	tamper := &l.session.server.options.Tamper
	h := abi.SlotHeader{Kind: abi.KindGrant, Correlation: correlation}
	payload := make([]byte, abi.BufferRefSize)
	if tamper.RefuseGrants != 0 {
		h.Kind, h.Code = abi.KindRefused, uint16(tamper.RefuseGrants)
		refusal := abi.Refusal{Needed: length, Available: 4096}
		payload = payload[:abi.RefusalSize]
		refusal.Encode(payload)
	} else {
		_, ref, ok := l.allocate(abi.SideClient, length, stateGranted)
		if !ok {
			return
		}
		ref.Encode(payload)
	}
	if tamper.Grant != nil {
		payload = tamper.Grant(&h, payload)
		if payload == nil {
			return
		}
	}
	l.session.publishGrant(&h, payload)
}

// publishGrant publishes a message in the grant ring.
func (s *Session) publishGrant(h *abi.SlotHeader, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushGrant(h, payload)
}

func (s *Session) pushGrant(h *abi.SlotHeader, payload []byte) {
	if s.ended {
		return
	}
	if err := s.grants.Stage(h, payload); err != nil {
		s.server.violated("grant ring: %v", err)
	} else if s.grants.Publish() {
		s.ringClient()
	}
}

// use takes the value of a CALL out of its granted buffer; the buffer is free
// afterwards, as the fake copies it.
func (l *ledger) use(h *abi.SlotHeader, payload []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	server := l.session.server
	if len(payload) != abi.BufferTableSize+abi.BufferRefSize {
		server.violated("buffers of %d bytes: %+v", len(payload), *h)
		return nil
	}
	var ref abi.BufferRef
	ref.Decode(payload[abi.BufferTableSize:])
	e := l.check(&ref, stateGranted)
	if e == nil || ref.Offset != uint64(ref.Index)*e.bufferLen || ref.Length > e.bufferLen {
		server.violated("call with buffer %+v", ref)
		return nil
	}
	e.state[ref.Index] = stateFree
	l.freed.Broadcast()
	value := bytes.Clone(e.memory[ref.Offset:][:ref.Length])
	if server.options.Stock {
		e.state[ref.Index] = stateGranted
		e.generation[ref.Index]++
		ref.Generation, ref.Length = e.generation[ref.Index], e.bufferLen
		l.session.stock(&ref)
	}
	return value
}

// stock publishes a grant that nobody asked for. The caller holds the session's lock.
func (s *Session) stock(ref *abi.BufferRef) {
	if tamper := s.server.options.Tamper.Stock; tamper != nil {
		tamper(ref)
	}
	payload := make([]byte, abi.BufferRefSize)
	ref.Encode(payload)
	s.pushGrant(&abi.SlotHeader{Kind: abi.KindGrant}, payload)
}

// Recall asks for all that is in stock.
func (s *Session) Recall() { s.publishGrant(&abi.SlotHeader{Kind: abi.KindRecall}, nil) }

func (l *ledger) giveBack(ref *abi.BufferRef) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.check(ref, stateGranted, stateLent)
	if e == nil {
		l.session.server.violated("return of buffer %+v", *ref)
		return
	}
	e.state[ref.Index] = stateFree
	l.freed.Broadcast()
}

// check finds the extent of a reference if its buffer is in one of the states.
func (l *ledger) check(ref *abi.BufferRef, states ...bufferState) *extent {
	for _, e := range l.extents {
		if e.id == ref.Extent && ref.Index < buffersPerExtent &&
			e.generation[ref.Index] == ref.Generation {
			for _, state := range states {
				if e.state[ref.Index] == state {
					return e
				}
			}
		}
	}
	return nil
}

// DropExtents tells the client to unmap all extents that are empty, and returns
// how many those are.
func (s *Session) DropExtents() (count int) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	var rest []*extent
	for _, e := range s.ledger.extents {
		if e.state != [buffersPerExtent]bufferState{} {
			rest = append(rest, e)
			continue
		}
		count++
		_ = unix.Munmap(e.memory)
		e.memory = nil
		s.Send(abi.ControlExtentDrop, abi.CodeOk, uint64(e.id), nil)
	}
	s.ledger.extents = rest
	return count
}

func (l *ledger) out() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count()
}

func (l *ledger) count() (count int) {
	for _, e := range l.extents {
		for _, state := range e.state {
			if state != stateFree {
				count++
			}
		}
	}
	return count
}

func (l *ledger) free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.freed.Broadcast()
	for _, e := range l.extents {
		_ = unix.Munmap(e.memory)
		e.memory = nil
	}
}
