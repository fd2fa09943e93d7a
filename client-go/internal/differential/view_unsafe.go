package differential

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// unchecked makes a view of bytes that nobody validated, which generated code does
// not offer: a view is a struct that begins with a rkyv.Ref.
func unchecked[V any](archive []byte, size int) any {
	var view V
	ref := reflect.TypeFor[rkyv.Ref]()
	if made := reflect.TypeFor[V](); made.NumField() == 0 || made.Field(0).Type != ref {
		panic(fmt.Sprintf("%v does not begin with a %v", made, ref))
	}
	// The field was just found to be there, at offset 0, and of this type.
	*(*rkyv.Ref)(unsafe.Pointer(&view)) = rkyv.NewRef(archive, max(len(archive)-size, 0))
	return view
}
