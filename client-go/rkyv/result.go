package rkyv

// A Result is a value, or why there is none. The zero Result is a failure: one that
// was forgotten does not look like a success.
type Result[V, E any] struct {
	// Value is the value if OK is true, and ignored otherwise.
	Value V
	// Err is the error if OK is false, and ignored otherwise.
	Err E
	// OK is true if there is a value.
	OK bool
}

// Ok returns the result of a success.
func Ok[V, E any](value V) Result[V, E] { return Result[V, E]{Value: value, OK: true} }

// Err returns the result of a failure.
func Err[V, E any](err E) Result[V, E] { return Result[V, E]{Err: err} }

// Get returns the value, and whether there is one.
func (r Result[V, E]) Get() (value V, ok bool) { return r.Value, r.OK }
