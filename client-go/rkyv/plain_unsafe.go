package rkyv

import "unsafe"

// Values whose memory in Go is what stands in archives: slices of them are copied
// whole, or are views of the archive itself. (Not on big-endian machines: see
// bigendian.go.)

// Plain is a type whose values lie in archives as they do in Go's memory. Its
// alignment there is its size.
type Plain interface {
	~bool | ~uint8 | ~uint16 | ~uint32 | ~uint64 |
		~int8 | ~int16 | ~int32 | ~int64 | ~float32 | ~float64 |
		Uint128 | Int128
}

// EncodeSlice writes the elements of a Vec.
func EncodeSlice[T Plain](e *Encoder, values []T) {
	var value T
	size := int(unsafe.Sizeof(value))
	// The pointer is to len(values) elements without gaps, which are only read here.
	first := (*byte)(unsafe.Pointer(unsafe.SliceData(values)))
	e.elements(unsafe.Slice(first, len(values)*size), size)
}

// PutArray writes the elements of an array.
func PutArray[T Plain](into []byte, values []T) {
	var value T
	first := (*byte)(unsafe.Pointer(unsafe.SliceData(values)))
	copy(into, unsafe.Slice(first, len(values)*int(unsafe.Sizeof(value))))
}

// SliceView returns the elements of a Vec in place: the archive's memory, which
// must not be changed, nor used once the archive is released.
func SliceView[T Plain](r Ref, offset int) []T {
	first, count := r.Vec(offset)
	return ArrayView[T](first, 0, count)
}

// CopySlice returns the elements of a Vec in memory of their own. It is never nil.
func CopySlice[T Plain](r Ref, offset int) []T {
	view := SliceView[T](r, offset)
	values := make([]T, len(view))
	copy(values, view)
	return values
}

// ArrayView returns the elements of an array in place, as SliceView does.
func ArrayView[T Plain](r Ref, offset, count int) []T {
	var value T
	memory := r.At(offset).bytes(count * int(unsafe.Sizeof(value)))
	if count == 0 {
		return []T{}
	}
	first := unsafe.Pointer(unsafe.SliceData(memory))
	if uintptr(first)%unsafe.Alignof(value) != 0 {
		panic(errMisaligned)
	}
	// The length was checked by slicing. (The alignment can be wrong only if the
	// Checker was not asked, or the archive's start not aligned: see Aligned.)
	return unsafe.Slice((*T)(first), count)
}

// stringOf returns bytes as a string without a copy.
func stringOf(memory []byte) string {
	return unsafe.String(unsafe.SliceData(memory), len(memory))
}

// bytesOf returns a string's bytes without a copy, to read them.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// Aligned returns the archive in memory whose start is aligned for every value in
// it: the same bytes if they are, a copy otherwise.
func Aligned(archive []byte) []byte {
	if uintptr(unsafe.Pointer(unsafe.SliceData(archive)))%alignMax == 0 {
		return archive
	}
	return alignedCopy(archive) // apart, so that the rest is inlined
}

func alignedCopy(archive []byte) []byte {
	return append(alignedBytes(len(archive)), archive...)
}

// alignMax is the largest alignment of a value in an archive: that of 128-bit
// integers, and of rkyv's own buffers.
const alignMax = 16

// alignedBytes returns an empty slice with room for so many bytes, aligned.
func alignedBytes(capacity int) []byte {
	memory := make([]byte, capacity+alignMax)
	start := -uintptr(unsafe.Pointer(unsafe.SliceData(memory))) % alignMax
	return memory[start : start : int(start)+capacity]
}
