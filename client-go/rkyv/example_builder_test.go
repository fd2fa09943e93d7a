package rkyv_test

import (
	"errors"
	"fmt"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// greetingBuilder is what outrigger gen go makes beside greeting.
type greetingBuilder struct{ value rkyv.Builder }

var layoutGreeting = rkyv.Layout{
	Name: "greeting", Size: 16, Align: 4, Fields: []string{"name", "scores"},
}

func buildGreeting(e *rkyv.Encoder) greetingBuilder {
	return greetingBuilder{rkyv.Build(e, &layoutGreeting)}
}

func (b greetingBuilder) SetName(value string) {
	e := b.value.Field(0)
	if e == nil {
		return
	}
	e.String(value)
	if w, at, ok := e.Stage(); ok {
		e.PutString(w, at, value)
		e.Unstage()
	}
}

func (b greetingBuilder) SetScores(value []uint32) {
	e := b.value.Field(1)
	if e == nil {
		return
	}
	rkyv.EncodeSlice(e, value)
	if w, at, ok := e.Stage(); ok {
		e.PutVec(w[8:], at+8, len(value))
		e.Unstage()
	}
}

func ExampleBuilder() {
	var encoder rkyv.Encoder
	buf := make([]byte, 64)
	encoder.Reset(buf)
	greeting := buildGreeting(&encoder)
	greeting.SetName("Ann")
	greeting.SetScores([]uint32{7, 9})
	n, err := encoder.Finish()
	fmt.Printf("% x %v\n", buf[:n], err)

	encoder.Reset(buf)
	buildGreeting(&encoder).SetName("Ann")
	_, err = encoder.Finish()
	fmt.Println(err)
	// Output:
	// 07 00 00 00 09 00 00 00 41 6e 6e ff ff ff ff ff f0 ff ff ff 02 00 00 00 <nil>
	// greeting without scores (every field must be set)
}

func ExampleLayout() {
	point := rkyv.Layout{Name: "Point", Size: 8, Align: 4, Fields: []string{"x", "y"}}
	var encoder rkyv.Encoder
	encoder.Reset(make([]byte, 64))
	rkyv.Build(&encoder, &point).Field(1)
	_, err := encoder.Finish()
	fmt.Println(err)
	// Output: Point.y is set before x (each field once, in their order)
}

func ExampleRecover() {
	archive, _ := rkyv.Marshal(&greeting{Name: "Ann", Scores: []uint32{7, 9}})
	root, _ := parseGreeting(archive)
	archive[len(archive)-2] = 0xff // somebody changes the number of scores
	read := func() (err error) {
		defer rkyv.Recover(&err)
		fmt.Println(rkyv.SliceView[uint32](root, 8))
		return nil
	}
	var bounds *rkyv.BoundsError
	fmt.Println(errors.As(read(), &bounds))
	// Output: true
}

func ExampleErrEmptyView() {
	read := func() (err error) {
		defer rkyv.Recover(&err)
		var none rkyv.Ref // that of a view after Release
		none.U8(3)
		return nil
	}
	fmt.Println(read())
	// Output: rkyv: read of an empty view: released, or the reply of a failed call
}

func ExampleBoundsError() {
	read := func() (err error) {
		defer rkyv.Recover(&err)
		rkyv.NewRef([]byte{1}, 0).U8(3)
		return nil
	}
	fmt.Println(read())
	// Output: view of bytes that are no valid archive: read outside of its 1 bytes
}

func ExampleUncheckedRef() {
	archive, _ := rkyv.Marshal(&greeting{Name: "Ann", Scores: []uint32{7, 9}})
	if _, err := parseGreeting(archive); err != nil { // nothing is checked after this
		fmt.Println(err)
		return
	}
	root := rkyv.NewUncheckedRef(archive, len(archive)-16)
	fmt.Println(root.String(0), rkyv.UncheckedSliceView[uint32](root, 8))
	// Output: Ann [7 9]
}

func ExampleUncheckedList() {
	archive, _ := rkyv.Marshal(&greeting{Scores: []uint32{7, 9}})
	root := rkyv.NewUncheckedRef(archive, len(archive)-16)
	double := func(r rkyv.UncheckedRef) uint32 { return 2 * r.U32(0) }
	list := rkyv.UncheckedVecList(root.At(8), 4, double)
	fmt.Println(list.Len(), list.At(1))
	// Output: 2 18
}
