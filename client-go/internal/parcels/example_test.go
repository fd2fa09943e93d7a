package parcels_test

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/parcels"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// What the guide docs/messages.md shows of Go stands in this package's tests; one of
// them compares the two.

// parcel returns a message with a value in every field.
func parcel() *parcels.Parcel {
	p := &parcels.Parcel{
		ID:      7,
		To:      "Ada",
		Content: []byte("a loom"),
		Value:   rkyv.Some[uint32](12),
		Stops:   []parcels.Stop{{City: "London", Wait: rkyv.Duration{Seconds: 90}}},
		State:   parcels.StateMoving{Speed: parcels.SpeedFast, Passed: 1},
	}
	return p
}

// viewOf returns the parcel as a reply would hold it.
func viewOf(p *parcels.Parcel) parcels.ParcelView {
	archive, err := rkyv.Marshal(p)
	if err != nil {
		panic(err)
	}
	view, err := parcels.ParseParcel(archive)
	if err != nil {
		panic(err)
	}
	return view
}

func Example_view() {
	view := viewOf(parcel())

	fmt.Println(view.ID(), view.To(), len(view.ContentView()))
	for index, stop := range view.Stops().All() {
		fmt.Println(index, stop.City(), stop.Wait())
	}
	fmt.Println(view.Stops().Len(), view.Stops().At(0).CityView())
	// Output:
	// 7 Ada 6
	// 0 London 90.000000000s
	// 1 London
}

func Example_load() {
	view := viewOf(parcel())

	kept := view.Load() // shares no memory with the archive
	fmt.Println(kept.To, kept.Stops[0].City)
	// Output: Ada London
}

func Example_enum() {
	var state parcels.State = parcels.StateUnknown{}
	returned := parcels.StateReturned{Value: &state} // a Box of an enum

	p := parcel()
	for _, p.State = range []parcels.State{
		parcels.StateMoving{Speed: parcels.SpeedFast, Passed: 1},
		parcels.StateDelivered{Value: "Ada"},
		returned,
	} {
		fmt.Println(where(viewOf(p).State()), value(p.State))
	}
	fmt.Println(parcels.SpeedSlow, uint8(parcels.SpeedFast))
	// Output:
	// Fast past 1 stops true
	// with Ada false
	// back: Unknown false
	// Slow 5
}

// where reads an enum in place.
func where(state parcels.StateView) string {
	if moving, ok := state.Moving(); ok {
		return fmt.Sprintf("%v past %d stops", moving.Speed(), moving.Passed())
	}
	if delivered, ok := state.Delivered(); ok {
		return "with " + delivered.Value()
	}
	if returned, ok := state.Returned(); ok {
		return "back: " + returned.Value().Tag().String()
	}
	return state.Tag().String()
}

// value reads an enum that is a value.
func value(state parcels.State) (moves bool) {
	switch state := state.(type) {
	case parcels.StateMoving:
		return state.Speed == parcels.SpeedFast
	case parcels.StateDelivered, parcels.StateReturned, parcels.StateUnknown:
		return false
	}
	return false
}

func Example_option() {
	limit := rkyv.Some[uint32](12)
	if value, ok := limit.Get(); ok {
		fmt.Println(value)
	}
	fmt.Println(rkyv.None[uint32]().Or(99), limit.Valid)
	// Output:
	// 12
	// 99 true
}

func Example_result() {
	good := rkyv.Ok[uint32, string](12)
	bad := rkyv.Err[uint32]("no scales")
	fmt.Println(good.OK, good.Value, bad.OK, bad.Err)
	// Output: true 12 false no scales
}

func Example_duration() {
	wait, ok := rkyv.DurationOf(90 * time.Second) // not ok if it is negative
	fmt.Println(wait, ok)
	std, ok := wait.Std() // not ok above 292 years
	fmt.Println(std, ok)
	// Output:
	// 90.000000000s true
	// 1m30s true
}

func Example_wide() {
	wei, _ := new(big.Int).SetString("340282366920938463463374607431768211455", 10)
	wide, ok := rkyv.Uint128Of(wei) // not ok if it does not fit
	fmt.Println(wide, ok, wide.Lo == wide.Hi)
	fmt.Println(wide.Big().Cmp(wei))
	// Output:
	// 340282366920938463463374607431768211455 true true
	// 0
}

func Example_tree() {
	london, paris := parcels.Stop{City: "London"}, parcels.Stop{City: "Paris"}
	tree := parcels.Route{At: london, Then: []parcels.Route{{At: paris}}}
	fmt.Println(tree.Then[0].At.City)
	// Output: Paris
}

func Example_map() {
	entries := rkyv.EntriesOf(map[string]uint32{"France": 3, "Britain": 1}) // by key
	prices := parcels.Prices{Postage: entries}
	fmt.Println(prices.Postage[0], rkyv.MapOf(entries)["France"])

	archive, err := rkyv.Marshal(&prices)
	if err != nil {
		panic(err)
	}
	view, err := parcels.ParsePrices(archive)
	if err != nil {
		panic(err)
	}
	for country, coins := range view.Postage().All() {
		fmt.Println(country, coins)
	}
	postage := maps.Collect(view.Postage().All())
	fmt.Println(postage["France"])
	// Output:
	// {Britain 1} 3
	// Britain 1
	// France 3
	// 3
}

func Example_bytes() {
	archive, err := rkyv.Marshal(parcel()) // the bytes that Rust would have written
	if err != nil {
		fmt.Println(err)
		return
	}
	archive[len(archive)-20] = 9 // somebody's mistake: nine stops, and one is there
	_, err = parcels.ParseParcel(archive)
	fmt.Println(errors.Is(err, rkyv.ErrInvalid))

	var encoder rkyv.Encoder // used again and again, as is the buffer
	encoder.Reset(make([]byte, 64))
	parcel().EncodeArchive(&encoder)
	_, err = encoder.Finish()
	var full *rkyv.FullError
	fmt.Println(errors.As(err, &full), err)
	// Output:
	// true
	// true archive of 88 bytes (maximum 64)
}

func Example_refused() {
	p := parcel()
	p.To, p.State = "\xff", nil
	_, err := rkyv.Marshal(p)
	fmt.Println(err)
	p.To = "Ada"
	_, err = rkyv.Marshal(p)
	fmt.Println(err)
	// Output:
	// byte 0 of the string "\xff" (strings must be UTF-8)
	// State is nil (must not be nil)
}
