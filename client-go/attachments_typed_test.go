//go:build linux && (amd64 || arm64)

package outrigger_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/internal/albums"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// pictures attaches copies of these.
func pictures(t *testing.T, conn *outrigger.Conn, all ...[]byte) *outrigger.Attachments {
	t.Helper()
	attached := &outrigger.Attachments{}
	for _, picture := range all {
		b, err := conn.FromBytes(context.Background(), picture)
		if err == nil {
			err = attached.Add(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return attached
}

func picture(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i % 251)
	}
	return p
}

func checksum(picture []byte) (sum uint64) {
	for _, b := range picture {
		sum = sum*31 + uint64(b)
	}
	return sum
}

func TestTypedMethodsTakeAttachments(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), albums.NewClient(conn)
	small, large := picture(100), picture(500_000)

	attached := pictures(t, conn, small, large)
	compared, err := client.Compare(ctx, attached)
	if err != nil {
		t.Fatal(err)
	}
	want := albums.Comparison{
		Lens: [2]uint64{100, 500_000}, Sums: [2]uint64{checksum(small), checksum(large)},
	}
	if got := compared.Load(); got != want || attached.Len() != 0 {
		t.Errorf("%+v, want %+v; %d attached", got, want, attached.Len())
	}
	compared.Release()

	attached = pictures(t, conn, small, nil, large)
	turned, err := client.Turn(ctx, &albums.Turn{}, attached)
	if err != nil {
		t.Fatal(err)
	}
	if turned.Bytes() != 500_100 || attached.Len() != 3 || attached.At(1).Len() != 0 {
		t.Errorf("%d bytes turned, %d attached", turned.Bytes(), attached.Len())
	}
	turned.Release()
	slices.Reverse(large)
	if !bytes.Equal(attached.At(2).Bytes(), large) || !attached.At(2).Inspect().Lent {
		t.Error("the large one is not turned, or was copied")
	}

	// What came with a reply may be sent.
	turned, err = client.Turn(ctx, &albums.Turn{}, attached)
	if err != nil {
		t.Fatal(err)
	}
	turned.Release()
	if !bytes.Equal(attached.At(2).Bytes(), picture(500_000)) {
		t.Error("turned twice, and not as it was")
	}
	attached.Release()
	if held := conn.Stats().BuffersHeld; held != 0 {
		t.Errorf("%d buffers held", held)
	}
}

func TestTypedRepliesOfAnySizeHaveAttachments(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), albums.NewClient(conn)
	for _, order := range []albums.Order{
		{Lens: nil, CaptionLen: 5},
		{Lens: []uint32{0}, CaptionLen: 200},
		{Lens: []uint32{1, 300_000, 0, 4096}, CaptionLen: 0},
		{Lens: []uint32{70_000}, CaptionLen: 1 << 20},
	} {
		var attached outrigger.Attachments
		drawn, err := client.Draw(ctx, &order, &attached)
		if err != nil {
			t.Fatal(err)
		}
		if len(drawn.CaptionView()) != int(order.CaptionLen) || attached.Len() != len(order.Lens) {
			t.Errorf("%+v: %d and %d", order, len(drawn.CaptionView()), attached.Len())
		}
		for n, size := range order.Lens {
			drawn := attached.At(n).Bytes()
			if len(drawn) != int(size) || size > 0 && drawn[size-1] != byte(int(size)-1+100*n) {
				t.Errorf("%+v: picture %d has %d bytes", order, n, len(drawn))
			}
		}
		drawn.Release()
		attached.Release()

		drawn, err = client.Draw(ctx, &order, nil)
		if err != nil || len(drawn.CaptionView()) != int(order.CaptionLen) {
			t.Errorf("without: %v", err)
		}
		drawn.Release()
	}
	if held := conn.Stats().BuffersHeld; held != 0 {
		t.Errorf("%d buffers held", held)
	}
}

