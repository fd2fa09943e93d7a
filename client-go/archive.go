package outrigger

import (
	"sync"
	"sync/atomic"
)

// An Archive is the reply of a typed call as bytes: an rkyv archive in memory of
// this process, aligned to 16. It is the caller's until Release, which gives the
// memory to the next call. One that is never released is collected as any memory
// is. Copies of an Archive share the memory; the first Release counts.
//
// The zero Archive holds no bytes.
type Archive struct {
	memory     *archiveMemory
	generation uint64
	length     int
}

// archiveMemory is used for one reply after the other.
type archiveMemory struct {
	// words never changes, so that a late look at it is harmless.
	words []uint64
	// generation counts the releases; an Archive of an older one is over.
	generation atomic.Uint64
}

const (
	// archiveBytes is the least memory for a reply: what fits in a slot.
	archiveBytes = 256
	// archiveKeptBytes is the largest memory that is kept for later calls.
	archiveKeptBytes = 1 << 20
)

var archives = sync.Pool{
	New: func() any { return &archiveMemory{words: alignedWords(archiveBytes)} },
}

// newArchive takes memory for so many bytes.
func newArchive(length int) Archive {
	if length == 0 {
		return Archive{}
	}
	m := archives.Get().(*archiveMemory)
	if length > 8*len(m.words) {
		m = &archiveMemory{words: alignedWords(length)}
	}
	return Archive{memory: m, generation: m.generation.Load(), length: length}
}

// fetchSpare takes memory for a reply that fits in a slot, unless the record has some
// left of a call that failed. It is done while the call is under way.
func (r *record) fetchSpare() {
	if r.spare == nil {
		r.spare = archives.Get().(*archiveMemory)
	}
}

// takeSpare returns the memory that fetchSpare took, for so many bytes of a slot.
func (r *record) takeSpare(length int) Archive {
	m := r.spare
	r.spare = nil
	return Archive{memory: m, generation: m.generation.Load(), length: length}
}

// Bytes returns the archive, or nil after Release. They are valid until Release
// and must not be changed.
func (a Archive) Bytes() []byte {
	if a.memory == nil || a.memory.generation.Load() != a.generation {
		return nil
	}
	return bytesOf(a.memory.words)[:a.length:a.length]
}

// Release gives the memory back. It may be called again, and on copies.
func (a Archive) Release() {
	m := a.memory
	if m == nil || !m.generation.CompareAndSwap(a.generation, a.generation+1) {
		return
	}
	if 8*len(m.words) <= archiveKeptBytes {
		archives.Put(m)
	}
}
