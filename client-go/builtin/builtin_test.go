//go:build linux && (amd64 || arm64)

package builtin_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/builtin"
)

// sidecar spawns a live sidecar; nil if there is none to be had.
func sidecar(t *testing.T) *outrigger.Conn {
	t.Helper()
	path := os.Getenv("OUTRIGGER_SIDECAR")
	if path == "" {
		t.Log("not run: OUTRIGGER_SIDECAR is not set")
		return nil
	}
	conn, err := outrigger.Spawn(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestTypedAndByHandTheBuiltInMethodsSayTheSame(t *testing.T) {
	conn := sidecar(t)
	if conn == nil {
		return
	}
	ctx, client := t.Context(), builtin.NewClient(conn)
	for range 3 { // also with the ids that were bound by the first round
		version, err := client.Version(ctx)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := conn.Call(ctx, "outrigger.version", nil)
		if err != nil || version.Text() == "" || version.Text() != string(raw) {
			t.Errorf("typed %q, raw %q, %v", version.Text(), raw, err)
		}
		version.Release()

		methods, err := client.Methods(ctx)
		if err != nil {
			t.Fatal(err)
		}
		names := methods.Load().Names
		methods.Release()
		var listed []string
		if err := conn.CallJSON(ctx, "outrigger.methods", nil, &listed); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(names, listed) || !slices.IsSorted(names) {
			t.Errorf("typed %q, JSON %q", names, listed)
		}
		for _, name := range []string{"outrigger.methods", "outrigger.schema", "test.panic"} {
			if !slices.Contains(names, name) {
				t.Errorf("no %s among %q", name, names)
			}
		}
	}
}

func TestAServerWithOtherBuiltInMessagesIsNotMisread(t *testing.T) {
	conn := sidecar(t)
	if conn == nil {
		return
	}
	other := outrigger.Method{
		Name:        "outrigger.version",
		Fingerprint: [16]byte{1},
		Schema: "outrigger schema 1\nrkyv 0.8 little_endian aligned pointer_width_32\n" +
			"request 0 ()\nreply 1 ServerVersion\nerror -\ntype 0 unit size 0 align 1\n" +
			"type 1 struct ServerVersion extensible size 4 align 4\n" +
			"  field text offset 0 type 2 u32\ntype 2 u32 size 4 align 4\n",
	}
	_, err := conn.Invoke(t.Context(), &other, nil)
	words := "field text is u32 in the client, String in the server"
	if !errors.Is(err, outrigger.ErrVersionMismatch) || !strings.Contains(err.Error(), words) {
		t.Errorf("%v (wanted %s)", err, words)
	}
}

// Which version a sidecar has, and what it answers.
func Example() {
	ctx := context.Background()
	conn, err := outrigger.Spawn(ctx, filepath.Join("target", "release", "store"), nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	client := builtin.NewClient(conn)

	version, err := client.Version(ctx)
	if err != nil {
		return
	}
	defer version.Release()
	methods, err := client.Methods(ctx)
	if err != nil {
		return
	}
	defer methods.Release()
	for _, name := range methods.Load().Names {
		fmt.Println(version.Text(), name)
	}
}
