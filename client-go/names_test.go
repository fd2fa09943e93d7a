//go:build linux && (amd64 || arm64)

package outrigger_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/dictionary"
	"github.com/outrigger-ipc/outrigger/client-go/internal/kitchens"
	"github.com/outrigger-ipc/outrigger/client-go/internal/timers"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

func TestMethodsWithFieldsAndParametersOfEveryNameWorkNF33(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), dictionary.NewClient(conn)
	words := &dictionary.Words{
		Type: 1, Err: "a\x00b", Ctx: 2, Len: 3, ID: 4, Bytes: []byte{5}, String: "six",
		Error: "a seventh, above eight bytes", Load: true, Release: rkyv.Some[uint8](8),
		BytesField: [2]byte{9, 10}, UserID: 11, EncodeArchiveField: -12,
		Callback: []uint16{13}, Data: "fourteen", Value: 15, E: 16,
	}
	type method = func(context.Context, *dictionary.Words) (dictionary.WordsView, error)
	for name, call := range map[string]method{
		"type": client.Type, "err": client.Err, "ctx": client.Ctx, "len": client.Len,
		"id": client.ID, "bytes": client.Bytes, "string": client.String,
		"error": client.Error, "load": client.Load, "release": client.Release,
		"user_id": client.UserID, "invoke": client.Invoke,
		"callback": client.Callback, "data": client.Data,
	} {
		reply, err := call(ctx, words)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := reply.Load(); !reflect.DeepEqual(&got, words) {
			t.Errorf("%s: %+v, want %+v", name, got, words)
		}
		// What is there already is called otherwise; the rest is as in Rust.
		if reply.Type() != 1 || reply.Error() != words.Error || reply.LoadField() != true ||
			reply.String() != "six" || reply.ID() != 4 || reply.UserID() != 11 {
			t.Errorf("%s: %q", name, reply.Error())
		}
		if release, ok := reply.ReleaseField().Get(); !ok || release != 8 {
			t.Errorf("%s: %d, %t", name, release, ok)
		}
		reply.Release()
	}
}

// What server/facade/examples/testbed/words.rs says in Rust.
func TestConstantsHaveNamesThatNothingElseHasNF31(t *testing.T) {
	if dictionary.ClientConstant != "a\x00b" || !dictionary.NewClientConstant {
		t.Errorf("%q, %t", dictionary.ClientConstant, dictionary.NewClientConstant)
	}
	if dictionary.WordsConstant != -1<<63 || dictionary.BuildWordsConstant != '\'' {
		t.Errorf("%d, %q", dictionary.WordsConstant, dictionary.BuildWordsConstant)
	}
	if dictionary.BuildWordsConstant2 != 1<<32-2 || dictionary.Half != 2 {
		t.Errorf("%d, %d", dictionary.BuildWordsConstant2, dictionary.Half)
	}
	if dictionary.Match != 0.1 {
		t.Errorf("%v", dictionary.Match)
	}
}

func TestConstantsHaveTheNumbersThatRustGaveThemNF31(t *testing.T) {
	colors := map[kitchens.Color]uint8{
		kitchens.ColorRed: 3, kitchens.ColorGreen: 4, kitchens.ColorBlue: 200,
	}
	for color, number := range colors {
		archive, err := rkyv.Marshal(color)
		if err != nil || len(archive) != 1 || archive[0] != number {
			t.Errorf("%v is %x, %v; want %d", color, archive, err, number)
		}
	}
	if name := kitchens.ColorGreen.String(); len(colors) != 3 || name != "Green" {
		t.Errorf("%d colors, %s", len(colors), name)
	}
}

func TestTextWithAZeroByteSurvivesNF10(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), timers.NewClient(conn)
	for _, name := range []string{"a\x00b", "\x00", "a\x00b, and above eight bytes\x00"} {
		created, err := client.Create(ctx, &timers.TimerConfig{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if created.Name() != name || int(created.NameLen()) != len(name) {
			t.Errorf("%q came back as %q of %d bytes", name, created.Name(), created.NameLen())
		}
		created.Release()
		built, err := client.BuildCreate(ctx, func(config timers.TimerConfigBuilder) {
			config.SetName(name)
		})
		if err != nil || built.Name() != name {
			t.Errorf("%q, built, came back as %q, %v", name, built.Name(), err)
		}
		built.Release()
	}
}
