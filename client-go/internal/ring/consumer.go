package ring

import (
	"fmt"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// Consumer is the reading end of a ring: Peek copies the next header, Copy its
// payload, Release gives the slot back, Arm asks for a doorbell. What it reads
// was written by a peer: each word is loaded once, and callers check the copy.
type Consumer struct {
	slots   slots
	control control
	// published is the position last stored for the producer.
	published uint64
	// head is the position of the next message.
	head uint64
}

// CorruptError says that a slot's lap tag is neither the awaited one nor the
// one before: the producer broke the protocol.
type CorruptError struct {
	// Position is where, Seen the lap that was read, Awaited the one of a message.
	Position      uint64
	Seen, Awaited uint32
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("lap %d at position %d (allowed: %d or %d)",
		e.Seen, e.Position, e.Awaited-1, e.Awaited)
}

// NewConsumer returns the consumer of an empty ring. It panics if memory is not
// what Memory says.
func NewConsumer(memory Memory) *Consumer {
	s, c := open(memory)
	return &Consumer{slots: s, control: c}
}

// Position returns the position of the next message to read.
func (c *Consumer) Position() uint64 { return c.head }

// Capacity returns the number of slots.
func (c *Consumer) Capacity() uint64 { return c.slots.capacity() }

// PayloadMax returns the bytes that fit behind a header.
func (c *Consumer) PayloadMax() int { return c.slots.payloadMax() }

// Ready reports whether the slot of a position is anything but empty. It is a
// hint that anybody may ask for, without owning the consumer. A position that
// the owner has passed meanwhile stays ready, as its lap has moved on: who asks
// with an old one is told to look again, and misses no message.
func (c *Consumer) Ready(position uint64) bool {
	return c.slots.lap(position).Load() != c.slots.lapOf(position)-1
}

// Peek copies the header of the next message and reports whether there is one.
//
// Errors: CorruptError; a damaged slot is never reported as empty.
func (c *Consumer) Peek(header *abi.SlotHeader) (bool, error) {
	head := c.head
	seen, awaited := c.slots.lap(head).Load(), c.slots.lapOf(head)
	if seen != awaited {
		if seen == awaited-1 {
			return false, nil
		}
		return false, &CorruptError{Position: head, Seen: seen, Awaited: awaited}
	}
	header.DecodeBehindLap(seen, c.slots.at(head))
	return true, nil
}

// Copy copies the first len(into) payload bytes of the message that Peek found.
//
// Preconditions: len(into) is at most PayloadMax.
func (c *Consumer) Copy(into []byte) {
	slot := c.slots.at(c.head)
	copy(into, slot[abi.SlotHeaderSize:][:len(into)])
}

// Release gives the slot of the message that Peek found back to the producer,
// who learns of it at the latest after a quarter of the capacity.
func (c *Consumer) Release() {
	c.head++
	if c.head-c.published >= c.slots.capacity()/4 {
		c.publishPosition()
	}
}

// Arm asks the producer to ring the doorbell for the next message, and looks
// once more. It reports whether a message is there already; then the caller
// must not sleep, since the bell may not ring for it. The ring stays armed
// until that position is published.
//
// Preconditions: Peek found nothing at this position. Errors: as Peek.
func (c *Consumer) Arm() (ready bool, err error) {
	head := c.head
	if head != c.published {
		c.publishPosition()
	}
	// This store and the load of the lap below are what Producer.Publish pairs with.
	c.control.eventIndex.Store(head)
	seen, awaited := c.slots.lap(head).Load(), c.slots.lapOf(head)
	if seen != awaited && seen != awaited-1 {
		return false, &CorruptError{Position: head, Seen: seen, Awaited: awaited}
	}
	return seen == awaited, nil
}

func (c *Consumer) publishPosition() {
	c.control.position.Store(c.head)
	c.published = c.head
}
