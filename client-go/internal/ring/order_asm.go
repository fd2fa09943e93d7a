//go:build amd64 && !race

package ring

import "sync/atomic"

// Go's atomic stores are sequentially consistent, on amd64 by an XCHG, which
// waits until all stores before it have reached the cache, the slot's line among
// them. Where a release is enough, a plain MOV is one; in assembly, since the
// compiler may move plain stores about.

// StoreRelease32 stores value so that whoever sees it sees what was written
// before it. It is not ordered before later loads: where that counts, a
// read-modify-write operation must follow.
//
//go:noescape
func StoreRelease32(word *atomic.Uint32, value uint32)

// StoreRelease64 is StoreRelease32 for 64 bits.
//
//go:noescape
func StoreRelease64(word *atomic.Uint64, value uint64)

// storeThenLoad stores with release, and loads the other word behind a full
// fence. The store is on its way meanwhile, it does not wait for the fence.
//
//go:noescape
func storeThenLoad(word *atomic.Uint32, value uint32, other *atomic.Uint64) uint64
