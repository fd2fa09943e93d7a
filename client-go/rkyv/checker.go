package rkyv

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// A Checker decides whether bytes are an archive of a type. It accepts exactly what
// rkyv accepts with the same depth limit.
//
// It keeps a window of the archive, in which the next pointer must point. Entering
// a value behind a pointer ends the window before the value; leaving it begins the
// window behind the value. So no two values share a byte, pointers never lead in
// circles, and the work is bounded by the archive's length.
//
//	low                                   high
//	 |  free  [ value behind a pointer ]  free  |
//	 |--------|          inside: [low, value)
//	                                    |-------|   afterwards: [end of value, high)
//
// Its methods are for generated code. Each returns false if the bytes are wrong;
// Err then says why.
type Checker struct {
	archive   []byte
	low, high int
	// left is how many more levels of pointers may follow, of limit in all.
	left, limit int
	err         error
}

// Scope is a value behind a pointer, from entering to Leave.
type Scope struct {
	// At is the position of the value, or of the first of Count.
	At int
	// Count is how many values there are.
	Count int
	// end and high are the window afterwards.
	end, high int
}

// Root begins with an archive and returns the position of its root. depth is the
// limit of the root's type: with k pointers below the root, one behind the other, an
// archive is accepted if k + 2 is at most depth.
func (c *Checker) Root(archive []byte, size, align, depth int) (at int, ok bool) {
	*c = Checker{archive: archive, high: len(archive), left: depth, limit: depth}
	if len(archive) > ArchiveMax {
		return 0, c.fail(0, fmt.Sprintf("archive of %d bytes", len(archive)),
			fmt.Sprintf("maximum %d", ArchiveMax))
	}
	at = max(len(archive)-size, 0)
	_, ok = c.enter(at, int64(at), 1, size, align)
	return at, ok
}

// PlainRoot returns the position of a root without pointers in which every bit pattern
// is a value: only its place can be wrong. It decides as Checker.Root does; why it is
// false, PlainRootError says.
func PlainRoot(archive []byte, size, align int) (at int, ok bool) {
	at = len(archive) - size
	return at, at >= 0 && at&(align-1) == 0 && len(archive) <= ArchiveMax
}

// PlainRootError returns what is wrong with an archive that PlainRoot refused.
//
// Errors: *InvalidError.
//
//go:noinline
func PlainRootError(archive []byte, size, align int) error {
	var c Checker
	c.Root(archive, size, align, DepthMax)
	return c.Err()
}

// Err returns what is wrong, nil if nothing is: an *InvalidError.
func (c *Checker) Err() error { return c.err }

// Byte returns the byte at a position.
func (c *Checker) Byte(at int) uint8 { return c.archive[at] }

// Bool checks a bool.
func (c *Checker) Bool(at int) bool {
	return c.archive[at] <= 1 || c.FailTag(at, "bool", "0, 1")
}

// Some checks the tag of an Option and reports whether a value follows.
func (c *Checker) Some(at int) (some, ok bool) {
	tag := c.archive[at]
	return tag == 1, tag <= 1 || c.FailTag(at, "tag of an Option", "0, 1")
}

// Success checks the tag of a Result and reports whether it is a value's.
func (c *Checker) Success(at int) (success, ok bool) {
	tag := c.archive[at]
	return tag == 0, tag <= 1 || c.FailTag(at, "tag of a Result", "0, 1")
}

// Option checks an Option whose value needs no check.
func (c *Checker) Option(at int) bool {
	_, ok := c.Some(at)
	return ok
}

// Char checks a char.
func (c *Checker) Char(at int) bool {
	value := binary.LittleEndian.Uint32(c.archive[at:])
	if value <= utf8.MaxRune && utf8.ValidRune(rune(value)) {
		return true
	}
	return c.fail(at, fmt.Sprintf("char %#x", value), "Unicode scalar values only")
}

