package rkyv_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// greeting is what outrigger gen go makes of this struct of Rust's, in short:
//
//	struct Greeting { name: String, scores: Vec<u32> }
type greeting struct {
	Name   string
	Scores []uint32
}

func (x *greeting) EncodeArchive(e *rkyv.Encoder) {
	mark, ok := e.Enter()
	if !ok {
		return
	}
	e.String(x.Name)
	rkyv.EncodeSlice(e, x.Scores)
	at, ok := e.Place(mark, 1, 16, 4)
	if ok {
		w := (*[16]byte)(e.Window(at, 16))
		e.PutString(w[:], at, x.Name)
		e.PutVec(w[8:], at+8, len(x.Scores))
	}
	e.Leave(mark, at)
}

// parseGreeting checks an archive and returns the position of its root.
func parseGreeting(archive []byte) (rkyv.Ref, error) {
	archive = rkyv.Aligned(archive)
	var c rkyv.Checker
	at, ok := c.Root(archive, 16, 4, 3)
	if !ok || !c.String(at) || !c.Slice(at+8, 4, 4) {
		return rkyv.Ref{}, c.Err()
	}
	return rkyv.NewRef(archive, at), nil
}

func ExampleMarshal() {
	archive, err := rkyv.Marshal(&greeting{Name: "Ann", Scores: []uint32{7, 9}})
	fmt.Printf("% x %v\n", archive, err)
	// Output: 07 00 00 00 09 00 00 00 41 6e 6e ff ff ff ff ff f0 ff ff ff 02 00 00 00 <nil>
}

func ExampleEncoder() {
	var encoder rkyv.Encoder
	encode := func(buf []byte) {
		encoder.Reset(buf)
		(&greeting{Name: "somebody's name"}).EncodeArchive(&encoder)
		fmt.Println(encoder.Finish())
	}
	encode(make([]byte, 24))
	encode(make([]byte, 64))
	// Output:
	// 0 archive of 32 bytes (maximum 24)
	// 32 <nil>
}

func ExampleChecker() {
	archive, _ := rkyv.Marshal(&greeting{Scores: []uint32{1}})
	archive[len(archive)-8] = 0 // the pointer to scores
	_, err := parseGreeting(archive)
	fmt.Println(errors.Is(err, rkyv.ErrInvalid), err)
	// Output: true archive position 12: pointer to 4 bytes at position -244 (only within 0 to 4)
}

func ExampleRef() {
	archive, _ := rkyv.Marshal(&greeting{Name: "Ann", Scores: []uint32{7, 9}})
	root, err := parseGreeting(archive)
	fmt.Println(root.String(0), rkyv.SliceView[uint32](root, 8), err)
	// Output: Ann [7 9] <nil>
}

func ExampleList() {
	archive, _ := rkyv.Marshal(&greeting{Scores: []uint32{7, 9}})
	root, _ := parseGreeting(archive)
	double := func(r rkyv.Ref) uint32 { return 2 * r.U32(0) }
	list := rkyv.VecList(root.At(8), 4, double)
	for index, score := range list.All() {
		fmt.Println(index, score)
	}
	fmt.Println(list.Len(), list.At(1))
	// Output:
	// 0 14
	// 1 18
	// 2 18
}

func ExampleOption() {
	limit := rkyv.Some(3)
	if value, ok := limit.Get(); ok {
		fmt.Println(value)
	}
	fmt.Println(rkyv.None[int]().Valid, rkyv.None[int]().Or(8))
	// Output:
	// 3
	// false 8
}

func ExampleFullError() {
	var encoder rkyv.Encoder
	encoder.Reset(make([]byte, 8))
	(&greeting{Name: "Ann"}).EncodeArchive(&encoder)
	_, err := encoder.Finish()
	var full *rkyv.FullError
	if errors.As(err, &full) {
		fmt.Println("another buffer, of", full.Needed, "bytes instead of", full.Available)
	}
	// Output: another buffer, of 16 bytes instead of 8
}

func ExampleEncodeError() {
	_, err := rkyv.Marshal(&greeting{Name: "\xff"})
	fmt.Println(errors.Is(err, rkyv.ErrEncode), err)
	// Output: true byte 0 of the string "\xff" (strings must be UTF-8)
}

func ExampleInvalidError() {
	_, err := parseGreeting([]byte("too short"))
	var invalid *rkyv.InvalidError
	fmt.Println(errors.As(err, &invalid), invalid.Position)
	// Output: true 0
}

func ExampleAppendMarshal() {
	buf := make([]byte, 0, 256) // used again and again
	for _, name := range []string{"Ann", "Bob"} {
		archive, err := rkyv.AppendMarshal(buf, &greeting{Name: name})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q\n", archive[:3])
	}
	// Output:
	// "Ann"
	// "Bob"
}

func ExampleAligned() {
	archive, _ := rkyv.Marshal(&greeting{Name: "Ann"})
	received := append([]byte{'#'}, archive...)[1:] // begins at an odd address
	aligned := rkyv.Aligned(received)
	fmt.Println(bytes.Equal(aligned, received), &aligned[0] == &received[0])
	// Output: true false
}

func ExampleSome() {
	fmt.Println(rkyv.Some("Ann").Or("nobody"))
	// Output: Ann
}

func ExampleNone() {
	fmt.Println(rkyv.None[string]().Or("nobody"))
	// Output: nobody
}
