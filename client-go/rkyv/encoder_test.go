package rkyv

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unsafe"
)

// text is a message that is one string.
type text string

func (x text) EncodeArchive(e *Encoder) {
	mark, ok := e.Enter()
	if !ok {
		return
	}
	e.String(string(x))
	at, ok := e.Place(mark, 1, 8, 4)
	if ok {
		e.PutString(e.Window(at, 8), at, string(x))
	}
	e.Leave(mark, at)
}

// huge is a message with several slices that are counted, and never read.
type huge struct {
	bytes []byte
	count int
}

func (x huge) EncodeArchive(e *Encoder) {
	mark, ok := e.Enter()
	if !ok {
		return
	}
	for range x.count {
		EncodeSlice(e, x.bytes)
	}
	at, _ := e.Place(mark, 1, 8, 4)
	e.Leave(mark, at)
}

func TestStringsHaveTheTwoFormsOfRkyv(t *testing.T) {
	for length, want := range map[int]string{
		0: "\xff\xff\xff\xff\xff\xff\xff\xff",
		5: "aaaaa\xff\xff\xff",
		8: "aaaaaaaa",
		// Lengths as measured in rkyv; the text is padded to 4.
		9: "\x89\x00\x00\x00\xf4\xff\xff\xff", 63: "\xbf\x00\x00\x00\xc0\xff\xff\xff",
		64: "\x80\x01\x00\x00\xc0\xff\xff\xff", 300: "\xac\x04\x00\x00\xd4\xfe\xff\xff",
	} {
		archive, err := Marshal(text(strings.Repeat("a", length)))
		if err != nil || string(archive[len(archive)-8:]) != want {
			t.Errorf("%d bytes: %x, %v", length, archive[len(archive)-8:], err)
		}
	}
}

func TestAFullEncoderSaysTheExactLengthAndWritesNothingBehindItsBuffer(t *testing.T) {
	message := text(strings.Repeat("a", 61))
	memory := bytes.Repeat([]byte{0x5a}, 96)
	var encoder Encoder
	for length := range 72 {
		encoder.Reset(memory[:length])
		message.EncodeArchive(&encoder)
		var full *FullError
		if _, err := encoder.Finish(); !errors.As(err, &full) ||
			*full != (FullError{Needed: 72, Available: length}) {
			t.Fatalf("%d bytes: %v", length, err)
		}
		if !bytes.Equal(memory[length:], bytes.Repeat([]byte{0x5a}, 96-length)) {
			t.Fatalf("%d bytes: %x", length, memory)
		}
	}
}

func TestAFullEncoderAllocatesNothing(t *testing.T) {
	var message Encodable = text(strings.Repeat("a", 61))
	var encoder Encoder
	memory := alignedBytes(64)[:64]
	allocations := testing.AllocsPerRun(100, func() {
		encoder.Reset(memory)
		message.EncodeArchive(&encoder)
		_, err := encoder.Finish()
		if full, ok := err.(*FullError); !ok || full.Needed != 72 || !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// growing is a message that is longer each time it is written.
type growing struct{ length int }

func (x *growing) EncodeArchive(e *Encoder) {
	x.length += 32
	text(strings.Repeat("a", x.length)).EncodeArchive(e)
}

func TestTheErrorOfAMessageThatGrewStaysAsItIs(t *testing.T) {
	_, err := Marshal(&growing{})
	want := FullError{Needed: 72, Available: 40}
	for range 100 {
		_, _ = Marshal(text("somebody else's message"))
	}
	var full *FullError
	if !errors.As(err, &full) || *full != want {
		t.Errorf("%v, want %v", err, &want)
	}
}

func TestTheZeroEncoderCounts(t *testing.T) {
	var encoder Encoder
	text("abc").EncodeArchive(&encoder)
	if _, err := encoder.Finish(); err == nil || err.Error() != "archive of 8 bytes (maximum 0)" {
		t.Error(err)
	}
}

func TestAppendMarshalAlignsAndKeepsWhatWasThere(t *testing.T) {
	roomy := append(alignedBytes(128), "head"...)
	buffers := [][]byte{nil, []byte("head"), roomy, roomy[:16:16]}
	for _, buf := range buffers {
		all, err := AppendMarshal(buf, text("behind the head"))
		start := (len(buf) + 15) &^ 15
		want, _ := Marshal(text("behind the head"))
		if err != nil || !bytes.Equal(all[start:], want) || !bytes.Equal(all[:len(buf)], buf) ||
			len(bytes.Trim(all[len(buf):start], "\x00")) != 0 {
			t.Errorf("%q: %q, %v", buf, all, err)
		}
	}
	all, err := AppendMarshal([]byte("kept"), text("\xff"))
	if string(all) != "kept" || err == nil {
		t.Errorf("%q, %v", all, err)
	}
}

func TestLengthsAboveTheFormatsLimitsAreRefused(t *testing.T) {
	if testing.Short() {
		t.Log("not run: needs 1 GiB of address space")
		return
	}
	memory := make([]byte, StringMax+1) // never touched
	long := text(unsafe.String(&memory[0], len(memory)))
	for want, message := range map[string]Encodable{
		"string of 1073741824 bytes (maximum 1073741823)":  long,
		"archive of 3221225480 bytes (maximum 2147483647)": huge{memory, 3},
	} {
		if _, err := Marshal(message); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestMisalignedArchivesAreCopied(t *testing.T) {
	memory := alignedBytes(64)[:64]
	if same := Aligned(memory[16:]); &same[0] != &memory[16] {
		t.Error("aligned memory was copied")
	}
	copied := Aligned(memory[8:24])
	if &copied[0] == &memory[8] || len(copied) != 16 || len(Aligned(nil)) != 0 {
		t.Error("misaligned memory was not copied")
	}
}

func TestACheckedStringHasBothFormsAsInRkyv(t *testing.T) {
	// Refused are: text that is not UTF-8, one too short for its form, and one that
	// points at itself. What follows the first 0xff is not looked at.
	for archive, valid := range map[string]bool{
		"\xff\xff\xff\xff\xff\xff\xff\xff":                         true,
		"abc\xffjunk":                                              true,
		"abc\xfe\xff\xff\xff\xff":                                  false,
		"\x88\x00\x00\x00\xf8\xff\xff\xff":                         false,
		"123456789\x00\x00\x00\x89\x00\x00\x00\xf4\xff\xff\xff":    true,
		"12345678\xc3\x00\x00\x00\x89\x00\x00\x00\xf4\xff\xff\xff": false,
		"\x89\x00\x00\x00\x00\x00\x00\x00":                         false,
	} {
		var c Checker
		at, ok := c.Root(Aligned([]byte(archive)), 8, 4, 3)
		if got := ok && c.String(at); got != valid || (c.Err() == nil) != valid {
			t.Errorf("%q: %v, %v", archive, got, c.Err())
		}
	}
}
