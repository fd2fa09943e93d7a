package archives

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// byHand are the values of the golden vectors "by hand".
func byHand() map[string]rkyv.Encodable {
	point := Point{X: -1, Y: 2}
	tagged := ShapeTagged{Name: "nine byte", Color: ColorDeepBlue, At: point, Letter: 'x'}
	return map[string]rkyv.Encodable{
		"Scalars": &Scalars{
			Flag: true, Letter: '€', A: 1, B: 2, C: 3, D: math.MaxUint64, E: -5, F: -6, G: -7,
			H: math.MinInt64, I: 1.5, J: -2.25,
		},
		"Shape": tagged,
		"Texts": &Texts{
			Short:  "eight by",
			Long:   strings.Repeat("a", 300),
			Names:  []string{"", "nine byte", "eight by"},
			Maybe:  rkyv.Some("nine byte"),
			Boxed:  pointer("in a box, far away"),
			Pair:   [2]string{"eight by", strings.Repeat("b", 64)},
			Nested: []rkyv.Option[string]{{}, rkyv.Some(strings.Repeat("c", 63))},
		},
		"Tree": &Tree{Value: 1, Children: []Tree{
			{Value: 2, Children: []Tree{{Value: 3}, {Value: 4}}}, {Value: 5},
		}},
		"Options": &Options{
			Number: rkyv.Some[uint32](7), Flag: rkyv.Some(false), Point: rkyv.Some(point),
			Nested: rkyv.Some(rkyv.None[uint8]()), List: rkyv.Some([]byte{1, 2, 3}),
			Lists: rkyv.Some([][]uint16{{4}, {}}), Shape: rkyv.Some[Shape](tagged),
			Color: rkyv.Some(ColorRed), Boxed: rkyv.Some(&point), Empty: rkyv.Some(Empty{}),
			Unit: rkyv.Some(struct{}{}), Array: rkyv.Some([3]int16{1, -2, 3}),
		},
		"Maps": &Maps{
			Prices: rkyv.EntriesOf(map[string]uint32{"tea": 2, "an expensive dish": 90}),
			Points: []rkyv.Entry[uint8, Point]{{Key: 1, Value: point}},
			Hashed: []rkyv.Entry[uint16, Shape]{{Key: 2, Value: tagged}},
			Maybe: rkyv.Some(rkyv.EntriesOf(map[rune]rkyv.Option[uint16]{
				'b': {}, 'a': rkyv.Some[uint16](3),
			})),
			Numbers: []uint64{4, 5},
			Texts:   []string{"a longer text", "b"},
		},
		"Niches": &Niches{
			Number: rkyv.Some[uint32](6), Signed: rkyv.Some[int64](-7),
			Point: rkyv.Some(&point), Boxes: []rkyv.Option[*Pair]{{}, rkyv.Some(&Pair{})},
			Divisor: 8, Pair: rkyv.Tuple2[uint8, int64]{Field0: 9, Field1: -1},
			Array: [3]uint16{1, 2, 3}, Boxed: pointer[int64](10),
		},
		"Shelf": &Shelf{
			Items: PageOfItem{Items: []Item{{ID: 1, Name: "an item on a page"}}, Total: 2},
			Pages: PageOfPageOfBool{Last: rkyv.Some(&PageOfBool{Items: []bool{true}})},
		},
	}
}

func pointer[T any](value T) *T { return &value }

func TestValuesEncodeToTheBytesThatRkyvWrites(t *testing.T) {
	values := byHand()
	for _, v := range vectors(t) {
		if v.Name != "by hand" {
			continue
		}
		got, err := rkyv.Marshal(values[v.Type])
		if err != nil || !bytes.Equal(got, v.archive) {
			t.Errorf("%s: %v\n got %x\nwant %x", v.Type, err, got, v.archive)
		}
		delete(values, v.Type)
	}
	if len(values) > 0 {
		t.Errorf("no golden archive of %v", values)
	}
}

