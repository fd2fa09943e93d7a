//go:build mips || mips64 || ppc64 || s390x || armbe || arm64be || ppc || s390 || sparc64

package rkyv

// Archives are little-endian, and slices of numbers in them are read in place. On a
// big-endian machine that would give wrong numbers, so this does not compile there.
var _ = outriggerNeedsALittleEndianMachine
