package rkyv

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

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
func textLength(length int) uint32 {
	n := uint32(length)
	return n&0x3f | 0x80 | n&^0x3f<<2
}

// isInline reports whether the text stands in the eight bytes at a position.
func isInline(archive []byte, at int) bool { return archive[at]&0xc0 != 0x80 }

// inlineText returns the text that stands in the eight bytes at a position.
func inlineText(archive []byte, at int) []byte {
	text := archive[at : at+inlineMax : at+inlineMax]
	if end := bytes.IndexByte(text, 0xff); end >= 0 {
		return text[:end]
	}
	return text
}

// farText returns offset and length of text elsewhere.
func farText(archive []byte, at int) (offset int64, length int64) {
	coded := binary.LittleEndian.Uint32(archive[at:])
	length = int64(coded&0x3f | coded&^0xff>>2)
	return int64(int32(binary.LittleEndian.Uint32(archive[at+4:]))), length
}

// validText reports whether bytes are UTF-8. Most text is ASCII: that is found out
// eight bytes at a time, the last eight overlapping those before.
func validText(text []byte) bool {
	const notASCII = 0x8080808080808080
	n := len(text)
	if n < 8 {
		return utf8.Valid(text)
	}
	for at := 0; at < n-8; at += 8 {
		if binary.LittleEndian.Uint64(text[at:])&notASCII != 0 {
			return utf8.Valid(text)
		}
	}
	return binary.LittleEndian.Uint64(text[n-8:])&notASCII == 0 || utf8.Valid(text)
}

// textBytes returns the bytes of the string at a position.
func textBytes(archive []byte, at int) []byte {
	if isInline(archive, at) {
		return inlineText(archive, at)
	}
	offset, length := farText(archive, at)
	start := at + int(offset)
	end := start + int(length)
	return archive[start:end:end]
}
