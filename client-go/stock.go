package outrigger

import (
	"math/bits"
	"sync"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// Grants ahead of need: buffers of common sizes that the server has granted unasked,
// so that a large call needs no round trip for its buffer.
//
//	GRANT, correlation 0 ─▶ stock ─▶ a call, an Alloc
//	                          └────── RECALL ─▶ RETURN
//
// Who finds no buffer in stock reads the grant ring before he asks for one.

const (
	// stockClasses is the sizes that are stocked: BUFFER_MIN and its doubles.
	stockClasses = 8
)

// granted is a buffer that this side may write.
type granted struct {
	extent *extent
	ref    abi.BufferRef
}

// stock is guarded by its own lock, which nobody holds while he waits.
type stock struct {
	mu      sync.Mutex
	classes [stockClasses][]granted
	count   int
	// recalls counts the RECALLs.
	recalls uint64
	// max is the most buffers that the server may grant and lend.
	max int
}

// classOf returns the class of buffers for so many bytes; it may be none of the stock's.
func classOf(length uint64) int {
	return bits.Len64((max(length, 1) - 1) / abi.LimitBufferMin)
}

// take removes a buffer for so many bytes.
func (s *stock) take(length uint64) (g granted, ok bool) {
	class := classOf(length)
	if class >= stockClasses {
		return g, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.classes[class]) - 1
	if last < 0 {
		return g, false
	}
	g = s.classes[class][last]
	s.classes[class] = s.classes[class][:last]
	s.count--
	return g, true
}

// put adds a buffer; false if it is of no stocked size, or if there are too many.
// (A server that grants one twice cannot fill this side's memory.)
func (s *stock) put(g granted) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(g)
}

// putBack is put, unless there was a RECALL since there had been so many.
func (s *stock) putBack(g granted, recalls uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recalls == recalls && s.add(g)
}

// recalled counts the RECALLs.
func (s *stock) recalled() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recalls
}

// add is put for the holder of mu.
func (s *stock) add(g granted) bool {
	class := classOf(g.ref.Length)
	if class >= stockClasses || s.count >= s.max {
		return false
	}
	s.classes[class] = append(s.classes[class], g)
	s.count++
	return true
}

// forget empties the stock, whose memory is about to go.
func (s *stock) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.classes, s.count = [stockClasses][]granted{}, 0
}

// size counts the buffers.
func (s *stock) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// fromStock takes buffers for these lengths that were granted unasked, all or none.
func (c *Conn) fromStock(lengths []int, into []granted) bool {
	looked, recalls := false, c.stock.recalled()
	for i, length := range lengths {
		g, ok := c.stock.take(uint64(length))
		if !ok && !looked && classOf(uint64(length)) < stockClasses {
			looked = true
			c.readGrants()
			g, ok = c.stock.take(uint64(length))
		}
		if !ok {
			c.restock(into[:i], recalls)
			return false
		}
		into[i] = g
	}
	c.counters.held.Add(int64(len(lengths)))
	return true
}

// restock puts buffers back that were taken out of the stock when there had been so many
// RECALLs. What was recalled since goes back to the server: it does not ask again.
func (c *Conn) restock(buffers []granted, recalls uint64) {
	for _, g := range buffers {
		if !c.stock.putBack(g, recalls) {
			c.counters.held.Add(1)
			c.surrender(&g.ref)
		}
	}
}

// readGrants reads the grant ring for everybody.
func (c *Conn) readGrants() {
	c.token.Lock()
	defer c.token.Unlock()
	if c.sealed {
		return
	}
	if err := c.drainGrants(nil); err != nil {
		c.seal(err)
	}
}

// takeStock puts a grant that nobody asked for into the stock. One of a size that is
// not stocked goes back.
//
// Nobody has said how many bytes he needs, so the grant must be all of its buffer:
// who takes it out goes by its class.
//
// Errors: a violation. Preconditions: the caller holds the token.
func (c *Conn) takeStock(h *abi.SlotHeader) error {
	var a answer
	g, err := a.readGrant(c.grants, h, &c.extents)
	if err != nil {
		return err
	}
	if g.ref.Length != g.extent.bufferLen {
		return violation("grant of %d bytes in a buffer of %d, which nobody asked for",
			g.ref.Length, g.extent.bufferLen)
	}
	if !c.stock.put(g) {
		return c.returnGrant(&g.ref)
	}
	return nil
}

// takeRecall returns all that is in stock.
//
// Preconditions: the caller holds the token.
func (c *Conn) takeRecall(h *abi.SlotHeader) error {
	if h.PayloadLen != 0 || h.Flags != 0 || h.Code != 0 || h.Correlation != 0 {
		return violation("RECALL with %d bytes, flags %#x, code %d, correlation %#x (allowed: 0)",
			h.PayloadLen, h.Flags, h.Code, h.Correlation)
	}
	c.stock.mu.Lock()
	c.stock.recalls++ // before they are taken: who has one in hand gives it back
	c.stock.mu.Unlock()
	for class := range c.stock.classes {
		length := uint64(abi.LimitBufferMin) << class
		for g, ok := c.stock.take(length); ok; g, ok = c.stock.take(length) {
			if err := c.returnGrant(&g.ref); err != nil {
				return err
			}
		}
	}
	return nil
}

// returnGrant returns a buffer that counted as nobody's.
func (c *Conn) returnGrant(ref *abi.BufferRef) error {
	var payload [abi.BufferRefSize]byte
	ref.Encode(payload[:])
	header := abi.SlotHeader{Kind: abi.KindReturn}
	return c.publishReturn(&header, payload[:])
}
