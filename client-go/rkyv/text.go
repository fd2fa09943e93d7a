package rkyv

import "encoding/binary"

// A string has eight bytes where it stands, in one of two forms:
//
//	0   1   2   3   4   5   6   7
//	+---+---+---+---+---+---+---+---+
//	| up to 8 bytes of text | 0xff… |   the first byte is not 0b10xxxxxx, as no
//	+---+---+---+---+---+---+---+---+   text begins so
//	| u32 length    | i32 offset    |   the length's bits 0 … 5, then 0b10, then
//	+---+---+---+---+---+---+---+---+   the rest of its bits; offset from byte 0

// inlineMax is the length of the longest string without bytes elsewhere.
const inlineMax = 8

// textLength is a length above inlineMax as it stands in the first form's place.
func textLength(length int) uint64 { return uint64(length&0x3f | 0x80 | length&^0x3f<<2) }

// isInline reports whether the text stands in these eight bytes.
func isInline(word uint64) bool { return word&0xc0 != 0x80 }

// isInlineASCII reports whether all bytes before the first 0xff are ASCII.
func isInlineASCII(word uint64) bool {
	text := uint64(1)<<(8*inlineLength(word)) - 1
	return word&text&notASCII == 0
}

// inlineText returns the text that stands in the eight bytes at a position.
func inlineText(archive []byte, at int) []byte {
	text := archive[at : at+inlineMax : at+inlineMax]
	return text[:inlineLength(binary.LittleEndian.Uint64(text))]
}

// farText returns offset and length of text elsewhere.
func farText(word uint64) (offset, length int64) {
	coded := uint32(word)
	return int64(int32(word >> 32)), int64(coded&0x3f | coded&^0xff>>2)
}

// isShortASCII reports whether text has at most two words, and all of it is ASCII.
//
// Preconditions: it has at least one word.
func isShortASCII(text []byte) bool {
	n := len(text)
	if n > 2*wordText {
		return false
	}
	words := binary.LittleEndian.Uint64(text) | binary.LittleEndian.Uint64(text[n-wordText:])
	return words&notASCII == 0
}

// textBytes returns the bytes of the string at a position.
func textBytes(archive []byte, at int) []byte {
	if uint(at) >= uint(len(archive)) {
		panic(outsideError(len(archive)))
	}
	word := binary.LittleEndian.Uint64(archive[at:])
	if isInline(word) {
		return inlineText(archive, at)
	}
	offset, length := farText(word)
	start := at + int(offset)
	end := start + int(length)
	return archive[start:end:end]
}
