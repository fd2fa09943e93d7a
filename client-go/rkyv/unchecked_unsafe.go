package rkyv

import (
	"fmt"
	"iter"
	"unsafe"
)

// Views that check nothing: what outrigger gen go --unchecked-views makes views of.
// Their archive was checked once, by Parse, and is read without a further look at its
// bounds. Whoever lets its bytes change afterwards, or uses a view after Release,
// reads any memory of the process, or crashes it.

// UncheckedRef is a Ref that does not check bounds.
type UncheckedRef struct {
	// base is the start of the archive; pointers to other places live only while a
	// value is read, so that none ever leads behind the archive's memory.
	base     unsafe.Pointer
	position int
}

// NewUncheckedRef returns the position in an archive.
//
// Preconditions: a Checker accepted this archive, aligned as by Aligned, as one of the
// type that is read, and nobody changes it. Nothing of that is checked.
func NewUncheckedRef(archive []byte, position int) UncheckedRef {
	return UncheckedRef{unsafe.Pointer(unsafe.SliceData(archive)), position}
}

// unchecked reads a value at its place. The Checker saw that it lies in the archive.
func unchecked[T any](r UncheckedRef, offset int) T {
	return *(*T)(unsafe.Add(r.base, r.position+offset))
}

// At returns the position so many bytes behind this one.
func (r UncheckedRef) At(offset int) UncheckedRef {
	return UncheckedRef{r.base, r.position + offset}
}

// U8 reads a u8.
func (r UncheckedRef) U8(offset int) uint8 { return unchecked[uint8](r, offset) }

// U16 reads a u16.
func (r UncheckedRef) U16(offset int) uint16 { return unchecked[uint16](r, offset) }

// U32 reads a u32.
func (r UncheckedRef) U32(offset int) uint32 { return unchecked[uint32](r, offset) }

// U64 reads a u64.
func (r UncheckedRef) U64(offset int) uint64 { return unchecked[uint64](r, offset) }

// U128 reads a u128.
func (r UncheckedRef) U128(offset int) Uint128 { return unchecked[Uint128](r, offset) }

// I8 reads an i8.
func (r UncheckedRef) I8(offset int) int8 { return unchecked[int8](r, offset) }

// I16 reads an i16.
func (r UncheckedRef) I16(offset int) int16 { return unchecked[int16](r, offset) }

// I32 reads an i32.
func (r UncheckedRef) I32(offset int) int32 { return unchecked[int32](r, offset) }

// I64 reads an i64.
func (r UncheckedRef) I64(offset int) int64 { return unchecked[int64](r, offset) }

// I128 reads an i128.
func (r UncheckedRef) I128(offset int) Int128 { return unchecked[Int128](r, offset) }

// F32 reads an f32.
func (r UncheckedRef) F32(offset int) float32 { return unchecked[float32](r, offset) }

// F64 reads an f64.
func (r UncheckedRef) F64(offset int) float64 { return unchecked[float64](r, offset) }

// Bool reads a bool, or a tag, as Ref.Bool does.
func (r UncheckedRef) Bool(offset int) bool { return r.U8(offset) != 0 }

// Char reads a char.
func (r UncheckedRef) Char(offset int) rune { return unchecked[rune](r, offset) }

// Duration reads a Duration.
func (r UncheckedRef) Duration(offset int) Duration {
	return Duration{Seconds: r.U64(offset), Nanos: r.U32(offset + 8)}
}

// String reads a string and copies it.
func (r UncheckedRef) String(offset int) string { return string(r.text(offset)) }

// StringView reads a string without a copy, as Ref.StringView does.
func (r UncheckedRef) StringView(offset int) string { return stringOf(r.text(offset)) }

// text returns the bytes of the string.
func (r UncheckedRef) text(offset int) []byte {
	word := unchecked[uint64](r, offset)
	if isInline(word) {
		return r.At(offset).bytes(inlineLength(word))
	}
	behind, length := farText(word)
	return r.At(offset + int(behind)).bytes(int(length))
}

