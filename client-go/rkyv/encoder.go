package rkyv

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

const (
	// DepthMax bounds how deep pointers nest, as rkyv counts it: a value behind k
	// pointers below the root is accepted if k + 2 is at most DepthMax.
	DepthMax = abi.LimitArchiveDepthMax
	// StringMax is the length of the longest string in bytes.
	StringMax = 1<<30 - 1
	// ArchiveMax is the length of the longest archive: offsets have 32 bits.
	ArchiveMax = math.MaxInt32
)

// Encodable is a message: a generated struct or enum.
type Encodable interface {
	// EncodeArchive writes the message as the root of an archive.
	EncodeArchive(e *Encoder)
}

// An Encoder writes one archive after the other. It writes in two phases, without
// closures and, once it was used, without allocation:
//
//	parts of a value   what the value points to is written, field after field; each
//	                   field's position is pushed on a stack
//	fixed part         the value itself is written; it takes the positions from the
//	                   bottom of its part of the stack, field after field
//
//	stack:  … owner's │ a b c          parts of a value pushed three positions
//	                    ▲ mark, cursor its fixed part takes a, then b, then c
//	        … owner's │ d              Leave put the value's own in their place
//
// The buffer is only written: it may be shared memory that another process reads
// and changes at any time. If it is full, the encoder goes on counting, so that the
// FullError says the exact length.
//
// The zero Encoder is an encoder with an empty buffer. An Encoder is for one
// goroutine at a time. Its methods but Reset and Finish are for generated code.
type Encoder struct {
	// buf is where the archive is written; its start is aligned to 16.
	buf []byte
	// position counts what is written, and goes on behind the end of buf.
	position int
	// positions is the stack of what was written and not yet pointed to.
	positions []uint32
	// cursor is the next of positions for the fixed part being written.
	cursor int
	// depth counts the values that enclose the present one, and itself.
	depth int
	// err is the first thing wrong with the message.
	err error
	// stage holds the fixed parts of values that are being built; see Builder.
	stage []byte
	// pointers is where in the stage offsets stand.
	pointers []uint32
	// frames are the values that are being built, each inside of the one before.
	frames []frame
	// serial counts frames; it goes on after Reset.
	serial uint64
	// target is buf while the stage is written in its place.
	target    []byte
	isStaging bool
	// full is what Finish returned last of an archive that did not fit.
	full FullError
}

// Reset begins an archive in buf, which must be aligned to 16.
func (e *Encoder) Reset(buf []byte) {
	e.buf, e.position, e.positions = buf, 0, e.positions[:0]
	e.cursor, e.depth, e.err = 0, 0, nil
	if len(e.frames) > 0 {
		e.abandonFrames()
	}
}

// Finish returns the length of the archive at the start of the buffer.
//
// Errors: *FullError, the encoder's own, if it does not fit; *EncodeError if there is
// no such archive.
func (e *Encoder) Finish() (n int, err error) {
	e.completeAll()
	switch {
	case e.err != nil:
		return 0, e.err
	case e.position > ArchiveMax:
		e.lengthError("archive", e.position, ArchiveMax)
		return 0, e.err
	case e.position > len(e.buf):
		e.full = FullError{Needed: e.position, Available: len(e.buf)}
		return 0, &e.full
	}
	return e.position, nil
}

// Enter begins the parts of a value that something points to, or of the root. The
// mark is for Place and Leave.
//
// If it is not ok, the message is invalid, and nothing more of it is to be encoded.
func (e *Encoder) Enter() (mark int, ok bool) {
	if !e.nest() {
		return 0, false
	}
	e.depth++
	return len(e.positions), true
}

// Place begins the fixed part: room for count values of size bytes each, zeroed.
// It is not ok if the values are not to be written.
func (e *Encoder) Place(mark, count, size, align int) (at int, ok bool) {
	e.align(align)
	at = e.position
	e.position += count * size
	if e.position > len(e.buf) || e.err != nil {
		return at, false
	}
	clear(e.buf[at:e.position])
	e.cursor = mark
	return at, true
}

// Leave ends a value that Enter began: of all its positions, its own is left.
func (e *Encoder) Leave(mark, at int) {
	e.positions = append(e.positions[:mark], uint32(at))
	e.depth--
}

// Window returns the bytes of a value, to write them. They are zeroed.
func (e *Encoder) Window(at, size int) []byte { return e.buf[at : at+size : at+size] }

// String writes the bytes of a string, if they do not fit in its fixed part.
func (e *Encoder) String(s string) {
	if len(s) <= inlineMax {
		if !validText(bytesOf(s)) {
			e.textError(s)
		}
		return
	}
	at := e.position
	end := at + len(s)
	if len(s) > StringMax || end > len(e.buf) || !e.nest() {
		e.countString(s)
		return
	}
	if !copyText(e.buf[at:end], s) {
		e.textError(s)
		return
	}
	e.position = end
	e.positions = append(e.positions, uint32(at))
}

// countString does the work of String for what does not fit, or nowhere does.
func (e *Encoder) countString(s string) {
	switch {
	case len(s) > StringMax:
		e.lengthError("string", len(s), StringMax)
	case !validText(bytesOf(s)):
		e.textError(s)
	case e.nest():
		e.positions = append(e.positions, uint32(e.position))
		e.position += len(s)
	}
}

// Char checks that a rune can be a char of Rust's.
func (e *Encoder) Char(r rune) {
	if !utf8.ValidRune(r) {
		e.fail(fmt.Sprintf("char %#x", uint32(r)), "Unicode scalar values only")
	}
}

// elements writes plain values as they lie in memory.
func (e *Encoder) elements(values []byte, align int) {
	if !e.nest() {
		return
	}
	e.align(align)
	at := e.position
	e.position += len(values)
	if e.position <= len(e.buf) {
		copy(e.buf[at:e.position], values)
	}
	e.positions = append(e.positions, uint32(at))
}

// PutString writes the fixed part of a string at a position, whose bytes are into.
func (e *Encoder) PutString(into []byte, at int, s string) {
	word := ^uint64(0)
	if len(s) > inlineMax {
		word = textLength(len(s)) | uint64(e.offset(at, 4))<<32
	}
	binary.LittleEndian.PutUint64(into, word)
	if len(s) <= inlineMax {
		copy(into, s)
	}
}

// PutVec writes the fixed part of a Vec.
func (e *Encoder) PutVec(into []byte, at, count int) {
	binary.LittleEndian.PutUint32(into[4:], uint32(count))
	binary.LittleEndian.PutUint32(into, e.offset(at, 0))
}

// PutBox writes the fixed part of a Box.
func (e *Encoder) PutBox(into []byte, at int) {
	binary.LittleEndian.PutUint32(into, e.offset(at, 0))
}

// offset takes the next position and returns how far it is from at. It is to stand
// so many bytes behind at.
func (e *Encoder) offset(at, behind int) uint32 {
	position := e.positions[e.cursor]
	e.cursor++
	if e.isStaging {
		e.pointers = append(e.pointers, uint32(at+behind))
	}
	return position - uint32(at)
}

// align writes zeros up to the next multiple of align.
func (e *Encoder) align(align int) {
	position := (e.position + align - 1) &^ (align - 1)
	if position <= len(e.buf) {
		clear(e.buf[e.position:position])
	}
	e.position = position
}

// nest reports whether the present value may point to another.
func (e *Encoder) nest() bool {
	return e.depth < DepthMax-1 && e.err == nil || e.depthError()
}
