package differential

import "github.com/outrigger-ipc/outrigger/client-go/rkyv"

// Kind is what the tests do with a type of message.
type Kind struct {
	// Parse makes a view, as the generated function does.
	Parse func(archive []byte) (view any, err error)
	// Load makes a value of a view.
	Load func(view any) rkyv.Encodable
	// Unchecked makes a view of bytes that were not validated, with the root where a
	// root of so many bytes would be; nil if there are no views of this type.
	Unchecked func(archive []byte, size int) (view any)
}

// loader is a generated view.
type loader[T any] interface{ Load() T }

// Struct is a message whose pointer is encoded.
func Struct[V loader[T], T any, P interface {
	*T
	rkyv.Encodable
}](parse func([]byte) (V, error)) Kind {
	return Kind{
		Parse: func(archive []byte) (any, error) { return parse(archive) },
		Load: func(view any) rkyv.Encodable {
			value := view.(V).Load()
			return P(&value)
		},
		Unchecked: unchecked[V],
	}
}

// Enum is a message that is encoded as it is.
func Enum[V loader[T], T rkyv.Encodable](parse func([]byte) (V, error)) Kind {
	return Kind{
		Parse:     func(archive []byte) (any, error) { return parse(archive) },
		Load:      func(view any) rkyv.Encodable { return view.(V).Load() },
		Unchecked: unchecked[V],
	}
}

// Units is an enum without values, which is its own view.
func Units[T rkyv.Encodable](parse func([]byte) (T, error)) Kind {
	return Kind{
		Parse: func(archive []byte) (any, error) { return parse(archive) },
		Load:  func(view any) rkyv.Encodable { return view.(T) },
	}
}
