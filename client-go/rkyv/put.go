package rkyv

import (
	"encoding/binary"
	"math"
)

// Scalars as they stand in archives; for generated code.

// PutBool writes a bool.
func PutBool(into []byte, value bool) {
	if value {
		into[0] = 1
	}
}

// PutU8 writes a u8.
func PutU8(into []byte, value uint8) { into[0] = value }

// PutU16 writes a u16.
func PutU16(into []byte, value uint16) { binary.LittleEndian.PutUint16(into, value) }

// PutU32 writes a u32.
func PutU32(into []byte, value uint32) { binary.LittleEndian.PutUint32(into, value) }

// PutU64 writes a u64.
func PutU64(into []byte, value uint64) { binary.LittleEndian.PutUint64(into, value) }

// PutI8 writes an i8.
func PutI8(into []byte, value int8) { into[0] = uint8(value) }

// PutI16 writes an i16.
func PutI16(into []byte, value int16) { PutU16(into, uint16(value)) }

// PutI32 writes an i32.
func PutI32(into []byte, value int32) { PutU32(into, uint32(value)) }

// PutI64 writes an i64.
func PutI64(into []byte, value int64) { PutU64(into, uint64(value)) }

// PutF32 writes an f32.
func PutF32(into []byte, value float32) { PutU32(into, math.Float32bits(value)) }

// PutF64 writes an f64.
func PutF64(into []byte, value float64) { PutU64(into, math.Float64bits(value)) }

// PutChar writes a char.
func PutChar(into []byte, value rune) { PutU32(into, uint32(value)) }
