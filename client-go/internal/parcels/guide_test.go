//go:build linux && (amd64 || arm64)

package parcels_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/internal/parcels"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// read returns a file of the repository, or "" after saying that the test is not run:
// the module may stand alone.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Logf("not run: %v", err)
	}
	return string(text)
}

// flush returns text without the indentation of its lines.
func flush(text string) string {
	return regexp.MustCompile(`(?m)^[\t ]+`).ReplaceAllString(text, "")
}

func TestTheGuidesGoIsThatOfTests(t *testing.T) {
	guide := read(t, "../../../docs/messages.md")
	if guide == "" {
		return
	}
	source := flush(read(t, "example_test.go") + read(t, "guide_test.go"))
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(guide, -1)
	if len(blocks) < 6 {
		t.Errorf("%d blocks of Go", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(source, flush(block[1])) {
			t.Errorf("not in these tests:\n%s", block[1])
		}
	}
}

// Each row of the table names the types of a field of Kinds, in the same order. The
// first column is compared in server/facade/tests/guide.rs.
func TestTheGuidesTableNamesTheGeneratedTypes(t *testing.T) {
	guide := read(t, "../../../docs/messages.md")
	if guide == "" {
		return
	}
	_, table, _ := strings.Cut(guide, "\n| Rust | ")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile("(?m)^\\| `[^`]+` \\| `([^`]+)` \\| `([^`]+)` \\|(.*)\\|$").
		FindAllStringSubmatch(table, -1)
	generated := read(t, "messages_gen.go")
	kinds := reflect.TypeFor[parcels.Kinds]()
	if len(rows) != kinds.NumField() {
		t.Fatalf("%d rows (wanted %d)", len(rows), kinds.NumField())
	}
	for i, row := range rows {
		field := kinds.Field(i).Name
		declared := regexp.MustCompile(`(?m)^\t` + field + ` +` + regexp.QuoteMeta(row[1]) + `$`)
		if !declared.MatchString(generated) {
			t.Errorf("%s is no %s", field, row[1])
		}
		method := fmt.Sprintf("func (v KindsView) %s() %s {\n", field, row[2])
		if !strings.Contains(generated, method) {
			t.Errorf("no %s", method)
		}
		copyless := strings.Contains(generated, "func (v KindsView) "+field+"View() ")
		if says := strings.Contains(row[3], "View()"); says != copyless {
			t.Errorf("%s has a method without a copy: %v (the table: %v)", field, copyless, says)
		}
	}
}

// connect spawns the guide's sidecar, which is built beside the testbed, or says that
// the test is not run.
func connect(t *testing.T) *outrigger.Conn {
	t.Helper()
	testbed := os.Getenv("OUTRIGGER_SIDECAR")
	if testbed == "" {
		t.Log("not run: OUTRIGGER_SIDECAR is not set")
		return nil
	}
	conn, err := outrigger.Spawn(t.Context(), filepath.Join(filepath.Dir(testbed), "parcels"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestTheGuidesCallsAreAnswered(t *testing.T) {
	conn := connect(t)
	if conn == nil {
		return
	}
	client := parcels.NewClient(conn)
	p := parcel()
	p.State = parcels.StateUnknown{}
	said, err := send(t.Context(), client, p)
	if said != "Fast past 0 stops" || err != nil {
		t.Errorf("%q, %v", said, err)
	}
	p.Content = make([]byte, 1001)
	said, err = send(t.Context(), client, p)
	if said != "1 bytes too many" || err != nil {
		t.Errorf("%q, %v", said, err)
	}
	p.To = "\xff"
	said, err = send(t.Context(), client, p)
	if said != "my mistake" || err != nil {
		t.Errorf("%q, %v", said, err)
	}
	p.To = "Ada"
	_ = conn.Close()
	if said, err = send(t.Context(), client, p); err == nil {
		t.Errorf("%q from a closed session", said)
	}
}

// send calls as the guide does.
func send(ctx context.Context, client *parcels.Client, p *parcels.Parcel) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	state, err := client.Send(ctx, p)
	var refused *outrigger.Failure[parcels.Refused]
	switch {
	case errors.As(err, &refused):
		return fmt.Sprint(refused.Detail.Seen-refused.Detail.Allowed, " bytes too many"), nil
	case errors.Is(err, outrigger.ErrInvalidArgument):
		return "my mistake", nil // such as a string that is not UTF-8
	case err != nil:
		return "", err
	}
	defer state.Release()
	return where(state), nil
}

// build calls as the guide does, without a struct.
func build(
	ctx context.Context, client *parcels.Client, cities []string, content []byte,
) (string, error) {
	state, err := client.BuildSend(ctx, func(b parcels.ParcelBuilder) {
		b.SetID(7)
		b.SetTo("Ada")
		b.SetContent(content)
		b.SetValue(rkyv.None[uint32]())
		stops := b.BeginStops()
		for _, city := range cities {
			stop := stops.Next()
			stop.SetCity(city)
			stop.SetWait(rkyv.Duration{Seconds: 90})
		}
		b.BeginState().SetUnknown()
	})
	if err != nil {
		return "", err
	}
	defer state.Release()
	return where(state), nil
}

func TestTheGuidesBuiltRequestsAreAnswered(t *testing.T) {
	conn := connect(t)
	if conn == nil {
		return
	}
	client := parcels.NewClient(conn)
	for _, content := range [][]byte{nil, make([]byte, 1000)} { // in a slot, and not
		said, err := build(t.Context(), client, []string{"London", "Paris"}, content)
		if said != "Fast past 0 stops" || err != nil {
			t.Errorf("%q, %v", said, err)
		}
	}
	said, err := build(t.Context(), client, nil, make([]byte, 1001))
	var refused *outrigger.Failure[parcels.Refused]
	if !errors.As(err, &refused) || refused.Detail.Seen != 1001 {
		t.Errorf("%q, %v", said, err)
	}
	_, err = client.BuildSend(t.Context(), func(b parcels.ParcelBuilder) { b.SetTo("Ada") })
	wrong := "Parcel.to is set before id"
	if !errors.Is(err, outrigger.ErrInvalidArgument) || !strings.Contains(err.Error(), wrong) {
		t.Errorf("%v (wanted: %s)", err, wrong)
	}
}

func TestWhatWasAppendedCrosses(t *testing.T) {
	conn := connect(t)
	if conn == nil {
		return
	}
	client := parcels.NewClient(conn)
	question := parcels.Question{Parcel: 7, Language: rkyv.Some("it")}
	answer, err := client.Ask(t.Context(), &question)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	if lost, ok := answer.Lost(); !ok || lost.Value().City() != "Londra" {
		t.Errorf("%v: %+v", answer.Tag(), lost.Value().Load())
	}
}

func TestAValueOfEveryKindComesBack(t *testing.T) {
	conn := connect(t)
	if conn == nil {
		return
	}
	var unknown parcels.State = parcels.StateUnknown{}
	stop := parcels.Stop{City: "a city with a long name", Wait: rkyv.Duration{Nanos: 1}}
	nothing := []parcels.Route{}
	kinds := parcels.Kinds{
		Number: 1, Float: -2.5, Flag: true, Letter: 'ö', Wide: rkyv.Uint128{Lo: 1, Hi: 2},
		Signed: rkyv.Int128{Hi: -1}, Time: rkyv.Duration{Seconds: 3}, Text: "short",
		FixedText: "a text that does not grow", Bytes: []byte{1}, Numbers: []uint64{2, 3},
		FixedNumbers: []uint64{4}, Texts: []string{"", "x"}, Structs: []parcels.Stop{stop},
		Digest: [32]byte{31: 1}, Two: [2]parcels.Stop{stop, {}},
		Tuple: rkyv.Tuple2[uint8, string]{Field0: 7, Field1: "seven"}, Maybe: rkyv.Some[uint32](5),
		MaybeStruct: rkyv.Some(stop), Outcome: rkyv.Err[uint32]("none"), Member: stop,
		Speed: parcels.SpeedSlow, State: parcels.StateReturned{Value: &unknown}, Boxed: &stop,
		Map: []rkyv.Entry[string, uint32]{{Key: "key", Value: 1}}, Set: []string{"member"},
		NotZero: 1, MaybeBoxed: rkyv.Some(&stop),
		Page: parcels.PageOfStop{Items: []parcels.Stop{stop}, Next: rkyv.Some[uint64](9)},
		Tree: []parcels.Route{{At: stop, Then: []parcels.Route{{At: stop, Then: nothing}}}},
	}
	reply, err := parcels.NewClient(conn).Reflect(t.Context(), &kinds)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Release()
	if loaded := reply.Load(); !reflect.DeepEqual(loaded, kinds) {
		t.Errorf("%+v (wanted %+v)", loaded, kinds)
	}
}
