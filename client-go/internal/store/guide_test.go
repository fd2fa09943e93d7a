//go:build linux && (amd64 || arm64)

package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/builtin"
	"github.com/outrigger-ipc/outrigger/client-go/internal/store"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// What the guide docs/services.md shows of Go stands in this file.
func TestTheGuidesGoIsThatOfTests(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/services.md")
	if err != nil {
		t.Logf("not run: %v", err) // the module may stand alone
		return
	}
	tests, err := os.ReadFile("guide_test.go")
	if err != nil {
		t.Fatal(err)
	}
	source := flush(string(tests))
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(guide), -1)
	if len(blocks) < 4 {
		t.Errorf("%d blocks of Go", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(source, flush(block[1])) {
			t.Errorf("not in these tests:\n%s", block[1])
		}
	}
}

// flush returns text without the indentation of its lines.
func flush(text string) string {
	return regexp.MustCompile(`(?m)^[\t ]+`).ReplaceAllString(text, "")
}

// spawn starts the guide's sidecar as the guide does.
func spawn(ctx context.Context, path string) (*outrigger.Conn, error) {
	conn, err := outrigger.Spawn(ctx, path, []string{"serve", "--workers", "4"},
		outrigger.WithLogger(slog.Default()))
	return conn, err
}

// checkKey looks at a key before it is sent, as the guide does.
func checkKey(entry *store.Entry) error {
	if len(entry.Key) > int(store.KeyMax) {
		return fmt.Errorf("key of %d bytes (maximum %d)", len(entry.Key), store.KeyMax)
	}
	return nil
}

// ask queries as the guide does, and says what came of it.
func ask(ctx context.Context, client *store.Client, query store.Query) string {
	found, err := client.Query(ctx, query)
	var failed *outrigger.Failure[store.StoreError]
	if errors.As(err, &failed) {
		switch detail := failed.Detail.(type) {
		case store.StoreErrorMissing:
			return "missing: " + detail.Key
		case store.StoreErrorTooMany:
			return fmt.Sprint("too many: ", detail.Seen-detail.Allowed)
		}
	}
	if err != nil {
		return err.Error() // no answer of the method: a deadline, a dead sidecar
	}
	defer found.Release()
	return fmt.Sprintf("%d of %d", found.Entries().Len(), found.Count())
}

// names asks the sidecar what it answers, as the guide does.
func names(ctx context.Context, conn *outrigger.Conn) ([]string, error) {
	methods, err := builtin.NewClient(conn).Methods(ctx)
	if err != nil {
		return nil, err
	}
	defer methods.Release()
	return methods.Load().Names, nil
}

func TestTheGuidesSidecarAnswersAndKeepsToItsConstantsNF31(t *testing.T) {
	testbed := os.Getenv("OUTRIGGER_SIDECAR")
	if testbed == "" {
		t.Log("not run: OUTRIGGER_SIDECAR is not set")
		return
	}
	conn, err := spawn(t.Context(), filepath.Join(filepath.Dir(testbed), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := store.NewClient(conn)

	if all, err := names(t.Context(), conn); !slices.Contains(all, "store.add_up") {
		t.Errorf("methods %q, %v", all, err)
	}
	entry := store.Entry{Value: []byte("a value"), Revision: rkyv.Some[uint32](1)}
	for i := range store.FoundMax + 1 {
		entry.Key = fmt.Sprintf("key %04d", i)
		if err := client.Put(t.Context(), &entry); err != nil {
			t.Fatal(err)
		}
	}
	for _, more := range []int{0, 1} {
		long := store.Entry{Key: strings.Repeat("k", int(store.KeyMax)+more)}
		here, there := checkKey(&long), client.Put(t.Context(), &long)
		if (here != nil) != (more == 1) || (there != nil) != (more == 1) {
			t.Errorf("a key of %d bytes: here %v, in the sidecar %v", len(long.Key), here, there)
		}
	}
	entry.Revision = rkyv.None[uint32]()
	if err := client.Put(t.Context(), &entry); !errors.Is(err, outrigger.ErrInvalidArgument) {
		t.Errorf("an older revision: %v", err)
	}
	for _, c := range []struct {
		query store.Query
		want  string
	}{
		{store.QueryCount{}, "0 of 1002"},
		{store.QueryFind{Prefix: "key 000", Limit: 7}, "7 of 1002"},
		{store.QueryFind{Prefix: "key ", Limit: 2000}, "too many: 1"},
		{store.QueryKeys{Value: []string{"key 0000"}}, "1 of 1002"},
		{store.QueryKeys{Value: []string{"key 0000", "none"}}, "missing: none"},
	} {
		if said := ask(t.Context(), client, c.query); said != c.want {
			t.Errorf("%+v: %q (wanted %q)", c.query, said, c.want)
		}
	}
	total, err := client.AddUp(t.Context())
	if err != nil || total.Bytes() != 7*1001 {
		t.Errorf("%d bytes, %v", total.Bytes(), err)
	}
	total.Release()
	if err := client.Clear(t.Context(), &store.After{Millis: 1}); err != nil {
		t.Fatal(err)
	}
	if said := ask(t.Context(), client, store.QueryCount{}); said != "0 of 0" {
		t.Errorf("%q after Clear", said)
	}
	_ = conn.Close()
	if said := ask(t.Context(), client, store.QueryCount{}); strings.HasSuffix(said, " of 0") {
		t.Errorf("%q from a closed session", said)
	}
}
