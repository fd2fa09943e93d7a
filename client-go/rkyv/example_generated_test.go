package rkyv_test

import (
	"fmt"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// The parts of which generated code is made, one by one. Nobody writes such code by
// hand.

// listOf is a message that is a Vec.
type listOf[T rkyv.Plain] []T

func (x listOf[T]) EncodeArchive(e *rkyv.Encoder) {
	mark, ok := e.Enter()
	if !ok {
		return
	}
	rkyv.EncodeSlice(e, x)
	at, ok := e.Place(mark, 1, 8, 4)
	if ok {
		e.PutVec(e.Window(at, 8), at, len(x))
	}
	e.Leave(mark, at)
}

// rootOf checks the archive of a listOf whose elements have this size, and returns
// the position of its root.
func rootOf(message rkyv.Encodable, size int) rkyv.Ref {
	archive, err := rkyv.Marshal(message)
	if err != nil {
		panic(err)
	}
	var c rkyv.Checker
	at, ok := c.Root(archive, 8, 4, 3)
	if !ok || !c.Slice(at, size, size) {
		panic(c.Err())
	}
	return rkyv.NewRef(archive, at)
}

// names is a message that is an array of two strings.
type names [2]string

func (x *names) EncodeArchive(e *rkyv.Encoder) {
	mark, ok := e.Enter()
	if !ok {
		return
	}
	for _, name := range x {
		e.String(name)
	}
	at, ok := e.Place(mark, 2, 8, 4)
	if ok {
		for i, name := range x {
			e.PutString(e.Window(at+8*i, 8), at+8*i, name)
		}
	}
	e.Leave(mark, at)
}

// namesOf returns the position of two names in an archive.
func namesOf(first, second string) rkyv.Ref {
	archive, err := rkyv.Marshal(&names{first, second})
	if err != nil {
		panic(err)
	}
	var c rkyv.Checker
	at, ok := c.Root(archive, 16, 4, 3)
	if !ok || !c.String(at) || !c.String(at+8) {
		panic(c.Err())
	}
	return rkyv.NewRef(archive, at)
}

func ExampleEncodable() {
	var message rkyv.Encodable = listOf[uint16]{7, 9}
	archive, err := rkyv.Marshal(message)
	fmt.Printf("% x %v\n", archive, err)
	// Output: 07 00 09 00 fc ff ff ff 02 00 00 00 <nil>
}

func ExampleEncodeSlice() {
	archive, err := rkyv.Marshal(listOf[bool]{true, false, true}) // calls EncodeSlice
	fmt.Printf("% x %v\n", archive, err)
	// Output: 01 00 01 00 fc ff ff ff 03 00 00 00 <nil>
}

// A type of one's own lies in archives as what it is made of.
func ExamplePlain() {
	type celsius float32
	root := rootOf(listOf[celsius]{36.5, 37}, 4)
	fmt.Println(rkyv.SliceView[celsius](root, 0))
	// Output: [36.5 37]
}

func ExampleSliceView() {
	root := rootOf(listOf[uint16]{7, 9}, 2)
	scores := rkyv.SliceView[uint16](root, 0) // the archive's memory: only read it
	fmt.Println(len(scores), scores[1])
	// Output: 2 9
}

func ExampleCopySlice() {
	root := rootOf(listOf[uint16]{7, 9}, 2)
	scores := rkyv.CopySlice[uint16](root, 0)
	scores[0] = 1 // its own memory
	fmt.Println(scores, rkyv.SliceView[uint16](root, 0))
	// Output: [1 9] [7 9]
}

func ExampleLoadVec() {
	root := rootOf(listOf[uint16]{7, 9}, 2)
	double := func(r rkyv.Ref) int { return 2 * int(r.U16(0)) }
	fmt.Println(rkyv.LoadVec(root, 2, double))
	// Output: [14 18]
}

func ExampleVecList() {
	root := rootOf(listOf[uint16]{7, 9}, 2)
	list := rkyv.VecList(root, 2, func(r rkyv.Ref) uint16 { return r.U16(0) })
	fmt.Println(list.Len(), list.At(1))
	// Output: 2 9
}

func ExampleArrayList() {
	list := rkyv.ArrayList(namesOf("Ann", "Bob"), 2, 8, rkyv.CopyString)
	for index, name := range list.All() {
		fmt.Println(index, name)
	}
	// Output:
	// 0 Ann
	// 1 Bob
}

func ExampleCopyString() {
	root := namesOf("Ann", "Bob")
	fmt.Println(rkyv.CopyString(root), rkyv.CopyString(root.At(8)))
	// Output: Ann Bob
}

func ExampleViewString() {
	name := rkyv.ViewString(namesOf("Ann", "Bob")) // the archive's memory
	fmt.Println(name == "Ann")
	// Output: true
}

func ExamplePutArray() {
	into := make([]byte, 16) // what Encoder.Window returns
	rkyv.PutArray(into[4:], []uint32{7, 9})
	fmt.Println(into)
	// Output: [0 0 0 0 7 0 0 0 9 0 0 0 0 0 0 0]
}

func ExampleArrayView() {
	archive := make([]byte, 16)
	rkyv.PutArray(archive, []uint32{7, 9, 11})
	fmt.Println(rkyv.ArrayView[uint32](rkyv.NewRef(archive, 0), 4, 2))
	// Output: [9 11]
}

func ExampleNewRef() {
	archive := []byte{7, 0, 9, 0} // checked: any bytes are [u16; 2]
	root := rkyv.NewRef(archive, 0)
	fmt.Println(root.U16(0), root.At(2).U16(0))
	// Output: 7 9
}

// The values of a struct, each written and read at its offset. The functions for
// other types are alike.
func ExamplePutU32() {
	w := make([]byte, 24)
	rkyv.PutU64(w, 1<<40)
	rkyv.PutF64(w[8:], 0.5)
	rkyv.PutU32(w[16:], 7)
	rkyv.PutI16(w[20:], -9)
	rkyv.PutBool(w[22:], true)
	r := rkyv.NewRef(w, 0)
	fmt.Println(r.U64(0), r.F64(8), r.U32(16), r.I16(20), r.Bool(22))
	// Output: 1099511627776 0.5 7 -9 true
}

func ExamplePutChar() {
	w := make([]byte, 4)
	rkyv.PutChar(w, 'ö')
	fmt.Printf("%c % x\n", rkyv.NewRef(w, 0).Char(0), w)
	// Output: ö f6 00 00 00
}

func ExampleScope() {
	archive, _ := rkyv.Marshal(listOf[bool]{true, false})
	var c rkyv.Checker
	at, ok := c.Root(archive, 8, 4, 3)
	if !ok {
		panic(c.Err())
	}
	scope, ok := c.Vec(at, 1, 1)
	for i := 0; ok && i < scope.Count; i++ {
		ok = c.Bool(scope.At + i)
	}
	fmt.Println(scope.Count, ok && c.Leave(scope), c.Err())
	// Output: 2 true <nil>
}

func ExampleMissing() {
	_, err := rkyv.Marshal(rkyv.Missing("Shape"))
	fmt.Println(err)
	// Output: Shape is nil (must not be nil)
}

// A method without a reply: there must be none.
func ExampleCheckUnit() {
	fmt.Println(rkyv.CheckUnit(nil))
	fmt.Println(rkyv.CheckUnit([]byte{7}))
	// Output:
	// <nil>
	// archive position 0: 1 bytes (no message is expected)
}
