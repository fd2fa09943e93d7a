package rkyv

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// ErrEmptyView is what views panic with that there is nothing in to read: a view after
// Release, and what a failed call or Parse returns.
var ErrEmptyView = errors.New(
	"rkyv: read of an empty view: released, or the reply of a failed call",
)

// A BoundsError says that a view led outside of its archive: its bytes were never
// checked, or were changed after the check. Views panic then, as a slice does with a
// wrong index; Recover makes a BoundsError of that.
type BoundsError struct {
	// Cause says what was read, or the length that it was outside of.
	Cause string
}

// Error returns the cause.
func (b *BoundsError) Error() string {
	return "view of bytes that are no valid archive: " + b.Cause
}

// Is reports whether target is ErrInvalid.
func (b *BoundsError) Is(target error) bool { return target == ErrInvalid }

// outsideError is what a read outside of an archive of so many bytes panics with. The
// check is the one that Go would make otherwise: reads cost no more for its text.
type outsideError int

func (o outsideError) Error() string { return o.cause().Error() }

func (o outsideError) Unwrap() error { return o.cause() }

func (o outsideError) cause() error {
	if o == 0 {
		return ErrEmptyView
	}
	return &BoundsError{Cause: fmt.Sprintf("read outside of its %d bytes", int(o))}
}

var (
	errTooDeep    = &BoundsError{Cause: "pointers nested too deep"}
	errMisaligned = &BoundsError{Cause: "elements that are not aligned"}
)

// Recover ends the panic of a view, and stores why in err: ErrEmptyView, or else a
// *BoundsError. It is for defer, in a function that reads views of bytes that may have changed:
//
//	defer rkyv.Recover(&err)
//
// An index of the function's own that is out of range is taken for a view's. Other
// panics go on.
func Recover(err *error) {
	switch cause := recover().(type) {
	case nil:
	case *BoundsError:
		*err = cause
	case outsideError:
		*err = cause.cause()
	case runtime.Error:
		if !strings.Contains(cause.Error(), "out of range") {
			panic(cause)
		}
		*err = &BoundsError{Cause: strings.TrimPrefix(cause.Error(), "runtime error: ")}
	default:
		panic(cause)
	}
}
