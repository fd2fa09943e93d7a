package rkyv

import (
	"errors"
	"fmt"
)

// ErrEncode is what every error about a message that cannot be encoded is, but for
// a FullError: for errors.Is.
var ErrEncode = errors.New("message cannot be encoded")

// ErrInvalid is what every error about bytes that are no archive is.
var ErrInvalid = errors.New("invalid archive")

// ErrFull is what every FullError is, for errors.Is: the archive does not fit.
var ErrFull = errors.New("archive does not fit")

// FullError says that an archive does not fit. With a buffer of Needed bytes it
// does, if the message stays the same.
//
// It is memory of its Encoder, so that a full buffer costs no allocation: the next
// one that is full, of the same Encoder, changes it.
type FullError struct {
	// Needed is the exact length of the archive in bytes.
	Needed int
	// Available is the length of the buffer.
	Available int
}

// Error returns both lengths.
func (f *FullError) Error() string {
	return fmt.Sprintf("archive of %d bytes (maximum %d)", f.Needed, f.Available)
}

// Is reports whether target is ErrFull.
func (f *FullError) Is(target error) bool { return target == ErrFull }

// EncodeError says what about a message no archive can hold.
type EncodeError struct {
	// What is the value, and what is wrong with it.
	What string
	// Allowed is what would be right.
	Allowed string
}

// Error returns what was seen and what is allowed.
func (f *EncodeError) Error() string { return fmt.Sprintf("%s (%s)", f.What, f.Allowed) }

// Is reports whether target is ErrEncode.
func (f *EncodeError) Is(target error) bool { return target == ErrEncode }

// InvalidError says why bytes are no archive of a type.
type InvalidError struct {
	// Position is where in the archive the wrong value stands.
	Position int
	// Seen is the wrong value.
	Seen string
	// Allowed is what could stand there.
	Allowed string
}

// Error returns position, what was seen and what is allowed.
func (f *InvalidError) Error() string {
	return fmt.Sprintf("archive position %d: %s (%s)", f.Position, f.Seen, f.Allowed)
}

// Is reports whether target is ErrInvalid.
func (f *InvalidError) Is(target error) bool { return target == ErrInvalid }
