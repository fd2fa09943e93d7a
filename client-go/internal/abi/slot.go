package abi

import "encoding/binary"

// The lap tag of a slot is its publication word: it is loaded and stored
// atomically, by itself, and everything else of the header by plain copies
// before or after that. These codecs therefore leave the lap's bytes alone.

// LapOf returns the lap tag of the message at a position of a ring of
// 2^capacityLog2 slots. Tags count modulo 2^32; an unused slot has lap 0.
func LapOf(position uint64, capacityLog2 uint8) uint32 {
	return uint32(position>>(capacityLog2&63)) + 1
}

// EncodeBehindLap writes the 28 bytes of the header that follow the lap tag,
// in a slot that begins at b[0].
func (v *SlotHeader) EncodeBehindLap(b []byte) {
	_ = b[SlotHeaderSize-1]
	binary.LittleEndian.PutUint32(b[SlotHeaderKindOffset:],
		uint32(v.Kind)|uint32(v.Flags)<<8|uint32(v.Method)<<16)
	binary.LittleEndian.PutUint64(b[SlotHeaderCorrelationOffset:], v.Correlation)
	binary.LittleEndian.PutUint64(b[SlotHeaderPayloadLenOffset:],
		uint64(v.PayloadLen)|uint64(v.Code)<<32|uint64(v.Depth)<<48|uint64(v.Codec)<<56)
	binary.LittleEndian.PutUint64(b[SlotHeaderDeadlineOffset:], v.Deadline)
}

// DecodeBehindLap loads the 28 bytes that follow the lap tag of the slot at b[0],
// each word once, and takes the fields from what it loaded: the peer may still write
// the slot. The lap is the one that the caller has loaded.
func (v *SlotHeader) DecodeBehindLap(lap uint32, b []byte) {
	_ = b[SlotHeaderSize-1]
	kinds := binary.LittleEndian.Uint32(b[SlotHeaderKindOffset:])
	correlation := binary.LittleEndian.Uint64(b[SlotHeaderCorrelationOffset:])
	outcome := binary.LittleEndian.Uint64(b[SlotHeaderPayloadLenOffset:])
	deadline := binary.LittleEndian.Uint64(b[SlotHeaderDeadlineOffset:])
	*v = SlotHeader{
		Lap: lap, Kind: uint8(kinds), Flags: uint8(kinds >> 8), Method: uint16(kinds >> 16),
		Correlation: correlation, PayloadLen: uint32(outcome), Code: uint16(outcome >> 32),
		Depth: uint8(outcome >> 48), Codec: uint8(outcome >> 56), Deadline: deadline,
	}
}
