package rkyv

import (
	"encoding/binary"
	"math"
)

// A Ref is a position in a checked archive. Generated views are made of it; its
// methods read what stands so many bytes behind the position.
//
// They check every access against the archive's end, and how many pointers lead
// here: bytes that were not checked, or changed since, make them panic (see Recover),
// and never read outside, nor follow pointers without end.
type Ref struct {
	archive []byte
	// position is below ArchiveMax in checked archives.
	position uint32
	// depth counts the pointers that lead here, up to DepthMax.
	depth uint32
}

// NewRef returns the position in an archive.
//
// Preconditions: a Checker accepted the archive, and nobody changes it.
func NewRef(archive []byte, position int) Ref {
	// Without spare capacity: slicing may reach into that.
	return Ref{archive: archive[:len(archive):len(archive)], position: uint32(position)}
}

// At returns the position so many bytes behind this one.
func (r Ref) At(offset int) Ref {
	r.position += uint32(offset)
	return r
}

// U8 reads a u8.
func (r Ref) U8(offset int) uint8 {
	at := int(r.position) + offset
	if uint(at) >= uint(len(r.archive)) {
		panic(outsideError(len(r.archive)))
	}
	return r.archive[at]
}

// U16 reads a u16.
func (r Ref) U16(offset int) uint16 {
	at := int(r.position) + offset
	if uint(at) >= uint(len(r.archive)) {
		panic(outsideError(len(r.archive)))
	}
	return binary.LittleEndian.Uint16(r.archive[at:])
}

// U32 reads a u32.
func (r Ref) U32(offset int) uint32 {
	at := int(r.position) + offset
	if uint(at) >= uint(len(r.archive)) {
		panic(outsideError(len(r.archive)))
	}
	return binary.LittleEndian.Uint32(r.archive[at:])
}

// U64 reads a u64.
func (r Ref) U64(offset int) uint64 {
	at := int(r.position) + offset
	if uint(at) >= uint(len(r.archive)) {
		panic(outsideError(len(r.archive)))
	}
	return binary.LittleEndian.Uint64(r.archive[at:])
}

// I8 reads an i8.
func (r Ref) I8(offset int) int8 { return int8(r.U8(offset)) }

// I16 reads an i16.
func (r Ref) I16(offset int) int16 { return int16(r.U16(offset)) }

// I32 reads an i32.
func (r Ref) I32(offset int) int32 { return int32(r.U32(offset)) }

// I64 reads an i64.
func (r Ref) I64(offset int) int64 { return int64(r.U64(offset)) }

// F32 reads an f32.
func (r Ref) F32(offset int) float32 { return math.Float32frombits(r.U32(offset)) }

// F64 reads an f64.
func (r Ref) F64(offset int) float64 { return math.Float64frombits(r.U64(offset)) }

// Bool reads a bool; also the tag of an Option, true if there is a
// value, and of a Result, true if there is an error.
func (r Ref) Bool(offset int) bool { return r.U8(offset) != 0 }

// Char reads a char.
func (r Ref) Char(offset int) rune { return rune(r.U32(offset)) }

// String reads a string and copies it.
func (r Ref) String(offset int) string {
	return string(textBytes(r.archive, int(r.position)+offset))
}

// StringView reads a string without a copy. It is the archive's memory, and so
// must not be used once the archive is released.
func (r Ref) StringView(offset int) string {
	return stringOf(textBytes(r.archive, int(r.position)+offset))
}

// Box returns the position of what a Box holds.
func (r Ref) Box(offset int) Ref {
	if r.depth >= DepthMax {
		panic(errTooDeep)
	}
	r.position += uint32(offset) + r.U32(offset)
	r.depth++
	return r
}

// Vec returns the position of a Vec's first element, and how many there are.
func (r Ref) Vec(offset int) (first Ref, count int) {
	if r.depth >= DepthMax {
		panic(errTooDeep)
	}
	both := r.U64(offset)
	r.position += uint32(offset) + uint32(both)
	r.depth++
	return r, int(both >> 32)
}

// bytes returns so many bytes at the position.
func (r Ref) bytes(length int) []byte {
	start := int(r.position)
	end := start + length
	if uint(end) > uint(len(r.archive)) {
		panic(outsideError(len(r.archive)))
	}
	return r.archive[start:end:end]
}

// CopyString returns the string at a position, copied; for lists.
func CopyString(r Ref) string { return r.String(0) }

// ViewString returns the string at a position without a copy; for lists.
func ViewString(r Ref) string { return r.StringView(0) }
