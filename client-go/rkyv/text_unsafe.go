package rkyv

import (
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// Text, eight bytes at a time. Most is ASCII: that is seen on the way, and only what
// is not is looked at letter by letter. A last word overlaps the one before, so that
// no byte outside is touched.

// notASCII are the bits that no ASCII text has set, in a word of eight bytes.
const notASCII = 0x8080808080808080

// wordText is the length of text that has at least one word.
const wordText = 8

// blockText is the length from which copying and looking apart are quicker.
const blockText = 64

// wordAt returns the eight bytes at an offset.
//
// Preconditions: they lie in the memory of p.
func wordAt(p *byte, offset int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(p), offset))
}

// validText reports whether bytes are UTF-8.
func validText(text []byte) bool {
	n := len(text)
	if n < wordText {
		var found byte
		for _, b := range text {
			found |= b
		}
		return found < utf8.RuneSelf || utf8.Valid(text)
	}
	// All offsets are at most n - 8, so each word lies in text.
	p, at := unsafe.SliceData(text), 0
	for ; at <= n-4*wordText; at += 4 * wordText {
		found := wordAt(p, at) | wordAt(p, at+8) | wordAt(p, at+16) | wordAt(p, at+24)
		if found&notASCII != 0 {
			return utf8.Valid(text)
		}
	}
	found := wordAt(p, n-wordText)
	for ; at < n-wordText; at += wordText {
		found |= wordAt(p, at)
	}
	return found&notASCII == 0 || utf8.Valid(text)
}

// copyText copies text and reports whether it is UTF-8. Each byte is read once from
// s, and into is only written.
//
// Preconditions: len(into) = len(s), at least wordText.
func copyText(into []byte, s string) bool {
	n := len(s)
	if n >= blockText {
		copy(into, s)
		return validText(bytesOf(s))
	}
	// All offsets are at most n - 8, so each word lies in s, and in into.
	_ = into[n-1]
	from, to := unsafe.StringData(s), unsafe.Pointer(unsafe.SliceData(into))
	last := wordAt(from, n-wordText)
	found := last
	for at := 0; at < n-wordText; at += wordText {
		word := wordAt(from, at)
		found |= word
		*(*uint64)(unsafe.Add(to, at)) = word
	}
	*(*uint64)(unsafe.Add(to, n-wordText)) = last
	return found&notASCII == 0 || utf8.ValidString(s)
}

// inlineLength returns how many bytes before the first 0xff a word has.
func inlineLength(word uint64) int {
	// A byte of 0xff is one whose complement is 0; the lowest such is exact.
	free := ^word
	zeros := (free - 0x0101010101010101) & word & notASCII
	return bits.TrailingZeros64(zeros) / 8
}
