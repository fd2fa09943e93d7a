package rkyv

import (
	"runtime"
	"strings"
)

// A BoundsError says that a view led outside of its archive: its bytes were never
// checked, or were changed after the check. Views panic then, as a slice does with a
// wrong index; Recover makes a BoundsError of that.
type BoundsError struct {
	// Cause says what was read: an index and a length, as a rule.
	Cause string
}

// Error returns the cause.
func (b *BoundsError) Error() string {
	return "view of bytes that are no valid archive: " + b.Cause
}

// Is reports whether target is ErrInvalid.
func (b *BoundsError) Is(target error) bool { return target == ErrInvalid }

var (
	errTooDeep    = &BoundsError{Cause: "pointers nested too deep"}
	errMisaligned = &BoundsError{Cause: "elements that are not aligned"}
)

// Recover ends the panic of a view, and stores why in err as a *BoundsError. It is
// for defer, in a function that reads views of bytes that may have changed:
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
	case runtime.Error:
		if !strings.Contains(cause.Error(), "out of range") {
			panic(cause)
		}
		*err = &BoundsError{Cause: strings.TrimPrefix(cause.Error(), "runtime error: ")}
	default:
		panic(cause)
	}
}
