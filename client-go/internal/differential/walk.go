package differential

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// Walk calls every accessor of a view, and of the views that it returns.
//
// Errors: an accessor that says that there is no value, and returns one.
func Walk(view any) error { return walkFrom(view, 0, callsMax) }

// walkFrom walks from this accessor on, in a circle: of a large view, each walk sees
// another part.
func walkFrom(view any, turn, calls int) error {
	return (&walk{turn: turn, left: calls}).view(reflect.ValueOf(view))
}

// walk is how far a walk is.
type walk struct {
	// turn is which accessor of a view comes first.
	turn int
	// left is how many accessors may be called yet; an archive that was not validated
	// may lead in circles.
	left int
	// depth is how many views stand in each other.
	depth int
}

// Limits of a walk; a valid archive is within them or is walked in part.
const (
	callsMax          = 4096
	callsUncheckedMax = 512
	depthMax          = 100
	itemsMax          = 8
)

func (w *walk) view(view reflect.Value) error {
	w.depth++
	defer func() { w.depth-- }()
	count := view.NumMethod()
	for i := range count {
		i = (i + w.turn) % count
		name, called := view.Type().Method(i).Name, view.Method(i)
		if name == "Load" || name == "All" || name == "Or" || called.Type().NumIn() != 0 {
			continue
		}
		if w.left--; w.left < 0 || w.depth > depthMax {
			return nil
		}
		results := called.Call(nil)
		if len(results) == 2 && results[1].Kind() == reflect.Bool && !results[1].Bool() {
			if !results[0].IsZero() {
				return fmt.Errorf("%s has a value and says that it has none", name)
			}
			continue
		}
		for _, result := range results {
			if err := w.result(result); err != nil {
				return err
			}
		}
	}
	return nil
}

// result walks what an accessor returned: a list, or what has accessors, or fields
// such as those of a tuple.
func (w *walk) result(result reflect.Value) error {
	if result.Kind() != reflect.Struct || result.IsZero() {
		return nil
	}
	if at := result.MethodByName("At"); at.IsValid() && at.Type().NumIn() == 1 {
		count := int(result.MethodByName("Len").Call(nil)[0].Int())
		for index := range min(count, itemsMax) {
			if index == itemsMax-1 {
				index = count - 1
			}
			item := at.Call([]reflect.Value{reflect.ValueOf(index)})[0]
			if err := w.result(item); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range result.NumField() {
		if result.Type().Field(i).IsExported() {
			if err := w.result(result.Field(i)); err != nil {
				return err
			}
		}
	}
	return w.view(result)
}

// WalkUnchecked calls every accessor of a view of bytes that nobody validated, with a
// root of so many bytes. They may panic because of a bounds check.
//
// Errors: another panic, or a fault.
func WalkUnchecked(kind *Kind, archive []byte, size int) error {
	if kind.Unchecked == nil {
		return nil
	}
	_, err := walkUnchecked(kind, archive, size, 0)
	return err
}

func walkUnchecked(kind *Kind, archive []byte, size, turn int) (panicked bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			panicked, err = true, judgePanic(cause)
		}
	}()
	return false, walkFrom(kind.Unchecked(archive, size), turn, callsUncheckedMax)
}

// errOutside says that a byte outside of the archive was read.
var errOutside = errors.New("a view looked outside of its archive")

// judgePanic says what is wrong about a panic, nil if nothing is.
func judgePanic(cause any) error {
	if err, ok := cause.(error); ok {
		if errors.Is(err, rkyv.ErrInvalid) || errors.Is(err, rkyv.ErrEmptyView) {
			return nil
		}
	}
	fault, ok := cause.(runtime.Error)
	if !ok {
		return fmt.Errorf("a view panicked: %v", cause)
	}
	if address, ok := cause.(interface{ Addr() uintptr }); ok {
		return fmt.Errorf("%w, at %#x", errOutside, address.Addr())
	}
	if text := fault.Error(); !strings.Contains(text, "out of range") {
		return fmt.Errorf("a view panicked: %s", text)
	}
	return nil
}
