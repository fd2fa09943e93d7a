package archives

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/differential"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// names are the types that a fuzz target chooses from by number.
var names = slices.Sorted(maps.Keys(Kinds))

// seeds adds the golden archives, and the number of each one's type.
func seeds(f *testing.F) {
	for _, v := range vectors(f) {
		number, _ := slices.BinarySearch(names, v.Type)
		f.Add(uint8(number), v.archive)
	}
}

// FuzzArchive puts bytes to the validator and to views. What is valid has a value,
// whose archive is valid and has the same value; what is not is an *InvalidError.
func FuzzArchive(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, number uint8, archive []byte) {
		kind := Kinds[names[int(number)%len(names)]]
		view, err := kind.Parse(archive)
		if err != nil {
			var invalid *rkyv.InvalidError
			if !errors.As(err, &invalid) || !errors.Is(err, rkyv.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if err := differential.Walk(view); err != nil {
			t.Fatal(err)
		}
		first, err := rkyv.Marshal(kind.Load(view))
		if err != nil {
			t.Fatal(err)
		}
		again, err := kind.Parse(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := rkyv.Marshal(kind.Load(again)); err != nil ||
			!bytes.Equal(first, second) {
			t.Fatalf("%v\n%x\n%x", err, first, second)
		}
	})
}

// FuzzUncheckedView reads bytes that nobody validated by means of views: they may
// panic because of a bounds check, and nothing else may happen.
func FuzzUncheckedView(f *testing.F) {
	seeds(f)
	sizes := map[string]int{}
	for _, v := range vectors(f) {
		sizes[v.Type] = max(sizes[v.Type], 1)
		if length := len(v.archive); sizes[v.Type] == 1 || length < sizes[v.Type] {
			sizes[v.Type] = length // the shortest has little but the root
		}
	}
	f.Fuzz(func(t *testing.T, number uint8, archive []byte) {
		name := names[int(number)%len(names)]
		kind := Kinds[name]
		if err := differential.WalkUnchecked(&kind, archive, sizes[name]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	})
}

// FuzzEncoder writes values made of bytes, into a buffer that is too short and one
// that is not: both count alike, and what is written is valid and the same value.
func FuzzEncoder(f *testing.F) {
	f.Add("a name", []byte{1, 2, 3}, uint8(3), int64(-1), math.Pi)
	f.Add("", []byte{}, uint8(0), int64(0), math.NaN())
	f.Add("no UTF-8: \xff", []byte(nil), uint8(70), int64(math.MinInt64), 0.0)
	f.Fuzz(func(t *testing.T, text string, blob []byte, depth uint8, number int64, real float64) {
		message := orderOf(text, blob, depth, number, real)
		archive, err := rkyv.Marshal(message)
		if errors.Is(err, rkyv.ErrEncode) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		view, err := ParseOrder(archive)
		if err != nil {
			t.Fatal(err)
		}
		value := view.Load()
		again, err := rkyv.Marshal(&value)
		if err != nil || !bytes.Equal(again, archive) || view.CustomerView() != text {
			t.Fatalf("%v\n%x\n%x", err, archive, again)
		}
		var encoder rkyv.Encoder
		encoder.Reset(make([]byte, len(archive)/2))
		message.EncodeArchive(&encoder)
		var full *rkyv.FullError
		if _, err := encoder.Finish(); !errors.As(err, &full) || full.Needed != len(archive) {
			t.Fatalf("%v, and %d bytes are needed", err, len(archive))
		}
	})
}

// orderOf makes an order of what the fuzzer chose.
func orderOf(text string, blob []byte, depth uint8, number int64, real float64) *Order {
	var shape Shape = ShapeCircle{Value: real}
	for range depth {
		shape = ShapeViewVariant{Value: []Shape{shape, ShapeLabel{Value: text}}}
	}
	order := &Order{ID: uint64(number), Customer: text, Note: blob, Shape: shape}
	if number%2 == 0 {
		order.Limit = rkyv.Some(uint32(number))
	}
	for _, part := range strings.Fields(text) {
		order.Items = append(order.Items, Item{ID: binary.LittleEndian.Uint32(
			append(slices.Clone(blob), 0, 0, 0, 0)), Name: part})
	}
	return order
}
