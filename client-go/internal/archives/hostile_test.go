package archives

import (
	"encoding/binary"
	"errors"
	"reflect"
	"runtime"
	"testing"
	"unsafe"

	"github.com/outrigger-ipc/outrigger/client-go/internal/differential"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// place is what a view begins with: where in which archive.
type place struct {
	archive         []byte
	position, depth uint32
}

// placeOf returns the place of a view, to read it or to change it.
func placeOf(view reflect.Value) *place {
	// Every view is a struct whose first field is a rkyv.Ref, which is laid out so.
	return (*place)(view.Addr().UnsafePointer())
}

var _ = [1]struct{}{}[unsafe.Sizeof(place{})-unsafe.Sizeof(rkyv.Ref{})]

// unchecked returns a view of an archive that no Checker saw: that of a checked
// archive, moved. It is not ok for what has no view, or no place in so few bytes.
func unchecked(checked any, archive []byte) (view reflect.Value, ok bool) {
	view = reflect.New(reflect.TypeOf(checked)).Elem()
	view.Set(reflect.ValueOf(checked))
	if view.Kind() != reflect.Struct {
		return view, false
	}
	place := placeOf(view)
	root := len(place.archive) - int(place.position)
	if root > len(archive) {
		return view, false
	}
	place.archive, place.position = archive, uint32(len(archive)-root)
	return view, true
}

// read reads all of a view, within bounds.
func read(view reflect.Value) (err error) {
	defer rkyv.Recover(&err)
	return differential.Walk(view.Interface())
}

func TestARefusedArchiveIsReadWithoutACrash(t *testing.T) {
	refused, failed := 0, 0
	for _, v := range vectors(t) {
		checked, err := Kinds[v.Type].Parse(v.archive)
		if err != nil {
			continue
		}
		s := newSource(uint64(v.index))
		for i := range 8 * len(v.verdicts) {
			archive := mutant(s, v.archive)
			if v.verdicts[i/8]>>(i%8)&1 == 1 || i%16 != v.index%16 {
				continue
			}
			view, ok := unchecked(checked, archive)
			if !ok {
				continue
			}
			refused++
			if err := read(view); err != nil {
				var bounds *rkyv.BoundsError
				if !errors.As(err, &bounds) || !errors.Is(err, rkyv.ErrInvalid) {
					t.Fatal(err)
				}
				failed++
			}
		}
	}
	t.Logf("%d refused archives read, %d of them to a panic", refused, failed)
	if refused < 2000 || failed < 500 {
		t.Error("too few")
	}
}

func TestPointersInACircleEnd(t *testing.T) {
	archive, err := rkyv.Marshal(&Chain{Next: rkyv.Some(&Chain{})})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := ParseChain(archive)
	if err != nil {
		t.Fatal(err)
	}
	// The pointer stands in the root's last four bytes, 12 behind its start; now it
	// leads back to the root.
	binary.LittleEndian.PutUint32(archive[len(archive)-4:], ^uint32(12-1))
	if _, err := ParseChain(archive); !errors.Is(err, rkyv.ErrInvalid) {
		t.Error(err)
	}
	load := func() (err error) {
		defer rkyv.Recover(&err)
		chain.Load()
		return nil
	}
	const want = "view of bytes that are no valid archive: pointers nested too deep"
	if err := load(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// allocated returns how many bytes a function allocates.
func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// CX-15: a length of nearly 2^60 bytes, the largest that the format can say, gives
// an error, and nothing is allocated for it.
func TestCX15LargestLengthsAreRefusedAndNothingIsAllocated(t *testing.T) {
	archive, err := rkyv.Marshal(&Texts{Long: "above eight bytes", Boxed: pointer("")})
	if err != nil {
		t.Fatal(err)
	}
	lists, err := rkyv.Marshal(&Lists{})
	if err != nil {
		t.Fatal(err)
	}
	root := len(lists) - 120
	for name, test := range map[string]struct {
		archive []byte
		at      int
		length  uint32
		parse   func([]byte) error
	}{
		"string": {archive, len(archive) - 64 + 8, 0xffff_ffbf, parseError(ParseTexts)},
		"bytes":  {lists, root + 4, 0xffff_ffff, parseError(ParseLists)},
		"u64":    {lists, root + 16 + 4, 0xffff_ffff, parseError(ParseLists)},
		"points": {lists, root + 7*8 + 4, 0xffff_ffff, parseError(ParseLists)},
		"hashes": {lists, root + 10*8 + 4, 0xffff_ffff, parseError(ParseLists)},
		"lists":  {lists, root + 13*8 + 4, 0xffff_ffff, parseError(ParseLists)},
	} {
		hostile := rkyv.Aligned(append(make([]byte, 0, 512), test.archive...))
		binary.LittleEndian.PutUint32(hostile[test.at:], test.length)
		bytes := allocated(func() { err = test.parse(hostile) })
		if !errors.Is(err, rkyv.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		// What is allocated is the error, with its words.
		if bytes > 1<<10 {
			t.Errorf("%s: %d bytes allocated", name, bytes)
		}
		checked, err := Kinds["Lists"].Parse(lists)
		if err != nil {
			t.Fatal(err)
		}
		if view, ok := unchecked(checked, hostile); ok && name != "string" {
			bytes := allocated(func() { err = load(view) })
			if err == nil || bytes > 4<<10 {
				t.Errorf("%s: %v, and %d bytes allocated by Load", name, err, bytes)
			}
		}
	}
}

func parseError[V any](parse func([]byte) (V, error)) func([]byte) error {
	return func(archive []byte) error {
		_, err := parse(archive)
		return err
	}
}

// load loads a view of Lists, within bounds.
func load(view reflect.Value) (err error) {
	defer rkyv.Recover(&err)
	lists := view.Interface().(ListsView)
	lists.Load()
	return nil
}

// What is small in an archive and large in Go costs at most so many times its bytes.
func TestLoadAllocatesInProportionToTheArchive(t *testing.T) {
	const count, factor = 4096, 5
	for name, value := range map[string]*Lists{
		"blobs":   {Blobs: make([][]byte, count)},
		"lists":   {Lists: make([][]Point, count)},
		"boxes":   {Boxes: repeated(count, &Point{})},
		"options": {Options: make([]rkyv.Option[uint32], count)},
		"shapes":  {Shapes: repeated[Shape](count, ShapeNothing{})},
		"circles": {Shapes: repeated[Shape](count, ShapeCircle{})},
		"pairs":   {Pairs: make([]Pair, count)},
		"bytes":   {Bytes: make([]byte, count)},
	} {
		archive, err := rkyv.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		view, err := ParseLists(archive)
		if err != nil {
			t.Fatal(err)
		}
		bytes := allocated(func() {
			loaded := view.Load()
			runtime.KeepAlive(&loaded)
		})
		if limit := uint64(factor*len(archive) + 4096); bytes > limit {
			t.Errorf("%s: %d bytes allocated for %d (maximum %d)", name, bytes, len(archive), limit)
		}
	}
}

func repeated[T any](count int, value T) []T {
	all := make([]T, count)
	for i := range all {
		all[i] = value
	}
	return all
}
