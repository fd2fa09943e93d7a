package rkyv

// An Option is a value that may be absent. The zero Option is absent.
type Option[V any] struct {
	// Value is the value if Valid is true, and ignored otherwise.
	Value V
	// Valid is true if there is a value.
	Valid bool
}

// Some returns a present value.
func Some[V any](value V) Option[V] { return Option[V]{Value: value, Valid: true} }

// None returns an absent value.
func None[V any]() Option[V] { return Option[V]{} }

// Get returns the value and whether there is one.
func (o Option[V]) Get() (value V, ok bool) { return o.Value, o.Valid }

// Or returns the value, or another if there is none.
func (o Option[V]) Or(otherwise V) V {
	if o.Valid {
		return o.Value
	}
	return otherwise
}
