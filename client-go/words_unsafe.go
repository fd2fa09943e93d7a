package outrigger

import "unsafe"

// bytesOf views words, which are aligned, as bytes.
func bytesOf(words []uint64) []byte {
	// SAFETY: the slice covers exactly the words' memory, and any bytes are words.
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 8*len(words))
}

// alignedWords returns words for so many bytes, aligned to 16: rkyv asks for that
// where an archive has integers of 128 bits, and Go aligns to 8.
func alignedWords(length int) []uint64 {
	words := make([]uint64, (length+15)/16*2+1)
	if uintptr(unsafe.Pointer(unsafe.SliceData(words)))%16 != 0 {
		return words[1:]
	}
	return words[:len(words)-1]
}
