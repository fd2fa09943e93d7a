package outrigger

import (
	"testing"
	"unsafe"
)

func TestMemoryOfValuesIsAlignedForEveryLength(t *testing.T) {
	for length := 1; length < 5000; length += 7 {
		for _, memory := range [][]byte{
			newCell(length).bytes(length), // none is released, so all are new
			bytesOf(alignedWords(length))[:length],
		} {
			address := uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
			if address%16 != 0 || len(memory) != length {
				t.Fatalf("%d bytes at %#x, wanted %d", len(memory), address, length)
			}
		}
	}
}