func TestTypedCallsWithAttachmentsFailAsOthersDo(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), albums.NewClient(conn)

	attached := pictures(t, conn, picture(5000), nil)
	err := client.Tear(ctx, attached)
	var torn *outrigger.Failure[albums.TearError]
	if !errors.As(err, &torn) || torn.Detail != (albums.TearErrorEmpty{Picture: 1}) ||
		attached.Len() != 0 {
		t.Errorf("%v, %d attached", err, attached.Len())
	}
	attached = pictures(t, conn, picture(5000), picture(3))
	if err := client.Tear(ctx, attached); err != nil || attached.Len() != 4 ||
		attached.At(3).Len() != 2 {
		t.Errorf("%v, %d attached", err, attached.Len())
	}
	attached.Release()

	attached = pictures(t, conn, picture(5000))
	_, err = client.Compare(ctx, attached)
	if !errors.Is(err, outrigger.ErrInvalidArgument) ||
		!strings.Contains(err.Error(), "1 pictures (allowed: 2)") || attached.Len() != 0 {
		t.Errorf("%v, %d attached", err, attached.Len())
	}
	_, err = client.Draw(ctx, &albums.Order{Lens: []uint32{5000, 70_000}, Fail: true}, attached)
	if !errors.Is(err, outrigger.ErrHandler) || attached.Len() != 0 {
		t.Errorf("%v, %d attached", err, attached.Len())
	}

	// A request that has a buffer of its own, beside the attachments.
	attached = pictures(t, conn, picture(5000), picture(5), picture(70_000))
	_, err = client.Draw(ctx, &albums.Order{Lens: make([]uint32, 2000)}, attached)
	if !errors.Is(err, outrigger.ErrInvalidArgument) ||
		!strings.Contains(err.Error(), "2000 attachments (maximum 4)") || attached.Len() != 0 {
		t.Errorf("%v, %d attached", err, attached.Len())
	}

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	attached = pictures(t, conn, picture(5000))
	_, err = client.Turn(cancelled, &albums.Turn{}, attached)
	if !errors.Is(err, context.Canceled) || attached.Len() != 0 {
		t.Errorf("%v, %d attached", err, attached.Len())
	}

	// A method that is known without attachments is another method.
	known := outrigger.Method{Name: "albums.turn", Fingerprint: [16]byte{1}, Schema: "?"}
	attached = pictures(t, conn, picture(5000))
	_, err = conn.InvokeAttached(ctx, &known, &albums.Turn{}, attached)
	if !errors.Is(err, outrigger.ErrVersionMismatch) || attached.Len() != 0 {
		t.Errorf("%v, %d attached", err, attached.Len())
	}
	if held := conn.Stats().BuffersHeld; held != 0 {
		t.Errorf("%d buffers held", held)
	}
}

func TestTypedCallsWithAttachmentsAllocateNothing(t *testing.T) {
	conn := typedConn(t)
	if conn == nil || outrigger.RaceEnabled {
		return
	}
	ctx, client := context.Background(), albums.NewClient(conn)
	source, request := picture(40_000), &albums.Turn{}
	var attached outrigger.Attachments
	call := func() {
		b, err := conn.Alloc(ctx, len(source))
		if err != nil {
			t.Fatal(err)
		}
		copy(b.Bytes(), source)
		if err := attached.Add(b); err != nil {
			t.Fatal(err)
		}
		turned, err := client.Turn(ctx, request, &attached)
		if err != nil || len(attached.At(0).Bytes()) != len(source) {
			t.Fatal(err)
		}
		turned.Release()
		attached.Release()
	}
	for range 100 {
		call()
	}
	if count := testing.AllocsPerRun(200, call); count != 0 {
		t.Errorf("%v allocations per call", count)
	}
}

// growing is a request for a buffer whose own code does what it should not when it is
// encoded for the second time, into that buffer.
type growing struct {
	times  *int
	second func()
}

func (g growing) EncodeArchive(e *rkyv.Encoder) {
	if *g.times++; *g.times == 2 {
		g.second()
	}
	(&albums.Order{Lens: make([]uint32, 1000**g.times)}).EncodeArchive(e)
}

func TestARequestThatMisbehavesLeavesNoAttachmentBehind(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	method := methodOf(t, conn)
	for name, second := range map[string]func(){
		"panics": func() { panic("no") }, "leaves": runtime.Goexit, "grows": func() {},
	} {
		attached := pictures(t, conn, picture(5000), picture(5), nil)
		ended := make(chan error, 1)
		go func() {
			var err error
			defer func() { ended <- err }()
			_, err = conn.InvokeAttached(
				context.Background(), method, growing{new(int), second}, attached)
		}()
		err := <-ended
		if left := name == "leaves"; left != (err == nil) ||
			!left && !errors.Is(err, outrigger.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
		stats := conn.Stats()
		if stats.BuffersHeld != 0 || stats.InFlight != 0 || attached.At(0).Len() != 0 {
			t.Errorf("%s: %d buffers held, %d in flight", name, stats.BuffersHeld, stats.InFlight)
		}
	}
}
