package rkyv

import (
	"encoding/binary"
	"fmt"
)

// Values one of whose bit patterns means something else: integers that are not 0,
// and options that say without a tag byte that there is no value.

// none is the offset of a pointer that points to nothing.
const none = 1

// NonZero checks that a number can be a NonZero integer of Rust's.
func (e *Encoder) NonZero(value uint64) {
	if value == 0 {
		e.fail("a NonZero integer is 0", "must not be 0")
	}
}

// PutNone writes the pointer of an Option<Box> with Niche that has no value.
func PutNone(into []byte) { PutU32(into, none) }

// NonZero checks a NonZero integer of so many bytes.
func (c *Checker) NonZero(at, size int) bool {
	for _, part := range c.archive[at : at+size] {
		if part != 0 {
			return true
		}
	}
	return c.fail(at, fmt.Sprintf("NonZero integer of %d bytes is 0", size), "all but 0")
}

// None reports whether an Option<Box> with Niche has no value.
func (c *Checker) None(at int) bool {
	return binary.LittleEndian.Uint32(c.archive[at:]) == none
}

// None reports whether an Option<Box> with Niche has no value.
func (r Ref) None(offset int) bool { return r.U32(offset) == none }