func TestEveryGoldenArchiveLoadsAndEncodesToTheSameBytes(t *testing.T) {
	var encoder rkyv.Encoder
	seen := map[string]int{}
	for _, v := range vectors(t) {
		view, err := Kinds[v.Type].Parse(v.archive)
		if (err == nil) != v.Valid {
			t.Errorf("%s %s: %v, and rkyv says %v", v.Type, v.Name, err, v.Valid)
		}
		if err != nil {
			continue
		}
		seen[v.Type]++
		value := Kinds[v.Type].Load(view)
		into := aligned(len(v.again))
		for i := range into {
			into[i] = 0xa5 // what a former message left
		}
		encoder.Reset(into)
		value.EncodeArchive(&encoder)
		n, err := encoder.Finish()
		if err != nil || !bytes.Equal(into[:n], v.again) {
			t.Errorf("%s %s: %v\n got %x\nwant %x", v.Type, v.Name, err, into[:n], v.again)
		}
		short := into[:max(len(v.again)-1, 0)]
		encoder.Reset(short)
		value.EncodeArchive(&encoder)
		var full *rkyv.FullError
		if _, err := encoder.Finish(); len(v.again) > 0 &&
			(!errors.As(err, &full) || full.Needed != len(v.again)) {
			t.Errorf("%s %s: %v, want %d bytes needed", v.Type, v.Name, err, len(v.again))
		}
	}
	for name := range Kinds {
		if seen[name] < 4 {
			t.Errorf("%s: %d archives (at least 4)", name, seen[name])
		}
	}
}

func TestTheEncoderAndTheCheckerAgreeOnDepth(t *testing.T) {
	for links := 55; links < 70; links++ {
		chain := &Chain{Name: "not in line"}
		for range links {
			chain = &Chain{Next: rkyv.Some(chain)}
		}
		_, err := rkyv.Marshal(chain)
		// The root, the links, and the name's bytes.
		if allowed := links+3 <= rkyv.DepthMax; (err == nil) != allowed {
			t.Errorf("%d links: %v", links, err)
		}
	}
	circle := &Chain{Name: "round"}
	circle.Next = rkyv.Some(circle)
	if _, err := rkyv.Marshal(circle); !errors.Is(err, rkyv.ErrEncode) {
		t.Errorf("a chain without an end: %v", err)
	}
}