// BoxStr reads a Box<str> and copies it.
func (r UncheckedRef) BoxStr(offset int) string { return string([]byte(r.BoxStrView(offset))) }

// BoxStrView reads a Box<str> without a copy, as StringView does.
func (r UncheckedRef) BoxStrView(offset int) string {
	first, length := r.Vec(offset)
	return stringOf(first.bytes(length))
}

// Box returns the position of what a Box holds.
func (r UncheckedRef) Box(offset int) UncheckedRef { return r.At(offset + int(r.I32(offset))) }

// Vec returns the position of a Vec's first element, and how many there are.
func (r UncheckedRef) Vec(offset int) (first UncheckedRef, count int) {
	return r.Box(offset), int(r.U32(offset + 4))
}

// bytes returns so many bytes at the position.
func (r UncheckedRef) bytes(length int) []byte {
	if length == 0 {
		return []byte{} // its place may be the archive's end
	}
	return unsafe.Slice((*byte)(unsafe.Add(r.base, r.position)), length)
}

// UncheckedCopyString is CopyString of unchecked views.
func UncheckedCopyString(r UncheckedRef) string { return r.String(0) }

// UncheckedViewString is ViewString of unchecked views.
func UncheckedViewString(r UncheckedRef) string { return r.StringView(0) }

// UncheckedSliceView is SliceView of unchecked views.
func UncheckedSliceView[T Plain](r UncheckedRef, offset int) []T {
	first, count := r.Vec(offset)
	return UncheckedArrayView[T](first, 0, count)
}

// UncheckedCopySlice is CopySlice of unchecked views.
func UncheckedCopySlice[T Plain](r UncheckedRef, offset int) []T {
	view := UncheckedSliceView[T](r, offset)
	values := make([]T, len(view))
	copy(values, view)
	return values
}

// UncheckedArrayView is ArrayView of unchecked views.
func UncheckedArrayView[T Plain](r UncheckedRef, offset, count int) []T {
	if count == 0 {
		return []T{} // its place may be the archive's end
	}
	return unsafe.Slice((*T)(unsafe.Add(r.base, r.position+offset)), count)
}

// UncheckedList is a List of unchecked views. Its At checks the index: that is the
// caller's, not the archive's. The zero UncheckedList is empty.
type UncheckedList[V any] struct {
	first         UncheckedRef
	count, stride int
	view          func(UncheckedRef) V
}

// UncheckedVecList is VecList of unchecked views.
func UncheckedVecList[V any](
	r UncheckedRef, stride int, view func(UncheckedRef) V,
) UncheckedList[V] {
	first, count := r.Vec(0)
	return UncheckedList[V]{first, count, stride, view}
}

// UncheckedArrayList is ArrayList of unchecked views.
func UncheckedArrayList[V any](
	r UncheckedRef, count, stride int, view func(UncheckedRef) V,
) UncheckedList[V] {
	return UncheckedList[V]{r, count, stride, view}
}

// Len returns how many elements there are.
func (l UncheckedList[V]) Len() int { return l.count }

// At returns an element. It panics if there is none of this index.
func (l UncheckedList[V]) At(index int) V {
	if uint(index) >= uint(l.count) {
		panic(fmt.Sprintf("rkyv: index %d of a list of %d", index, l.count))
	}
	return l.view(l.first.At(index * l.stride))
}

// All returns the elements with their indices, for range.
func (l UncheckedList[V]) All() iter.Seq2[int, V] {
	return func(yield func(int, V) bool) {
		for index := range l.count {
			if !yield(index, l.view(l.first.At(index*l.stride))) {
				return
			}
		}
	}
}

// UncheckedLoadVec is LoadVec of unchecked views.
func UncheckedLoadVec[T any](r UncheckedRef, stride int, load func(UncheckedRef) T) []T {
	first, count := r.Vec(0)
	values := make([]T, count)
	for index := range values {
		values[index] = load(first.At(index * stride))
	}
	return values
}
