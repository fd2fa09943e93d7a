//go:build linux && (amd64 || arm64)

package outrigger_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	branch "github.com/outrigger-ipc/outrigger/client-go/internal/versions/branch/diaries"
	first "github.com/outrigger-ipc/outrigger/client-go/internal/versions/first/diaries"
	rewritten "github.com/outrigger-ipc/outrigger/client-go/internal/versions/rewritten/diaries"
	second "github.com/outrigger-ipc/outrigger/client-go/internal/versions/second/diaries"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// serveDiaries has the testbed serve a version of the service, in place of another.
func serveDiaries(t *testing.T, conn *outrigger.Conn, version string) {
	t.Helper()
	if _, err := conn.Call(context.Background(), "test.diaries", []byte(version)); err != nil {
		t.Fatal(err)
	}
}

// keepFirst calls as a client of the first version, and returns the server's version.
func keepFirst(t *testing.T, conn *outrigger.Conn) uint32 {
	t.Helper()
	how := "to the skin, and beyond"
	receipt, err := first.NewClient(conn).Keep(context.Background(), &first.Entry{
		Text: "a day like any other", Pages: []uint64{1, 2}, Weather: first.WeatherWet{Value: &how},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer receipt.Release()
	wet, ok := receipt.Weather().At(1).Wet()
	if receipt.Text() != "a day like any other" || !ok || wet.Value() != how {
		t.Error(receipt.Load())
	}
	return receipt.Version()
}

var secondEntry = second.Entry{
	Text: "a day like any other", Pages: []uint64{1, 2}, Weather: second.WeatherDry{},
	Readers: rkyv.Some([]string{"nobody", "somebody at last"}),
}

// keepSecond calls as a client of the second version.
func keepSecond(t *testing.T, conn *outrigger.Conn) second.Receipt {
	t.Helper()
	receipt, err := second.NewClient(conn).Keep(context.Background(), &secondEntry)
	if err != nil {
		t.Fatal(err)
	}
	defer receipt.Release()
	if receipt.Text() != secondEntry.Text || receipt.Weather().Len() != 2 {
		t.Error(receipt.Load())
	}
	return receipt.Load()
}

func TestOlderClientCallsNewerServer(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	serveDiaries(t, conn, "second")
	for range 3 {
		if version := keepFirst(t, conn); version != 2 {
			t.Errorf("version %d", version)
		}
	}
	entry := &first.Entry{Weather: first.WeatherDry{}}
	_, err := first.NewClient(conn).Post(context.Background(), entry)
	var failure *outrigger.Failure[first.Refused]
	if !errors.As(err, &failure) || failure.Detail.Reason != "an empty entry" {
		t.Error(err)
	}
}

func TestNewerClientCallsOlderServer(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	serveDiaries(t, conn, "first")
	for range 3 {
		if receipt := keepSecond(t, conn); receipt.Version != 1 || receipt.Readers.Valid {
			t.Error(receipt)
		}
	}
	ctx, diaries := context.Background(), second.NewClient(conn)
	_, err := diaries.Post(ctx, &second.Entry{Weather: second.WeatherDry{}})
	var failure *outrigger.Failure[second.Refused]
	if !errors.As(err, &failure) || failure.Detail.Reason != "an empty entry" ||
		failure.Detail.Instead.Valid {
		t.Error(err)
	}
	_, err = diaries.Keep(ctx, &second.Entry{Text: "x", Weather: second.WeatherFog{}})
	const words = "'2' for enum 'ArchivedWeather' (allowed: 0, 1)"
	if !errors.Is(err, outrigger.ErrSerialization) || !strings.Contains(err.Error(), words) {
		t.Error(err)
	}
}

func TestEqualVersionsHaveWhatWasAppended(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	serveDiaries(t, conn, "second")
	receipt := keepSecond(t, conn)
	if receipt.Version != 2 || len(receipt.Readers.Value) != 2 {
		t.Error(receipt)
	}
}

func TestTwoBranchesOfOneMessageRefuseEachOther(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx := context.Background()
	serveDiaries(t, conn, "second")
	_, err := branch.NewClient(conn).Keep(ctx, &branch.Entry{
		Text: "a day", Weather: branch.WeatherDry{}, Secret: rkyv.Some("read by nobody"),
	})
	if !errors.Is(err, outrigger.ErrVersionMismatch) {
		t.Error(err)
	}
	serveDiaries(t, conn, "branch")
	_, err = second.NewClient(conn).Keep(ctx, &secondEntry)
	if !errors.Is(err, outrigger.ErrVersionMismatch) ||
		!strings.Contains(err.Error(),
			"struct Entry: the server has field secret: Option<String>, the client has not") {
		t.Error(err)
	}
}

func TestClientFollowsAServerThatChangesUnderIt(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	for range 2 {
		for version, name := range []string{"first", "second"} {
			serveDiaries(t, conn, name)
			for range 2 {
				old, receipt := keepFirst(t, conn), keepSecond(t, conn)
				if old != uint32(version+1) || receipt.Version != old {
					t.Errorf("%s: %d, %d", name, old, receipt.Version)
				}
			}
		}
	}
	serveDiaries(t, conn, "first")
	keepSecond(t, conn)
	serveDiaries(t, conn, "branch")
	_, err := second.NewClient(conn).Keep(context.Background(), &secondEntry)
	if !errors.Is(err, outrigger.ErrVersionMismatch) {
		t.Error("agreed upon as the older one:", err)
	}
}

func TestTwoVersionsThatDoNotFitAreServedSideBySide(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	serveDiaries(t, conn, "both")
	for range 2 {
		line := &rewritten.Line{Number: 6, Text: "one line"}
		reply, err := rewritten.NewClient(conn).Keep(context.Background(), line)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Number() != 7 {
			t.Error(reply.Number())
		}
		reply.Release()
		if receipt := keepSecond(t, conn); receipt.Version != 2 {
			t.Error(receipt)
		}
		if version := keepFirst(t, conn); version != 2 {
			t.Error(version)
		}
	}
}

func TestCallingAnOlderServerAllocatesForItsRepliesOnly(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	if outrigger.RaceEnabled {
		t.Log("not run: the race detector allocates")
		return
	}
	ctx := context.Background()
	for version, allowed := range map[string]float64{"first": 1, "second": 0} {
		serveDiaries(t, conn, version)
		diaries := second.NewClient(conn)
		call := func() {
			receipt, err := diaries.Keep(ctx, &secondEntry)
			if err != nil {
				t.Fatal(err)
			}
			receipt.Release()
		}
		call()
		if allocations := testing.AllocsPerRun(200, call); allocations > allowed {
			t.Errorf("%s: %v allocations (maximum %v)", version, allocations, allowed)
		}
	}
}
