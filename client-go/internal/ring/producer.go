package ring

import (
	"fmt"
	"sync/atomic"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// Producer is the writing end of a ring: Stage writes a message into its slot,
// Publish makes all staged ones visible with one store. Of the consumer it
// reads the position and the event index only, and checks the first.
type Producer struct {
	slots   slots
	control control
	// published is the position of the first message not yet visible, or about to be.
	// The producer alone writes it; anybody may read it, see Reached.
	published atomic.Uint64
	// tail is the position of the next message; tail-published are staged.
	tail uint64
	// consumed is the highest position up to which the consumer is known to be done.
	consumed uint64
	// Who asks another producer, beside this one in memory, keeps his distance.
	_ [abi.LimitLine]byte
}

// FullError says that every slot holds an unread message. Credits exclude it,
// so it is a defect of this side, or a peer that does not read.
type FullError struct {
	// Capacity is the number of slots.
	Capacity uint64
}

func (e *FullError) Error() string {
	return fmt.Sprintf("ring full: %d unread messages", e.Capacity)
}

// ImpossibleError says that the consumer claims a position it cannot have.
type ImpossibleError struct {
	// Seen is what was read, Highest the first position not published.
	Seen, Highest uint64
}

func (e *ImpossibleError) Error() string {
	return fmt.Sprintf("consumer position %d (maximum %d)", e.Seen, e.Highest)
}

// NewProducer returns the producer of an empty ring. It panics if memory is not
// what Memory says.
func NewProducer(memory Memory) *Producer {
	s, c := open(memory)
	return &Producer{slots: s, control: c}
}

// Position returns the position behind the last published message.
func (p *Producer) Position() uint64 { return p.published.Load() }

// ConsumerPosition returns the position that the consumer itself has published,
// unchecked. It is lazy: the consumer may be ahead of it by a quarter of the
// capacity. Anybody may ask.
func (p *Producer) ConsumerPosition() uint64 { return p.control.position.Load() }

// Stage writes one message without publishing it. It sets the header's PayloadLen
// itself.
//
// Preconditions: the payload fits behind a header. Errors: FullError,
// ImpossibleError; nothing was written then.
func (p *Producer) Stage(header *abi.SlotHeader, payload []byte) error {
	if p.tail-p.consumed >= p.slots.capacity() {
		if err := p.refresh(); err != nil {
			return err
		}
	}
	slot := p.slots.at(p.tail)
	header.PayloadLen = uint32(copy(slot[abi.SlotHeaderSize:], payload))
	header.EncodeBehindLap(slot)
	if p.tail != p.published.Load() {
		// Not visible yet: the consumer awaits the first of the batch before it.
		p.slots.lap(p.tail).Store(p.slots.lapOf(p.tail))
	}
	p.tail++
	return nil
}

// Publish makes all staged messages visible: from here on the slots belong to
// the consumer. It reports whether the consumer had armed one of their
// positions, and its doorbell must be rung.
//
// The store is fenced from the load of the event index. Either the fence comes
// first in the total order of the sequentially consistent operations, and the
// consumer's second look sees the lap stored here; or the consumer's store of the
// index came first, and this load sees it. (virtio 1.3, section 2.7.10, makes the
// same argument.)
func (p *Producer) Publish() (ring bool) {
	old := p.published.Load()
	if p.tail == old {
		return false
	}
	StoreRelease64(&p.published, p.tail) // before the lap: see Reached
	armed := storeThenLoad(p.slots.lap(old), p.slots.lapOf(old), p.control.eventIndex)
	return armed-old < p.tail-old
}

// Learn takes note of a consumer position that arrived in a message. One below
// the known position is legal here, as messages may overtake each other.
//
// Errors: ImpossibleError if the consumer cannot be there.
func (p *Producer) Learn(position uint64) error {
	if highest := p.published.Load(); position > highest {
		return &ImpossibleError{Seen: position, Highest: highest}
	}
	p.consumed = max(p.consumed, position)
	return nil
}

// Reached reports whether the consumer can be at a position: the message before
// it was published. Anybody may ask about a position that came from the consumer,
// who has seen a lap that was stored after published was.
//
// It does not look at the slot itself: that line is in the consumer's cache now, and
// fetching it back was a sixth of a whole call.
func (p *Producer) Reached(position uint64) bool { return position <= p.published.Load() }

// refresh reads the position that the consumer published, the backstop.
func (p *Producer) refresh() error {
	if err := p.Learn(p.control.position.Load()); err != nil {
		return err
	}
	if p.tail-p.consumed >= p.slots.capacity() {
		return &FullError{Capacity: p.slots.capacity()}
	}
	return nil
}
