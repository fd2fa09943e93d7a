package rkyv

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextIsValidIfItIsUTF8(t *testing.T) {
	for length := range 100 {
		for at := range length {
			for _, wrong := range []byte{0x80, 0xc3, 0xff, 'b'} {
				memory := bytes.Repeat([]byte{'a'}, length)
				memory[at] = wrong
				want := utf8.Valid(memory)
				if got := validText(memory); got != want {
					t.Fatalf("%q: %v", memory, got)
				}
				if length < wordText {
					continue
				}
				copied := bytes.Repeat([]byte{'#'}, length+2)
				if got := copyText(copied[1:length+1], string(memory)); got != want {
					t.Fatalf("%q, copied: %v", memory, got)
				}
				if want && string(copied) != "#"+string(memory)+"#" {
					t.Fatalf("%q became %q", memory, copied)
				}
			}
		}
		if long := []byte(strings.Repeat("aß€🦀", length)); !validText(long) {
			t.Fatalf("%q is refused", long)
		}
	}
}

func TestShortTextStandsInPlaceAsLongAsItIs(t *testing.T) {
	texts := []string{"", "a", "ab", "ß", "abc", "\x00", "a\x00b", "1234567", "12345678", "🦀🦀"}
	for _, s := range texts {
		memory := make([]byte, 8)
		new(Encoder).PutString(memory, 0, s)
		want := s + strings.Repeat("\xff", 8-len(s))
		word := binary.LittleEndian.Uint64(memory)
		if string(memory) != want || inlineLength(word) != len(s) {
			t.Errorf("%q: %q, length %d", s, memory, inlineLength(word))
		}
		if ascii := strings.Trim(s, "ß🦀") == s; isInlineASCII(word) != ascii {
			t.Errorf("%q is ASCII: %t", s, !ascii)
		}
	}
	if length := inlineLength(0xffff_01fe_ff80_00fe); length != 3 {
		t.Errorf("length %d before the first 0xff", length)
	}
}
