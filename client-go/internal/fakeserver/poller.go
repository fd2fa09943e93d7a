//go:build linux && (amd64 || arm64)

package fakeserver

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

// Call is a call that waits for its answer.
type Call struct {
	session *Session
	lane    int
	Header  abi.SlotHeader
	Method  string
	// Payload is nil for no value.
	Payload []byte
	// Cancelled is closed when CANCEL arrives.
	Cancelled chan struct{}
}

// Session returns the call's session.
func (c *Call) Session() *Session { return c.session }

// poll reads the rings until the session ends, spinning for a while before it
// sleeps on the eventfd. (A real server never reads it; nobody else does here.)
func (s *Session) poll() {
	var idleSince time.Time
	var waste [8]byte
	spins := 0
	for {
		if s.work() {
			spins = 0
			continue
		}
		if s.server.options.Spin > 0 {
			if spins++; spins == 1 {
				idleSince = time.Now()
			}
			if ring.Pause(); spins%64 != 0 || time.Since(idleSince) < s.server.options.Spin {
				continue
			}
		}
		if s.arm() {
			continue
		}
		if _, err := s.bell.Read(waste[:]); err != nil {
			return
		}
		spins = 0
	}
}

func (s *Session) arm() (ready bool) {
	for _, requests := range s.requests {
		found, err := requests.Arm()
		if err != nil {
			s.server.violated("arm: %v", err)
		}
		ready = ready || found
	}
	found, err := s.returns.Arm()
	if err != nil {
		s.server.violated("arm: %v", err)
	}
	return ready || found
}

// workBare answers each request of each lane with its own payload.
func (s *Session) workBare() (worked bool) {
	var h abi.SlotHeader
	var payload [abi.LimitInlineMax]byte
	for lane, requests := range s.requests {
		found, err := requests.Peek(&h)
		if err != nil || !found {
			continue
		}
		worked = true
		requests.Copy(payload[:h.PayloadLen])
		requests.Release()
		h.Kind, h.Deadline, h.Method = abi.KindReply, requests.Position(), 0
		if s.replies[lane].Stage(&h, payload[:h.PayloadLen]) == nil && s.replies[lane].Publish() {
			s.ringClient()
		}
	}
	return worked
}

// Work does the poller's part once, for a Manual server.
func (s *Session) Work() { s.work() }

// work reads everything there is.
func (s *Session) work() (worked bool) {
	if s.server.options.Bare {
		return s.workBare()
	}
	var h abi.SlotHeader
	for {
		found, err := s.returns.Peek(&h)
		if err != nil {
			s.server.violated("return ring: %v", err)
			return false
		}
		if !found {
			break
		}
		worked = true
		s.ledger.take(&h, s.payload(s.returns, &h))
		s.returns.Release()
	}
	for lane, requests := range s.requests {
		for {
			found, err := requests.Peek(&h)
			if err != nil {
				s.server.violated("request ring: %v", err)
				return false
			}
			if !found {
				break
			}
			worked = true
			payload := s.payload(requests, &h)
			requests.Release()
			s.consumed[lane].Store(requests.Position())
			if s.server.options.Tamper.HidePosition {
				binary.LittleEndian.PutUint64(s.requestMemory[lane].Control, 0)
			}
			s.request(lane, h, payload)
		}
	}
	return worked
}

func (s *Session) payload(from *ring.Consumer, h *abi.SlotHeader) []byte {
	if h.PayloadLen > uint32(from.PayloadMax()) || h.Code != 0 || h.Depth != 0 {
		s.server.violated("header %+v", *h)
		return nil
	}
	payload := make([]byte, h.PayloadLen)
	from.Copy(payload)
	return payload
}

