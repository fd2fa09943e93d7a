package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Views of shared memory as atomic words. This is the package's only use of
// unsafe: memory stays a []byte, and a word is derived from it for one access
// or kept beside the slice that it points into.

// word32 returns the u32 at an offset of memory as an atomic.
//
// Preconditions: memory+offset is a multiple of 4; the slice expression checks
// that the word lies inside.
func word32(memory []byte, offset uint64) *atomic.Uint32 {
	// SAFETY: the bounds are checked by the slice expression, the alignment by
	// assertAligned when the ring was made; any 4 bytes are a valid u32.
	return (*atomic.Uint32)(unsafe.Pointer(&memory[offset:][:4][0]))
}

// word64 returns the u64 at an offset of memory as an atomic.
//
// Preconditions: as word32, with 8 bytes.
func word64(memory []byte, offset uint64) *atomic.Uint64 {
	// SAFETY: as in word32.
	return (*atomic.Uint64)(unsafe.Pointer(&memory[offset:][:8][0]))
}

// assertAligned panics if memory does not begin at a multiple of 8. Mappings
// begin at a page, and offsets are checked where they arrive, so this is our
// own defect; checkptr would not find it.
func assertAligned(memory []byte) {
	// SAFETY: the address is only compared, never turned back into a pointer.
	if address := uintptr(unsafe.Pointer(unsafe.SliceData(memory))); address%8 != 0 {
		panic(fmt.Sprintf("ring: memory at %#x (required: a multiple of 8)", address))
	}
}
