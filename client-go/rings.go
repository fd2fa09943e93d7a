package outrigger

import (
	"math/bits"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

// Where the rings lie, as the server segment says:
//
//	server segment   [ SegmentHeader … RingDescriptor × ring_count … rings and controls ]
//	client segment   [ SegmentHeader (ours) … rings and controls ]
//
// The slots of a ring lie in its producer's segment, its control in its
// consumer's. Each descriptor is copied once and checked; the rings are made
// from the copies.

const (
	// segmentLengthMax bounds a segment: all rings of all lanes at their largest
	// take about half of it.
	segmentLengthMax = 1 << 30
	// ringsMax bounds the descriptors: each kind on each lane.
	ringsMax = int(abi.RingReturn) * abi.LimitLanesMax
)

// layout is the descriptors of the rings that a session uses.
type layout struct {
	requests, replies []abi.RingDescriptor
	grant, returned   abi.RingDescriptor
}

// checkSegment checks the header of the server segment.
func checkSegment(memory []byte, w *abi.Welcome) (*abi.SegmentHeader, error) {
	h := &abi.SegmentHeader{}
	h.Decode(memory)
	if h.LayoutHash != abi.LayoutHash {
		return nil, failure(CodeVersionMismatch, "layout hash of the server segment")
	}
	for _, field := range []struct {
		name          string
		seen, allowed uint64
	}{
		{"magic", h.Magic, abi.SegmentMagic},
		{"ABI version", uint64(h.AbiVersion), abi.LimitAbiVersion},
		{"side", uint64(h.Side), uint64(abi.SideServer)},
		{"epoch", h.Epoch, w.Epoch},
		{"length", h.Length, w.ServerSegmentLen},
		{"reserved", h.Reserved[0] | h.Reserved[1], 0},
	} {
		if field.seen != field.allowed {
			return nil, violation("segment %s %#x (allowed: %#x)",
				field.name, field.seen, field.allowed)
		}
	}
	span := uint64(h.RingCount) * abi.RingDescriptorSize
	if h.RingCount > uint32(ringsMax) || h.RingsOffset < abi.SegmentHeaderSize ||
		uint64(h.RingsOffset)+span > h.Length {
		return nil, violation("%d rings described at offset %d (maximum %d, inside %d bytes)",
			h.RingCount, h.RingsOffset, ringsMax, h.Length)
	}
	return h, nil
}

// signSegment writes the header of the client segment, for tools.
func signSegment(memory []byte, w *abi.Welcome) {
	h := abi.SegmentHeader{
		Magic: abi.SegmentMagic, AbiVersion: abi.LimitAbiVersion, Side: abi.SideClient,
		Epoch: w.Epoch, Length: w.ClientSegmentLen, LayoutHash: abi.LayoutHash,
	}
	h.Encode(memory)
}

// readLayout copies and checks all descriptors of the server segment.
func readLayout(memory []byte, h *abi.SegmentHeader, w *abi.Welcome) (*layout, error) {
	lay := &layout{
		requests: make([]abi.RingDescriptor, w.Lanes),
		replies:  make([]abi.RingDescriptor, w.Lanes),
	}
	for i := range int(h.RingCount) {
		var d abi.RingDescriptor
		d.Decode(memory[int(h.RingsOffset)+i*abi.RingDescriptorSize:])
		if d.Capacity == 0 && d.Kind >= abi.RingRequest && d.Kind <= abi.RingReturn {
			continue
		}
		place, err := lay.place(&d)
		if err != nil {
			return nil, err
		}
		if err := checkRing(&d, w); err != nil {
			return nil, err
		}
		if place.Capacity != 0 {
			return nil, violation("ring of kind %d, lane %d described twice", d.Kind, d.Lane)
		}
		*place = d
	}
	for lane := range lay.requests {
		if lay.requests[lane].Capacity == 0 || lay.replies[lane].Capacity == 0 {
			return nil, violation("lane %d without request or reply ring", lane)
		}
		needed := abi.LimitSlotsPerCredit * uint32(w.CallCredits[0])
		if seen := lay.requests[lane].Capacity; seen < needed {
			return nil, violation("request ring of %d slots (minimum %d for %d credits)",
				seen, needed, w.CallCredits[0])
		}
	}
	if lay.grant.Capacity == 0 || lay.returned.Capacity == 0 {
		return nil, violation("no grant or no return ring")
	}
	return lay, nil
}

// place finds where a descriptor belongs.
func (lay *layout) place(d *abi.RingDescriptor) (*abi.RingDescriptor, error) {
	perLane := d.Kind == abi.RingRequest || d.Kind == abi.RingReply
	if perLane && int(d.Lane) >= len(lay.requests) || !perLane && d.Lane != 0 {
		return nil, violation("ring of kind %d on lane %d (session of %d lanes)",
			d.Kind, d.Lane, len(lay.requests))
	}
	switch d.Kind {
	case abi.RingRequest:
		return &lay.requests[d.Lane], nil
	case abi.RingReply:
		return &lay.replies[d.Lane], nil
	case abi.RingGrant:
		return &lay.grant, nil
	case abi.RingReturn:
		return &lay.returned, nil
	}
	return nil, violation("ring of kind %d with %d slots (not used in ABI version %d)",
		d.Kind, d.Capacity, abi.LimitAbiVersion)
}

// checkRing checks that a ring is of its kind's shape and inside its segments.
func checkRing(d *abi.RingDescriptor, w *abi.Welcome) error {
	producer, consumer := w.ServerSegmentLen, w.ClientSegmentLen
	if d.Kind == abi.RingRequest || d.Kind == abi.RingReturn {
		producer, consumer = consumer, producer
	}
	stride := uint32(abi.LimitSlotStride)
	if d.Kind == abi.RingGrant || d.Kind == abi.RingReturn {
		stride = abi.LimitOwnershipStride
	}
	if d.Stride != stride || d.Reserved != 0 {
		return violation("ring of kind %d with stride %d, reserved %d (allowed: %d and 0)",
			d.Kind, d.Stride, d.Reserved, stride)
	}
	if bits.OnesCount32(d.Capacity) != 1 || d.Capacity > abi.LimitRingCapacityMax {
		return violation("ring of %d slots (allowed: powers of two up to %d)",
			d.Capacity, abi.LimitRingCapacityMax)
	}
	if err := checkSpan(d.SlotsOffset, uint64(d.Capacity)*uint64(d.Stride), producer); err != nil {
		return err
	}
	return checkSpan(d.ControlOffset, abi.ConsumerControlSize, consumer)
}

// checkSpan checks that a span is aligned, behind the header's page, and ends
// inside its segment.
func checkSpan(offset, length, segment uint64) error {
	if offset%abi.LimitLine != 0 || offset < abi.LimitPage ||
		offset > segment || length > segment-offset {
		return violation("ring span of %d bytes at offset %d (multiples of %d from %d to %d)",
			length, offset, abi.LimitLine, abi.LimitPage, segment)
	}
	return nil
}

// makeRings makes the session's rings and records.
func (c *Conn) makeRings(lay *layout, credits int) {
	outgoing := func(d *abi.RingDescriptor) *ring.Producer {
		return ring.NewProducer(memoryOf(d, c.clientSegment, c.serverSegment))
	}
	incoming := func(d *abi.RingDescriptor) *ring.Consumer {
		return ring.NewConsumer(memoryOf(d, c.serverSegment, c.clientSegment))
	}
	c.grants = incoming(&lay.grant)
	c.returns.ring = outgoing(&lay.returned)
	c.credits = credits
	c.records = make([]record, len(lay.requests)*credits)
	c.indexBits = uint8(bits.Len(uint(len(c.records))))
	c.room.tokens = make(chan struct{}, len(c.records))
	for i := range lay.requests {
		l := &lane{
			index:    uint16(i),
			requests: outgoing(&lay.requests[i]),
			replies:  incoming(&lay.replies[i]),
			records:  c.records[i*credits : (i+1)*credits],
		}
		for place := range l.records {
			r := &l.records[place]
			r.lane, r.place, r.signal = l, place, make(chan struct{}, 1)
			r.alarmed = make(chan struct{}, 1)
		}
		l.fill()
		c.lanes = append(c.lanes, l)
	}
}

func memoryOf(d *abi.RingDescriptor, producer, consumer []byte) ring.Memory {
	return ring.Memory{
		Slots:    producer[d.SlotsOffset:],
		Control:  consumer[d.ControlOffset:],
		Capacity: d.Capacity,
		Stride:   d.Stride,
	}
}