func TestWhatNoArchiveCanHoldIsRefused(t *testing.T) {
	var none *Texts
	boxed := pointer("")
	for want, message := range map[string]rkyv.Encodable{
		"Texts is nil":                          none,
		"Box<String> is nil":                    &Texts{},
		`byte 2 of the string "ab\xff"`:         &Texts{Short: "ab\xff", Boxed: boxed},
		"byte 0 of the string":                  &Texts{Names: []string{"\x80"}, Boxed: boxed},
		"char 0xd800":                           &Scalars{Letter: 0xd800},
		"char 0xffffffff":                       &Lists{Letters: []rune{'a', -1}},
		"Color is 3 (1, 2, 7)":                  Color(3),
		"Shape is nil":                          &Lists{Shapes: []Shape{nil}},
		"Expression is nil":                     rkyv.Missing("Expression"),
		"Color is 0":                            ShapeTagged{},
		"pointers nested too deep":              deepTree(70),
		"a NonZero integer is 0 (must not be 0": &Niches{},
		"char 0xdfff (Unicode scalar values on": ShapeTagged{Color: ColorRed, Letter: 0xdfff},
	} {
		_, err := rkyv.Marshal(message)
		if !errors.Is(err, rkyv.ErrEncode) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func deepTree(levels int) *Tree {
	tree := &Tree{}
	for range levels {
		tree = &Tree{Children: []Tree{*tree}}
	}
	return tree
}

func TestViewsReadWhatWasWritten(t *testing.T) {
	archive, err := rkyv.Marshal(byHand()["Texts"])
	if err != nil {
		t.Fatal(err)
	}
	texts, err := ParseTexts(archive)
	if err != nil {
		t.Fatal(err)
	}
	if texts.Short() != "eight by" || texts.ShortView() != "eight by" {
		t.Error(texts.Short())
	}
	if name, ok := texts.Maybe().Get(); !ok || name != "nine byte" {
		t.Error(name, ok)
	}
	var names []string
	for i, name := range texts.NamesView().All() {
		if name != texts.Names().At(i) {
			t.Error(i, name)
		}
		names = append(names, name)
	}
	if !reflect.DeepEqual(names, []string{"", "nine byte", "eight by"}) {
		t.Error(names)
	}
	archive, _ = rkyv.Marshal(byHand()["Shape"])
	shape, err := ParseShape(archive)
	if err != nil || shape.Tag() != ShapeTagTagged || shape.Tag().String() != "Tagged" {
		t.Fatal(shape.Tag(), err)
	}
	if _, ok := shape.Circle(); ok {
		t.Error("a tagged shape is a circle")
	}
	tagged, ok := shape.Tagged()
	if !ok || tagged.Color() != ColorDeepBlue || tagged.At().Y() != 2 || tagged.Letter() != 'x' {
		t.Error(tagged.Load())
	}
	shape.Release()
	shape.Release()
	if !reflect.ValueOf(shape).IsZero() {
		t.Error("a released view is not empty")
	}
}

func TestMapsAreReadInTheOrderOfTheArchive(t *testing.T) {
	archive, err := rkyv.Marshal(byHand()["Maps"])
	if err != nil {
		t.Fatal(err)
	}
	view, err := ParseMaps(archive)
	if err != nil {
		t.Fatal(err)
	}
	prices := view.Prices()
	if prices.Len() != 2 || prices.Key(0) != "an expensive dish" || prices.Value(1) != 2 {
		t.Error(maps.Collect(prices.All()))
	}
	want := map[string]uint32{"tea": 2, "an expensive dish": 90}
	for _, got := range []map[string]uint32{
		maps.Collect(prices.All()), maps.Collect(view.PricesView().All()),
		rkyv.MapOf(view.Load().Prices),
	} {
		if !maps.Equal(got, want) {
			t.Error(got)
		}
	}
	if shape, ok := view.Hashed().Value(0).Tagged(); !ok || shape.Letter() != 'x' {
		t.Error(view.Hashed().At(0).Key)
	}
	if maybe, ok := view.Maybe().Get(); !ok || maybe.Key(0) != 'a' || maybe.Value(1).Valid {
		t.Error(maybe.Len())
	}
}

// A key that is there twice is no error, in rkyv neither.
func TestKeysMayRepeatAndTheLastCounts(t *testing.T) {
	twice := []rkyv.Entry[uint8, Point]{{Key: 1, Value: Point{X: 1}}, {Key: 1, Value: Point{X: 2}}}
	archive, err := rkyv.Marshal(&Maps{Points: twice})
	if err != nil {
		t.Fatal(err)
	}
	view, err := ParseMaps(archive)
	if err != nil || view.Points().Len() != 2 || rkyv.MapOf(view.Load().Points)[1].X != 2 {
		t.Error(view.Points().Len(), err)
	}
}

func TestNichesSayThemselvesThatTheyAreNotThere(t *testing.T) {
	archive, err := rkyv.Marshal(byHand()["Niches"])
	if err != nil {
		t.Fatal(err)
	}
	view, err := ParseNiches(archive)
	if err != nil {
		t.Fatal(err)
	}
	if number, ok := view.Number().Get(); !ok || number != 6 || view.Small().Valid {
		t.Error(number, ok, view.Small())
	}
	if point, ok := view.Point().Get(); !ok || point.Y() != 2 || view.Shape().Valid {
		t.Error(view.Load())
	}
	if boxes := view.Boxes(); boxes.At(0).Valid || !boxes.At(1).Valid {
		t.Error(view.Load().Boxes)
	}
	some := byHand()["Niches"].(*Niches)
	some.Number = rkyv.Some[uint32](0)
	if _, err := rkyv.Marshal(some); !errors.Is(err, rkyv.ErrEncode) {
		t.Error(err)
	}
}

func TestCodingAllocatesNothing(t *testing.T) {
	var encoder rkyv.Encoder
	texts := byHand()["Texts"].(*Texts)
	lists := &Lists{
		Numbers: []uint64{1, 2, 3}, Blobs: [][]byte{{1}, {2}}, Points: make([]Point, 9),
		Shapes: []Shape{ShapeRect{}, ShapeCircle{Value: 1}},
	}
	adapted := []rkyv.Encodable{byHand()["Maps"], byHand()["Niches"], byHand()["Shelf"]}
	into := aligned(4096)
	sum := 0
	allocations := testing.AllocsPerRun(100, func() {
		for _, message := range []rkyv.Encodable{texts, lists, ColorRed} {
			encoder.Reset(into)
			message.EncodeArchive(&encoder)
			n, err := encoder.Finish()
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		encoder.Reset(into)
		lists.EncodeArchive(&encoder)
		n, _ := encoder.Finish()
		view, err := ParseLists(into[:n])
		if err != nil {
			t.Fatal(err)
		}
		for _, shape := range view.Shapes().All() {
			sum += int(shape.Tag())
		}
		for _, blob := range view.BlobsView().All() {
			sum += len(blob)
		}
		sum += len(view.NumbersView())
		for _, message := range adapted {
			encoder.Reset(into)
			message.EncodeArchive(&encoder)
			if n, err = encoder.Finish(); err != nil {
				t.Fatal(err)
			}
			if message != adapted[0] {
				continue
			}
			menu, err := ParseMaps(into[:n])
			if err != nil {
				t.Fatal(err)
			}
			for name, price := range menu.PricesView().All() {
				sum += len(name) + int(price)
			}
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// aligned returns memory aligned to 16.
func aligned(length int) []byte {
	memory, _ := rkyv.AppendMarshal(nil, &Lists{Bytes: make([]byte, length)})
	return memory[:length]
}

// orders are a small message, a larger one, and one of a thousand parts.
func orders() map[string]*Order {
	all := map[string]*Order{}
	for name, count := range map[string]int{"2Items": 2, "16Items": 16, "1000Items": 1000} {
		order := &Order{
			ID: 7, Customer: "somebody of note", Note: make([]byte, 40),
			Limit: rkyv.Some[uint32](9), Shape: ShapeCircle{Value: 1.5},
		}
		for i := range count {
			order.Items = append(order.Items, Item{ID: uint32(i), Name: "item number one"})
		}
		all[name] = order
	}
	return all
}

func BenchmarkEncode(b *testing.B) {
	for name, order := range orders() {
		b.Run(name, func(b *testing.B) {
			var encoder rkyv.Encoder
			into := aligned(1 << 16)
			n := 0
			for b.Loop() {
				encoder.Reset(into)
				order.EncodeArchive(&encoder)
				n, _ = encoder.Finish()
			}
			b.ReportMetric(float64(n), "bytes")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for name, order := range orders() {
		b.Run(name, func(b *testing.B) {
			archive, _ := rkyv.Marshal(order)
			for b.Loop() {
				if _, err := ParseOrder(archive); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParsePlain is of a message without pointers: a small reply.
func BenchmarkParsePlain(b *testing.B) {
	archive, _ := rkyv.Marshal(&Point{})
	for b.Loop() {
		if _, err := ParsePoint(archive); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkView(b *testing.B) {
	for name, order := range orders() {
		b.Run(name, func(b *testing.B) {
			archive, _ := rkyv.Marshal(order)
			view, _ := ParseOrder(archive)
			sum := 0
			for b.Loop() {
				sum += int(view.ID()) + len(view.CustomerView()) + len(view.NoteView())
				limit, _ := view.Limit().Get()
				sum += int(limit) + int(view.Shape().Tag())
				for _, item := range view.Items().All() {
					sum += int(item.ID()) + len(item.NameView())
				}
			}
			runtime.KeepAlive(sum)
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for name, order := range orders() {
		b.Run(name, func(b *testing.B) {
			archive, _ := rkyv.Marshal(order)
			view, _ := ParseOrder(archive)
			for b.Loop() {
				value := view.Load()
				runtime.KeepAlive(&value)
			}
		})
	}
}
