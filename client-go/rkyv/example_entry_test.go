package rkyv_test

import (
	"fmt"
	"maps"
	"strings"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// rooms is what outrigger gen go makes of this struct of Rust's, in short:
//
//	struct Rooms { #[outrigger(as_vec)] guests: BTreeMap<u16, u32> }
type rooms struct {
	Guests []rkyv.Entry[uint16, uint32]
}

func (x *rooms) EncodeArchive(e *rkyv.Encoder) {
	mark, _ := e.Enter()
	guests, _ := e.Enter()
	at, ok := e.Place(guests, len(x.Guests), 8, 4)
	for i := 0; ok && i < len(x.Guests); i++ {
		w := e.Window(at+8*i, 8)
		rkyv.PutU16(w, x.Guests[i].Key)
		rkyv.PutU32(w[4:], x.Guests[i].Value)
	}
	e.Leave(guests, at)
	at, ok = e.Place(mark, 1, 8, 4)
	if ok {
		e.PutVec(e.Window(at, 8), at, len(x.Guests))
	}
	e.Leave(mark, at)
}

func readKey(r rkyv.Ref) uint16   { return r.U16(0) }
func readValue(r rkyv.Ref) uint32 { return r.U32(0) }

// guestsOf checks the archive of rooms and returns a view of its map.
func guestsOf(x *rooms) rkyv.Map[uint16, uint32] {
	archive, err := rkyv.Marshal(x)
	if err != nil {
		panic(err)
	}
	var c rkyv.Checker
	at, ok := c.Root(archive, 8, 4, 3)
	if !ok || !c.Slice(at, 8, 4) {
		panic(c.Err())
	}
	return rkyv.MapAt(rkyv.NewRef(archive, at), 8, 4, readKey, readValue)
}

func ExampleEntriesOf() {
	guests := map[uint16]uint32{12: 2, 3: 1, 7: 4}
	fmt.Println(rkyv.EntriesOf(guests))
	// Output: [{3 1} {7 4} {12 2}]
}

func ExampleEntriesFunc() {
	type name struct{ given, family string }
	rooms := map[name]uint16{{"Ada", "Lovelace"}: 3, {"Mary", "Anning"}: 7}
	byFamily := func(a, b name) int { return strings.Compare(a.family, b.family) }
	fmt.Println(rkyv.EntriesFunc(rooms, byFamily))
	// Output: [{{Mary Anning} 7} {{Ada Lovelace} 3}]
}

func ExampleMapOf() {
	entries := []rkyv.Entry[string, int]{{"tea", 2}, {"cake", 5}, {"tea", 3}}
	fmt.Println(rkyv.MapOf(entries)["tea"]) // the last
	// Output: 3
}

func ExampleMap() {
	guests := guestsOf(&rooms{Guests: []rkyv.Entry[uint16, uint32]{{3, 1}, {7, 4}}})
	for room, count := range guests.All() { // in the order of the archive
		fmt.Println("room", room, "has", count)
	}
	fmt.Println(guests.Len(), guests.Key(1), guests.Value(1), guests.At(0))
	fmt.Println(maps.Collect(guests.All())[7]) // a map of Go's, to look something up
	// Output:
	// room 3 has 1
	// room 7 has 4
	// 2 7 4 {3 1}
	// 4
}

func ExamplePutNone() {
	w := make([]byte, 4)
	rkyv.PutNone(w)
	fmt.Println(w, rkyv.NewRef(w, 0).None(0))
	// Output: [1 0 0 0] true
}

// A NonZeroU16 of Rust's is 0 for nobody.
func ExampleChecker_NonZero() {
	archive, _ := rkyv.Marshal(listOf[uint16]{7, 0})
	var c rkyv.Checker
	at, _ := c.Root(archive, 8, 4, 3)
	scope, _ := c.Vec(at, 2, 2)
	fmt.Println(c.NonZero(scope.At, 2), c.NonZero(scope.At+2, 2))
	fmt.Println(c.Err())
	// Output:
	// true false
	// archive position 2: NonZero integer of 2 bytes is 0 (all but 0)
}
