package archives

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// filler builds values in every way that the builders have, by chance.
type filler struct {
	t *testing.T
	s *source
	// inPlace counts the values that were built in place.
	inPlace int
}

// begun calls a method that begins a value, if there is one and chance says so.
func (f *filler) begun(builder reflect.Value, name string) (inner reflect.Value, ok bool) {
	method := builder.MethodByName(name)
	if !method.IsValid() || f.s.below(4) == 0 {
		return inner, false
	}
	f.inPlace++
	return method.Call(nil)[0], true
}

// content returns what an Option or a Box holds; it is not ok if that is nothing.
func content(value reflect.Value) (inner reflect.Value, ok bool) {
	if value.Kind() == reflect.Struct && value.FieldByName("Valid").IsValid() {
		if !value.Field(1).Bool() {
			return value, false
		}
		return content(value.Field(0))
	}
	if value.Kind() == reflect.Pointer {
		return content(value.Elem())
	}
	return value, true
}

// fill writes a value, field by field.
func (f *filler) fill(builder, value reflect.Value) {
	switch {
	case value.Kind() == reflect.Interface:
		f.variant(builder, value.Elem(), value.Type().Name())
	case value.Kind() == reflect.Slice:
		for i := range value.Len() {
			f.field(builder, value.Index(i), "Next", "Add")
		}
	default:
		for i := range value.NumField() {
			name := value.Type().Field(i).Name
			f.field(builder, value.Field(i), "Begin"+name, "Set"+name)
		}
	}
}

func (f *filler) field(builder, value reflect.Value, begin, set string) {
	if inner, ok := content(value); ok {
		if begun, ok := f.begun(builder, begin); ok {
			f.fill(begun, inner)
			return
		}
	}
	method := builder.MethodByName(set)
	if !method.IsValid() {
		f.t.Fatalf("%s has no %s", builder.Type(), set)
	}
	method.Call([]reflect.Value{value})
}

func (f *filler) variant(builder, value reflect.Value, enum string) {
	name := strings.TrimPrefix(value.Type().Name(), enum)
	if value.NumField() == 0 {
		builder.MethodByName("Set" + name).Call(nil)
		return
	}
	f.fill(builder.MethodByName("Begin" + name).Call(nil)[0], value)
}

// begin begins a message of each type that can be built.
var begin = map[string]func(*rkyv.Encoder) any{
	"Scalars": built(BuildScalars), "Point": built(BuildPoint), "Pair": built(BuildPair),
	"Meters": built(BuildMeters), "Texts": built(BuildTexts), "Lists": built(BuildLists),
	"Options": built(BuildOptions), "Arrays": built(BuildArrays), "Tree": built(BuildTree),
	"Chain": built(BuildChain), "Awkward": built(BuildAwkward),
	"Compound": built(BuildCompound), "Item": built(BuildItem), "Order": built(BuildOrder),
	"Client": built(BuildFixtureClient), "PointView": built(BuildFixturePointView),
	"Kitchen": built(BuildKitchen), "Tuples": built(BuildTuples),
	"Results": built(BuildResults), "Times": built(BuildTimes), "Wides": built(BuildWides),
	"Boxes": built(BuildBoxes), "Shape": built(BuildShape),
	"Expression": built(BuildExpression),
}

func built[B any](build func(*rkyv.Encoder) B) func(*rkyv.Encoder) any {
	return func(e *rkyv.Encoder) any { return build(e) }
}

func TestEveryGoldenArchiveIsBuiltFieldByFieldToTheSameBytes(t *testing.T) {
	var encoder rkyv.Encoder
	f := &filler{t: t, s: newSource(7)}
	seen := map[string]bool{}
	for _, v := range vectors(t) {
		build, ok := begin[v.Type]
		if !ok || !v.Valid {
			continue
		}
		seen[v.Type] = true
		view, err := Kinds[v.Type].Parse(v.archive)
		if err != nil {
			t.Fatal(err)
		}
		message := reflect.ValueOf(Kinds[v.Type].Load(view))
		if message.Kind() == reflect.Struct { // a variant
			sealed := reflect.TypeOf((*Shape)(nil)).Elem()
			if v.Type == "Expression" {
				sealed = reflect.TypeOf((*Expression)(nil)).Elem()
			}
			value := reflect.New(sealed).Elem()
			value.Set(message)
			message = value
		} else {
			message = message.Elem()
		}
		for range 4 {
			into := aligned(len(v.archive) + 1)
			for i := range into {
				into[i] = 0xa5 // what a former message left
			}
			encoder.Reset(into)
			f.fill(reflect.ValueOf(build(&encoder)), message)
			n, err := encoder.Finish()
			if err != nil || !bytes.Equal(into[:n], v.archive) {
				t.Fatalf("%s %s: %v\n got %x\nwant %x", v.Type, v.Name, err, into[:n], v.archive)
			}
			encoder.Reset(into[:max(n-1, 0)])
			f.fill(reflect.ValueOf(build(&encoder)), message)
			var full *rkyv.FullError
			if _, err := encoder.Finish(); n > 0 && (!errors.As(err, &full) || full.Needed != n) {
				t.Fatalf("%s %s: %v, want %d bytes needed", v.Type, v.Name, err, n)
			}
		}
	}
	if len(seen) != len(begin) || f.inPlace < 1000 {
		t.Errorf("%d types, %d values in place", len(seen), f.inPlace)
	}
}

