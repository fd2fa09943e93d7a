package rkyv

import (
	"fmt"
	"iter"
)

// A List is a view of a Vec or an array in an archive. Its elements are read when
// they are asked for. The zero List is empty.
type List[V any] struct {
	first         Ref
	count, stride int
	view          func(Ref) V
}

// VecList returns the elements of a Vec; for generated code.
func VecList[V any](r Ref, stride int, view func(Ref) V) List[V] {
	first, count := r.Vec(0)
	return List[V]{first, count, stride, view}
}

// ArrayList returns the elements of an array; for generated code.
func ArrayList[V any](r Ref, count, stride int, view func(Ref) V) List[V] {
	return List[V]{r, count, stride, view}
}

// Len returns how many elements there are.
func (l List[V]) Len() int { return l.count }

// At returns an element. It panics if there is none of this index.
func (l List[V]) At(index int) V {
	checkIndex(index, l.count)
	return l.view(l.first.At(index * l.stride))
}

// All returns the elements with their indices, for range.
func (l List[V]) All() iter.Seq2[int, V] {
	return func(yield func(int, V) bool) {
		for index := range l.count {
			if !yield(index, l.view(l.first.At(index*l.stride))) {
				return
			}
		}
	}
}

// LoadVec returns the elements of a Vec as a slice of their own; for generated
// code. It is never nil. Nothing is allocated for elements that the archive has not.
func LoadVec[T any](r Ref, stride int, load func(Ref) T) []T {
	first, count := r.Vec(0)
	_ = first.bytes(stride * count)
	values := make([]T, count)
	for index := range values {
		values[index] = load(first.At(index * stride))
	}
	return values
}

func checkIndex(index, count int) {
	if uint(index) >= uint(count) {
		panic(fmt.Sprintf("rkyv: index %d of a list of %d", index, count))
	}
}
