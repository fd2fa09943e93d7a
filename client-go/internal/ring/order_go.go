//go:build !amd64 || race

package ring

import "sync/atomic"

// StoreRelease32 stores value so that whoever sees it sees what was written
// before it. It is not ordered before later loads: where that counts, a
// read-modify-write operation must follow.
func StoreRelease32(word *atomic.Uint32, value uint32) { word.Store(value) }

// StoreRelease64 is StoreRelease32 for 64 bits.
func StoreRelease64(word *atomic.Uint64, value uint64) { word.Store(value) }

// storeThenLoad stores with release, and loads the other word behind a full
// fence: all atomics of Go are sequentially consistent.
func storeThenLoad(word *atomic.Uint32, value uint32, other *atomic.Uint64) uint64 {
	word.Store(value)
	return other.Load()
}
