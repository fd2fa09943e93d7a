package rkyv

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// Maps of Rust's (BTreeMap, HashMap) stand in archives as a Vec of entries. The order
// is part of the bytes, and so a map is a slice of entries here: from a BTreeMap in
// the order of the keys, from a HashMap in any. Neither the order is checked, nor
// that no key is there twice; Rust takes the last entry of a key.

// An Entry is a key and its value.
type Entry[K, V any] struct {
	Key   K
	Value V
}

// EntriesOf returns a map's entries in the order of their keys.
func EntriesOf[M ~map[K]V, K cmp.Ordered, V any](m M) []Entry[K, V] {
	return EntriesFunc(m, cmp.Compare[K])
}

// EntriesFunc returns a map's entries in the order that compare says, for keys that
// Go does not compare.
func EntriesFunc[M ~map[K]V, K comparable, V any](
	m M, compare func(a, b K) int,
) []Entry[K, V] {
	entries := make([]Entry[K, V], 0, len(m))
	for _, key := range slices.SortedFunc(maps.Keys(m), compare) {
		entries = append(entries, Entry[K, V]{key, m[key]})
	}
	return entries
}

// MapOf returns entries as a map. As in Rust, the last entry of a key counts.
func MapOf[K comparable, V any](entries []Entry[K, V]) map[K]V {
	m := make(map[K]V, len(entries))
	for _, entry := range entries {
		m[entry.Key] = entry.Value
	}
	return m
}

// A Map is a view of a map in an archive: its entries as they stand there. Keys and
// values are read when they are asked for. The zero Map is empty.
//
// maps.Collect(m.All()) makes a map of Go's, in which a value can be looked up.
type Map[K, V any] struct {
	first                Ref
	count, stride, value int
	readKey              func(Ref) K
	readValue            func(Ref) V
}

// MapAt returns the map at a position, whose values stand so many bytes behind their
// keys; for generated code.
func MapAt[K, V any](
	r Ref, stride, value int, readKey func(Ref) K, readValue func(Ref) V,
) Map[K, V] {
	first, count := r.Vec(0)
	return Map[K, V]{first, count, stride, value, readKey, readValue}
}

// Len returns how many entries there are.
func (m Map[K, V]) Len() int { return m.count }

// Key returns the key of an entry. It panics if there is none of this index.
func (m Map[K, V]) Key(index int) K { return m.readKey(m.entry(index)) }

// Value returns the value of an entry. It panics if there is none of this index.
func (m Map[K, V]) Value(index int) V { return m.readValue(m.entry(index).At(m.value)) }

// At returns an entry. It panics if there is none of this index.
func (m Map[K, V]) At(index int) Entry[K, V] {
	return Entry[K, V]{m.Key(index), m.Value(index)}
}

// All returns keys and values, for range.
func (m Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for index := range m.count {
			if !yield(m.Key(index), m.Value(index)) {
				return
			}
		}
	}
}

func (m Map[K, V]) entry(index int) Ref {
	checkIndex(index, m.count)
	return m.first.At(index * m.stride)
}
