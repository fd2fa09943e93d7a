// Package ring is a single-producer single-consumer ring of slots in memory
// that two processes share, with the event index that decides who rings whose
// doorbell. ABI.md sections 4 and 5 are its specification.
//
//	slots, in the producer's segment:            control, in the consumer's segment:
//	  lap(4) header(28) payload(stride-32)         position(8)  … own 128-byte line
//	  lap(4) header(28) payload(stride-32)         event_index(8) … own line
//	  …  capacity of them
//
//	word          written by   read by
//	slot, lap     producer     consumer (the lap is the publication word)
//	position      consumer     producer: slots below it may be written again
//	event_index   consumer     producer: publishing this position rings the bell
//
// The lap tag of position p is p/capacity+1. The producer writes a slot, then
// stores its lap; the consumer loads the lap and reads the slot only if it is
// the one awaited. Go's atomics are sequentially consistent, which is more than
// the release and acquire that this asks for; where the consumer arms it spares the
// fence between that and its second look. The producer's counterpart, "publish" and
// "look whether somebody sleeps", is storeThenLoad, see order_asm.go.
//
// A ring works over any []byte, so tests run it on the heap under -race.
// Producer and Consumer are thread-compatible: one caller at a time, except for
// Consumer.Ready, Producer.Reached and Producer.ConsumerPosition, which anybody may ask.
package ring

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// Memory is where a ring lies.
type Memory struct {
	// Slots begins with slot 0; at least Capacity*Stride bytes.
	Slots []byte
	// Control begins with the ConsumerControl; at least its size.
	Control []byte
	// Capacity is the number of slots, a power of two.
	Capacity uint32
	// Stride is the bytes from one slot to the next, 64, 128 or 256.
	Stride uint32
}

// slots finds the slot of a position.
type slots struct {
	memory       []byte
	stride       uint64
	mask         uint64
	capacityLog2 uint8
}

// control holds the two words of a ConsumerControl.
type control struct {
	position   *atomic.Uint64
	eventIndex *atomic.Uint64
}

// open checks what the caller promised and derives both views. It panics on a
// broken promise: descriptors from a peer are checked before they come here.
func open(m Memory) (slots, control) {
	if m.Capacity == 0 || m.Capacity&(m.Capacity-1) != 0 || m.Stride < abi.SlotHeaderSize {
		panic(fmt.Sprintf("ring: capacity %d, stride %d (allowed: a power of two; at least %d)",
			m.Capacity, m.Stride, abi.SlotHeaderSize))
	}
	assertAligned(m.Slots)
	assertAligned(m.Control)
	size := uint64(m.Capacity) * uint64(m.Stride)
	s := slots{
		memory:       m.Slots[:size:size],
		stride:       uint64(m.Stride),
		mask:         uint64(m.Capacity) - 1,
		capacityLog2: uint8(bits.TrailingZeros32(m.Capacity)),
	}
	return s, control{
		position:   word64(m.Control, abi.ConsumerControlPositionOffset),
		eventIndex: word64(m.Control, abi.ConsumerControlEventIndexOffset),
	}
}

func (s *slots) capacity() uint64 { return s.mask + 1 }

// payloadMax is the bytes that fit behind a header.
func (s *slots) payloadMax() int { return int(s.stride) - abi.SlotHeaderSize }

// at returns the slot of a position.
func (s *slots) at(position uint64) []byte {
	offset := (position & s.mask) * s.stride
	return s.memory[offset : offset+s.stride : offset+s.stride]
}

// lap returns the publication word of a position's slot.
func (s *slots) lap(position uint64) *atomic.Uint32 {
	return word32(s.memory, (position&s.mask)*s.stride+abi.SlotHeaderLapOffset)
}

// lapOf returns what that word holds once the position is published.
func (s *slots) lapOf(position uint64) uint32 { return abi.LapOf(position, s.capacityLog2) }
