package rkyv

import (
	"fmt"
	"unicode/utf8"
)

// What an Encoder refuses. The first refusal counts: Finish returns it.

// quotedMax bounds how much of a wrong string an error shows, in bytes.
const quotedMax = 40

// FailNil says that a value which cannot be nil is: what a Box points to, an enum,
// a message.
func (e *Encoder) FailNil(name string) {
	e.fail(name+" is nil", "must not be nil")
}

// FailTag says that an enum has a value that none of its variants has.
func (e *Encoder) FailTag(name string, tag uint8, allowed string) {
	e.fail(fmt.Sprintf("%s is %d", name, tag), allowed)
}

func (e *Encoder) textError(s string) {
	wrong := 0
	for wrong < len(s) {
		r, width := utf8.DecodeRuneInString(s[wrong:])
		if r == utf8.RuneError && width == 1 {
			break
		}
		wrong += width
	}
	quoted := fmt.Sprintf("%q", s[:min(len(s), quotedMax)])
	if len(s) > quotedMax {
		quoted += "…"
	}
	e.fail(fmt.Sprintf("byte %d of the string %s", wrong, quoted), "strings must be UTF-8")
}

func (e *Encoder) lengthError(what string, length, maximum int) {
	e.fail(fmt.Sprintf("%s of %d bytes", what, length), fmt.Sprintf("maximum %d", maximum))
}

// depthError says that values nest too deep, unless something else is wrong already.
// It is false, for nest.
func (e *Encoder) depthError() bool {
	e.fail("pointers nested too deep", fmt.Sprintf("depth limit %d", DepthMax))
	return false
}

func (e *Encoder) fail(what, allowed string) {
	if e.err == nil {
		e.err = &EncodeError{What: what, Allowed: allowed}
	}
}

// Missing returns a message that cannot be encoded, for a nil one of an interface
// type: the call fails, and its error names the type.
func Missing(name string) Encodable { return missing(name) }

type missing string

func (m missing) EncodeArchive(e *Encoder) { e.FailNil(string(m)) }