// request acts on one message of a request ring.
func (s *Session) request(lane int, h abi.SlotHeader, payload []byte) {
	s.mu.Lock()
	call := s.inFlight[h.Correlation]
	if h.Kind == abi.KindCancel {
		s.cancels++
		if call != nil {
			close(call.Cancelled)
			call.Cancelled = nil
		}
		if h.Method != 0 || h.Flags != 0 || h.Deadline != 0 || len(payload) != 0 {
			s.server.violated("cancel %+v", h)
		}
		s.mu.Unlock()
		return
	}
	name, bound := s.methods[h.Method]
	switch {
	case h.Kind != abi.KindCall || !bound || h.Correlation == 0 || call != nil:
		s.server.violated("call %+v: bound %v, in flight %v", h, bound, call != nil)
	case len(s.inFlight) >= s.server.options.Credits*s.lanes:
		s.server.violated("more calls than credits: %d", len(s.inFlight)+1)
	case h.Flags&^(abi.FlagBuffers|abi.FlagNoValue) != 0:
		s.server.violated("call flags %#x", h.Flags)
	}
	switch {
	case h.Flags&abi.FlagBuffers != 0:
		payload = s.ledger.use(&h, payload)
	case h.Flags&abi.FlagNoValue != 0:
		payload = nil
	}
	call = &Call{
		session: s, lane: lane, Header: h, Method: name, Payload: payload,
		Cancelled: make(chan struct{}),
	}
	s.inFlight[h.Correlation] = call
	s.calls++
	s.peak = max(s.peak, len(s.inFlight))
	s.mu.Unlock()
	if handler := s.server.options.Handlers[name]; handler != nil {
		handler(call)
	} else {
		call.Fail(abi.CodeNotFound, abi.CodeNotFound.Message(name))
	}
}

// Reply answers with a value; nil is no value.
func (c *Call) Reply(value []byte) {
	header := abi.SlotHeader{Codec: c.Header.Codec}
	if value == nil {
		header.Flags = abi.FlagNoValue
	}
	c.answer(header, value)
}

// Fail answers with an error.
func (c *Call) Fail(code abi.Code, message string) {
	c.answer(abi.SlotHeader{Code: uint16(code), Codec: c.Header.Codec}, []byte(message))
}

// answer publishes the reply; a large value gets a buffer first, which may have
// to wait for an extent, off the poller.
func (c *Call) answer(h abi.SlotHeader, value []byte) {
	if len(value) <= abi.LimitInlineMax {
		c.Publish(h, value)
		return
	}
	value = bytes.Clone(value)
	go func() {
		payload, ok := c.session.ledger.lend(value)
		if ok {
			h.Flags |= abi.FlagBuffers
			c.Publish(h, payload)
		}
	}()
}

// Publish publishes a reply as it is, changed only by the Tamper.
func (c *Call) Publish(h abi.SlotHeader, payload []byte) {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	delete(s.inFlight, c.Header.Correlation)
	h.Kind, h.Correlation = abi.KindReply, c.Header.Correlation
	h.Deadline = s.consumed[c.lane].Load()
	s.push(c.lane, h, payload)
}

// Progress publishes a PROGRESS of the call.
func (c *Call) Progress() {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.push(c.lane, abi.SlotHeader{
			Kind: abi.KindProgress, Code: uint16(abi.CodeStaleWarn),
			Correlation: c.Header.Correlation,
		}, []byte("still running after 5 ms"))
	}
}

// push publishes one message of a reply ring. The caller holds mu.
func (s *Session) push(lane int, h abi.SlotHeader, payload []byte) {
	tamper := &s.server.options.Tamper
	if tamper.Reply != nil {
		payload = tamper.Reply(&h, payload)
	}
	wrongLength := h.PayloadLen // what the Tamper wants, 0 if nothing
	position := s.replies[lane].Position()
	if err := s.replies[lane].Stage(&h, payload); err != nil {
		s.server.violated("reply ring: %v", err)
		return
	}
	memory := s.replyMemory[lane]
	slot := memory.Slots[(position%uint64(memory.Capacity))*uint64(memory.Stride):]
	if wrongLength != 0 {
		binary.LittleEndian.PutUint32(slot[abi.SlotHeaderPayloadLenOffset:], wrongLength)
	}
	if tamper.Lap != nil {
		lap := abi.LapOf(position, uint8(log2(memory.Capacity)))
		binary.LittleEndian.PutUint32(slot, tamper.Lap(lap))
		s.ringClient()
		return
	}
	if s.replies[lane].Publish() {
		s.ringClient()
	}
}

func log2(capacity uint32) (log int) {
	for ; capacity > 1; capacity /= 2 {
		log++
	}
	return log
}