// late is the error of a builder that is used too late.
const late = "a value is written to after it was complete"

// misuse is something done wrong, and what is said of it.
type misuse struct {
	want  string
	build func(e *rkyv.Encoder)
}

// misuses are wrong ways to build messages.
func misuses() map[string]misuse {
	return map[string]misuse{
		"left out": {"Order without customer (every field must be set)", func(e *rkyv.Encoder) {
			BuildOrder(e).SetID(7)
		}},
		"out of order": {"Order.note is set before customer (each", func(e *rkyv.Encoder) {
			order := BuildOrder(e)
			order.SetID(7)
			order.SetNote(nil)
		}},
		"twice": {"Order.id is set twice (each field once", func(e *rkyv.Encoder) {
			order := BuildOrder(e)
			order.SetID(7)
			order.SetID(8)
		}},
		"nothing": {"Order without id", func(e *rkyv.Encoder) { BuildOrder(e) }},
		"an element that was left": {late, func(e *rkyv.Encoder) {
			items := listsOf(e)
			first := items.Next()
			first.SetX(1)
			first.SetY(1)
			items.Next()
			first.SetX(2)
		}},
		"an element without a field": {"Point without y", func(e *rkyv.Encoder) {
			items := listsOf(e)
			items.Next().SetX(1)
			items.Next()
		}},
		"no variant": {"Shape without variant", func(e *rkyv.Encoder) { BuildShape(e) }},
		"two variants": {"Shape.variant is set twice", func(e *rkyv.Encoder) {
			shape := BuildShape(e)
			shape.SetNothing()
			shape.SetNothing()
		}},
		"two roots": {"Point begins inside of another message", func(e *rkyv.Encoder) {
			BuildShape(e)
			BuildPoint(e)
		}},
		"the value of a former message": {late, func(e *rkyv.Encoder) {
			item := BuildItem(e)
			item.SetID(1)
			item.SetName("")
			_, _ = e.Finish()
			e.Reset(make([]byte, 64))
			BuildItem(e).SetID(1)
			item.SetName("late")
		}},
		"text": {`byte 0 of the string "\xff"`, func(e *rkyv.Encoder) {
			item := BuildItem(e)
			item.SetID(1)
			item.SetName("\xff")
		}},
		"depth": {"pointers nested too deep (depth limit 64)", func(e *rkyv.Encoder) {
			tree := BuildTree(e)
			for range 100 {
				tree.SetValue(1)
				tree = tree.BeginChildren().Next()
			}
		}},
	}
}

func TestABuilderThatIsMisusedGivesNoArchive(t *testing.T) {
	for name, test := range misuses() {
		var e rkyv.Encoder
		e.Reset(aligned(4096))
		test.build(&e)
		n, err := e.Finish()
		is := errors.Is(err, rkyv.ErrEncode) && strings.Contains(fmt.Sprint(err), test.want)
		if n != 0 || !is {
			t.Errorf("%s: %d bytes, %v, want %s", name, n, err, test.want)
		}
	}
	var zero OrderBuilder
	zero.SetID(1)
	zero.BeginItems().Next().SetName("nowhere")
}

// listsOf begins Lists up to its points.
func listsOf(e *rkyv.Encoder) VecOfPointBuilder {
	lists := BuildLists(e)
	lists.SetBytes(nil)
	lists.SetWords(nil)
	lists.SetNumbers(nil)
	lists.SetFloats(nil)
	lists.SetFlags(nil)
	lists.SetLetters(nil)
	lists.SetColors(nil)
	return lists.BeginPoints()
}

// buildOrder builds what orders has.
func buildOrder(e *rkyv.Encoder, note []byte, count int) {
	order := BuildOrder(e)
	order.SetID(7)
	order.SetCustomer("somebody of note")
	order.SetNote(note)
	order.SetLimit(rkyv.Some[uint32](9))
	items := order.BeginItems()
	for i := range count {
		item := items.Next()
		item.SetID(uint32(i))
		item.SetName("item number one")
	}
	order.BeginShape().BeginCircle().SetValue(1.5)
}

func TestBuildingAllocatesNothing(t *testing.T) {
	var encoder rkyv.Encoder
	into, note := aligned(1<<16), make([]byte, 40)
	var n int
	allocations := testing.AllocsPerRun(100, func() {
		encoder.Reset(into)
		buildOrder(&encoder, note, 1000)
		n, _ = encoder.Finish()
	})
	want, err := rkyv.Marshal(orders()["1000Items"])
	if err != nil || !bytes.Equal(into[:n], want) {
		t.Errorf("%d bytes instead of %d, %v", n, len(want), err)
	}
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, count := range []int{2, 16, 1000} {
		b.Run(fmt.Sprintf("%dItems", count), func(b *testing.B) {
			var encoder rkyv.Encoder
			into, note := aligned(1<<16), make([]byte, 40)
			for b.Loop() {
				encoder.Reset(into)
				buildOrder(&encoder, note, count)
				if _, err := encoder.Finish(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