// String checks a string.
func (c *Checker) String(at int) bool {
	word := binary.LittleEndian.Uint64(c.archive[at:])
	if isInline(word) {
		return isInlineASCII(word) || c.inlineText(at)
	}
	offset, length := farText(word)
	if length <= inlineMax {
		return c.fail(at, fmt.Sprintf("string of %d bytes out of line", length),
			"above 8 bytes only")
	}
	// As enter and Leave, for what holds no pointers.
	target := int64(at) + offset
	if target < int64(c.low) || length > int64(c.high)-target {
		return c.failPointer(at, target, length)
	}
	if c.left == 1 {
		return c.failDepth(at)
	}
	start := int(target)
	c.low = start + int(length)
	text := c.archive[start:c.low]
	return isShortASCII(text) || validText(text) || c.failText(start, text)
}

// inlineText checks text that stands in place and is not all ASCII.
func (c *Checker) inlineText(at int) bool {
	text := inlineText(c.archive, at)
	return validText(text) || c.failText(at, text)
}

// Slice checks a Vec whose elements need no check.
func (c *Checker) Slice(at, size, align int) bool {
	scope, ok := c.Vec(at, size, align)
	return ok && c.Leave(scope)
}

// Vec enters the elements of a Vec.
func (c *Checker) Vec(at, size, align int) (scope Scope, ok bool) {
	target := int64(at) + int64(int32(binary.LittleEndian.Uint32(c.archive[at:])))
	count := int64(binary.LittleEndian.Uint32(c.archive[at+4:]))
	return c.enter(at, target, count, size, align)
}

// Box enters the content of a Box.
func (c *Checker) Box(at, size, align int) (scope Scope, ok bool) {
	target := int64(at) + int64(int32(binary.LittleEndian.Uint32(c.archive[at:])))
	return c.enter(at, target, 1, size, align)
}

// Leave ends what was entered.
func (c *Checker) Leave(scope Scope) bool {
	c.low, c.high = scope.end, scope.high
	c.left++
	return true
}

// enter narrows the window to what may come before count values at target. at is
// where the pointer stands.
func (c *Checker) enter(at int, target, count int64, size, align int) (scope Scope, ok bool) {
	low, high := int64(c.low), int64(c.high)
	if target < low || target > high || count*int64(size) > high-target {
		return scope, c.failPointer(at, target, count*int64(size))
	}
	if target&int64(align-1) != 0 {
		return scope, c.fail(at, fmt.Sprintf("pointer to position %d", target),
			fmt.Sprintf("multiples of %d only", align))
	}
	if c.left == 1 {
		return scope, c.failDepth(at)
	}
	start := int(target)
	scope = Scope{At: start, Count: int(count), end: start + int(count)*size, high: c.high}
	c.high = start
	c.left--
	return scope, true
}

// FailTag says that a tag is none of the allowed ones.
func (c *Checker) FailTag(at int, name, allowed string) bool {
	return c.fail(at, fmt.Sprintf("%s %d", name, c.archive[at]), "allowed "+allowed)
}

func (c *Checker) failPointer(at int, target, length int64) bool {
	return c.fail(at, fmt.Sprintf("pointer to %d bytes at position %d", length, target),
		fmt.Sprintf("only within %d to %d", c.low, c.high))
}

func (c *Checker) failDepth(at int) bool {
	return c.fail(at, "pointers nested too deep", fmt.Sprintf("depth limit %d", c.limit))
}

func (c *Checker) failText(at int, text []byte) bool {
	if len(text) > quotedMax {
		text = text[:quotedMax]
	}
	return c.fail(at, fmt.Sprintf("string %q", text), "UTF-8 only")
}

func (c *Checker) fail(at int, seen, allowed string) bool {
	if c.err == nil {
		c.err = &InvalidError{Position: at, Seen: seen, Allowed: allowed}
	}
	return false
}

// CheckUnit checks the archive of no message: it has no bytes.
//
// Errors: *InvalidError.
func CheckUnit(archive []byte) error {
	if len(archive) == 0 {
		return nil
	}
	return &InvalidError{
		Seen: fmt.Sprintf("%d bytes", len(archive)), Allowed: "no message is expected",
	}
}
