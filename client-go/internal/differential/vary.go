package differential

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
)

// maxItems is how many elements a varied slice has at most.
const maxItems = 40

// vary changes some parts of a value, so that Go has values that rkyv never saw.
func vary(random *rand.Rand, value reflect.Value) {
	varyIn(random, value, 0)
}

func varyIn(random *rand.Rand, value reflect.Value, depth int) {
	const depthMax = 80
	if depth > depthMax {
		return
	}
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			varyIn(random, value.Elem(), depth+1)
		}
	case reflect.Interface:
		varyInterface(random, value, depth)
	case reflect.Struct:
		for i := range value.NumField() {
			if value.Type().Field(i).IsExported() {
				varyIn(random, value.Field(i), depth+1)
			}
		}
	case reflect.Array:
		for i := range value.Len() {
			varyIn(random, value.Index(i), depth+1)
		}
	case reflect.Slice:
		varySlice(random, value, depth)
	default:
		if value.CanSet() && random.IntN(3) == 0 {
			varyLeaf(random, value)
		}
	}
}

// varyInterface varies a copy of the variant of an enum.
func varyInterface(random *rand.Rand, value reflect.Value, depth int) {
	if value.IsNil() || !value.CanSet() {
		return
	}
	variant := reflect.New(value.Elem().Type()).Elem()
	variant.Set(value.Elem())
	varyIn(random, variant, depth+1)
	value.Set(variant)
}

func varySlice(random *rand.Rand, value reflect.Value, depth int) {
	for i := range value.Len() {
		varyIn(random, value.Index(i), depth+1)
	}
	if !value.CanSet() {
		return
	}
	switch random.IntN(8) {
	case 0:
		value.SetZero() // nil is a Vec without elements
	case 1:
		if n := value.Len(); n > 0 && n < maxItems {
			value.Set(reflect.Append(value, value.Index(random.IntN(n))))
		}
	case 2:
		value.Set(value.Slice(0, value.Len()/2))
	}
}

func varyLeaf(random *rand.Rand, value reflect.Value) {
	switch value.Kind() {
	case reflect.Bool:
		value.SetBool(random.IntN(2) == 0)
	case reflect.String:
		value.SetString(strings.Repeat([]string{"x", "ß", "€", "\x00"}[random.IntN(4)],
			[]int{0, 1, 2, 3, 4, 8, 9, 63, 64, 65, 300}[random.IntN(11)]))
	case reflect.Float32, reflect.Float64:
		value.SetFloat([]float64{0, math.Copysign(0, -1), 1.5, math.Inf(1)}[random.IntN(4)])
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		// A char is an int32, too: most of these are none, and refused.
		value.SetInt([]int64{0, 'x', 0x10ffff, -1, math.MaxInt64}[random.IntN(5)])
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		value.SetUint(random.Uint64() >> random.IntN(64))
	}
}
