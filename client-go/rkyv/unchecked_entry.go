package rkyv

import "iter"

// UncheckedMap is a Map of unchecked views. Its methods check the index: that is the
// caller's, not the archive's. The zero UncheckedMap is empty.
type UncheckedMap[K, V any] struct {
	first                UncheckedRef
	count, stride, value int
	readKey              func(UncheckedRef) K
	readValue            func(UncheckedRef) V
}

// UncheckedMapAt is MapAt of unchecked views.
func UncheckedMapAt[K, V any](
	r UncheckedRef, stride, value int, readKey func(UncheckedRef) K, readValue func(UncheckedRef) V,
) UncheckedMap[K, V] {
	first, count := r.Vec(0)
	return UncheckedMap[K, V]{first, count, stride, value, readKey, readValue}
}

// Len returns how many entries there are.
func (m UncheckedMap[K, V]) Len() int { return m.count }

// Key returns the key of an entry. It panics if there is none of this index.
func (m UncheckedMap[K, V]) Key(index int) K { return m.readKey(m.entry(index)) }

// Value returns the value of an entry. It panics if there is none of this index.
func (m UncheckedMap[K, V]) Value(index int) V { return m.readValue(m.entry(index).At(m.value)) }

// At returns an entry. It panics if there is none of this index.
func (m UncheckedMap[K, V]) At(index int) Entry[K, V] {
	return Entry[K, V]{m.Key(index), m.Value(index)}
}

// All returns keys and values, for range.
func (m UncheckedMap[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for index := range m.count {
			if !yield(m.Key(index), m.Value(index)) {
				return
			}
		}
	}
}

func (m UncheckedMap[K, V]) entry(index int) UncheckedRef {
	checkIndex(index, m.count)
	return m.first.At(index * m.stride)
}

// None reports whether an Option<Box> with Niche has no value.
func (r UncheckedRef) None(offset int) bool { return r.U32(offset) == none }
