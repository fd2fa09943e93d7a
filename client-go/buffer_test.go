//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// large is a payload that does not fit in a slot.
const large = 5000

// allBack fails the test unless, in the end, no buffer is out on either side.
func allBack(t *testing.T, session *fakeserver.Session, c *Conn) {
	t.Helper()
	eventually(t, "all buffers are back", func() bool {
		_, _, _, buffers := session.Tally()
		return buffers == 0 && c.Stats().BuffersHeld == 0
	})
}

func alloc(t *testing.T, c *Conn, n int) Buffer {
	t.Helper()
	b, err := c.Alloc(testContext(t), n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFB_02_BuffersOfNoBytesUseNoArena(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	b := alloc(t, c, 0)
	if b.Bytes() == nil || !b.IsEmpty() || b.Inspect() != (BufferInfo{}) {
		t.Errorf("%v, %+v", b.Bytes(), b.Inspect())
	}
	allBack(t, session, c)
	b.Release()
	if c.Stats().Allocs != 0 {
		t.Error("the server was asked for a buffer of no bytes")
	}
}

func TestFB_03_TheZeroBufferIsReleasedWithoutEffect(t *testing.T) {
	var b Buffer
	b.Release()
	if b.Bytes() != nil || b.Len() != 0 || !b.IsEmpty() || b.Clone() != (Buffer{}) {
		t.Errorf("%+v", b)
	}
}

func TestFB_04_ReleaseCountsOnceAndACopyReachesNoSuccessor(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	b := alloc(t, c, large)
	kept := b
	if info := b.Inspect(); info.Len != large || info.Cap != 8192 || info.Lent {
		t.Errorf("%+v", info)
	}
	b.Release()
	b.Release()
	allBack(t, session, c)
	if kept.Bytes() != nil || kept.Len() != 0 || !kept.IsEmpty() ||
		kept.Inspect() != (BufferInfo{}) {
		t.Errorf("after Release: %v, %+v", kept.Bytes(), kept.Inspect())
	}
	next := alloc(t, c, large)
	copy(next.Bytes(), "victim")
	kept.Release() // the cell is the successor's now, and its buffer too
	if string(next.Bytes()[:6]) != "victim" {
		t.Errorf("the successor is gone: %q", next.Bytes())
	}
	next.Release()
	allBack(t, session, c)
}

func TestFB_05_ForgottenBuffersAreReclaimedIfTheirBytesWereNotHandedOut(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	const forgotten = 1000
	reclaimed := func() uint64 {
		runtime.GC()
		return c.Stats().BuffersReclaimed
	}
	for range forgotten / 10 {
		for range 10 {
			_ = alloc(t, c, large)
		}
	}
	eventually(t, "all are reclaimed", func() bool { return reclaimed() == forgotten })
	allBack(t, session, c)
}

func TestFB_05_AForgottenBufferWhoseBytesWereHandedOutIsReportedAndQuarantined(t *testing.T) {
	var text lockedBuffer
	server := start(t, fakeserver.Options{})
	c := dialTest(t, server.Path, WithLeakCheck(),
		WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
	kept := alloc(t, c, large).Bytes()
	eventually(t, "it is quarantined", func() bool {
		runtime.GC()
		return c.Stats().BuffersQuarantined == 1
	})
	kept[0], kept[large-1] = 1, 2 // it is still mapped, and nobody else's
	other := alloc(t, c, large)
	if &other.Bytes()[0] == &kept[0] {
		t.Error("the quarantined buffer was granted again")
	}
	other.Release()
	if !strings.Contains(text.String(), "buffer_test.go") {
		t.Errorf("the report does not say where it was had: %s", text.String())
	}
	if stats := c.Stats(); stats.BuffersHeld != 0 || stats.BuffersReclaimed != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestFB_06_FromBytesCopies(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	for _, size := range []int{1, abi.LimitInlineMax, abi.LimitInlineMax + 1, 1 << 20} {
		source := pattern(size)
		b, err := c.FromBytes(testContext(t), source)
		if err != nil {
			t.Fatal(err)
		}
		source[0]++
		clone := b.Clone()
		b.Bytes()[size-1]++
		if want := pattern(size); !bytes.Equal(clone.Bytes(), want) {
			t.Errorf("%d bytes: the clone changed", size)
		}
		reply, err := c.CallBuffer(testContext(t), "echo", b)
		if err != nil {
			t.Fatal(err)
		}
		want := pattern(size)
		want[size-1]++
		if !bytes.Equal(reply.Bytes(), want) {
			t.Errorf("%d bytes came back changed", size)
		}
		reply.Release()
		clone.Release()
	}
	allBack(t, session, c)
}

func TestFB_07_NoBytesAndNoValueAreToldApart(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{Handlers: map[string]fakeserver.Handler{
		"echo": func(call *fakeserver.Call) { call.Reply(call.Payload) },
	}})
	empty, err := c.CallBuffer(testContext(t), "echo", alloc(t, c, 0))
	if err != nil || empty.Bytes() == nil || empty.Len() != 0 {
		t.Errorf("no bytes: %v, %v", empty.Bytes(), err)
	}
	none, err := c.CallBuffer(testContext(t), "echo", Buffer{})
	if err != nil || none.Bytes() != nil {
		t.Errorf("no value: %v, %v", none.Bytes(), err)
	}
	empty.Release()
	allBack(t, session, c)
}

func TestFB_08_JSONGoesInAndOutAndItsFailuresAreNamed(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	_, err := c.FromJSON(testContext(t), make(chan int))
	if err == nil || !strings.HasPrefix(err.Error(), "outrigger: json marshal: ") {
		t.Error(err)
	}
	b, err := c.FromJSON(testContext(t), map[string]string{"word": strings.Repeat("x", large)})
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct{ Word string }
	if err := b.ToJSON(&decoded); err != nil || len(decoded.Word) != large {
		t.Error(err, len(decoded.Word))
	}
	b.Release()
	for _, freed := range []Buffer{b, {}, alloc(t, c, 0)} {
		err := freed.ToJSON(&decoded)
		if err == nil || err.Error() != "outrigger: buffer is empty or freed" {
			t.Error(err)
		}
	}
	allBack(t, session, c)
}

func TestNF_08_SendingMovesABufferAndReleaseEndsAReply(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	for _, size := range []int{8, large} {
		b := alloc(t, c, size)
		copy(b.Bytes(), "moved")
		reply, err := c.CallBuffer(testContext(t), "echo", b)
		if err != nil {
			t.Fatal(err)
		}
		if b.Bytes() != nil || b.Len() != 0 {
			t.Error("the request is still there")
		}
		if _, err := c.CallBuffer(testContext(t), "echo", b); !errors.Is(err, ErrInvalidHandle) {
			t.Error(err)
		}
		if string(reply.Bytes()[:5]) != "moved" {
			t.Errorf("%q", reply.Bytes()[:5])
		}
		// A reply is sent on, by copy.
		second, err := c.CallBuffer(testContext(t), "echo", reply)
		if err != nil || string(second.Bytes()[:5]) != "moved" || reply.Bytes() != nil {
			t.Errorf("%q, %v", second.Bytes(), err)
		}
		second.Release()
	}
	allBack(t, session, c)
}

func TestBuffersOfAnotherSessionAreRefusedAndStayTheirOwners(t *testing.T) {
	server, session, c := pair(t, fakeserver.Options{})
	other := dialTest(t, server.Path)
	b := alloc(t, c, large)
	if _, err := other.CallBuffer(testContext(t), "echo", b); !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
	if b.Len() != large {
		t.Error("the buffer was lost")
	}
	b.Release()
	allBack(t, session, c)
}

func TestAllocRefusesWhatCannotBe(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{PayloadMax: 1 << 20})
	if _, err := c.Alloc(testContext(t), -1); !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
	_, err := c.Alloc(testContext(t), 1<<20+1)
	if !errors.Is(err, ErrBufferTooSmall) || !strings.Contains(err.Error(), "1048577") {
		t.Error(err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Alloc(done, large); !errors.Is(err, ErrCancelled) {
		t.Error(err)
	}
	_ = c.Close()
	if _, err := c.Alloc(testContext(t), large); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestGrantsInStockNeedNoRoundTrip(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{Stock: true})
	for i := range 100 {
		reply, err := c.Call(testContext(t), "size", pattern(1)) // small calls between
		if err != nil || reply == nil {
			t.Fatal(err)
		}
		b, err := c.FromBytes(testContext(t), pattern(1<<16))
		if err != nil {
			t.Fatal(err)
		}
		echoed, err := c.CallBuffer(testContext(t), "echo", b)
		if err != nil || echoed.Len() != 1<<16 {
			t.Fatal(i, err)
		}
		echoed.Release()
		eventually(t, "the buffer is in stock again", func() bool {
			c.readGrants()
			return c.Stats().BuffersStocked == 1
		})
	}
	if allocs := c.Stats().Allocs; allocs != 1 {
		t.Errorf("the server was asked %d times for a buffer (wanted: once)", allocs)
	}
	session.Recall()
	eventually(t, "the stock is returned", func() bool {
		c.readGrants()
		_, _, _, buffers := session.Tally()
		return buffers == 0 && c.Stats().BuffersStocked == 0
	})
	allBack(t, session, c)
}

func TestARecallBeforeAReplyIsReadWithIt(t *testing.T) {
	c := dialTest(t, child(t), WithWait(WaitSpin))
	for range 100 {
		// The buffer is granted anew, into the stock.
		if _, err := c.Call(testContext(t), "echo", pattern(large)); err != nil {
			t.Fatal(err)
		}
		c.readGrants()
		if stocked := c.Stats().BuffersStocked; stocked != 1 {
			t.Fatalf("%d buffers in stock", stocked)
		}
		if _, err := c.Call(testContext(t), "recall", nil); err != nil {
			t.Fatal(err)
		}
		c.token.Lock()   // whoever reads has read everything
		c.token.Unlock() //nolint:staticcheck // SA2001: that is all that it is for
		if stocked := c.Stats().BuffersStocked; stocked != 0 {
			t.Fatalf("%d buffers are still in stock", stocked)
		}
	}
}

func TestRequestsOf64KiBInSteadyStateNeedNoRoundTripAndNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Log("not run: allocations, which the race detector makes")
		return
	}
	c := dialTest(t, child(t))
	for _, size := range []int{4096, 1 << 16} {
		payload, dst := pattern(size), make([]byte, size)
		call := func() {
			if _, err := c.CallInto(context.Background(), "echo", payload, dst); err != nil {
				t.Fatal(err)
			}
		}
		written := func() {
			b := alloc(t, c, size)
			copy(b.Bytes(), payload)
			reply, err := c.CallBuffer(context.Background(), "echo", b)
			if err != nil || reply.Len() != size {
				t.Fatal(err)
			}
			reply.Release()
		}
		for range 100 {
			call()
			written()
		}
		before := c.Stats()
		if allocs := testing.AllocsPerRun(1000, call); allocs != 0 {
			t.Errorf("%d bytes, CallInto: %v allocations per call", size, allocs)
		}
		copied := c.Stats()
		if in, out := copied.CopiedIn-before.CopiedIn, copied.CopiedOut-before.CopiedOut; in !=
			uint64(1001*size) || out != in {
			t.Errorf("%d bytes, CallInto: %d and %d bytes copied", size, in, out)
		}
		for range 1000 {
			written()
		}
		after := c.Stats()
		if after.CopiedIn != copied.CopiedIn || after.CopiedOut != copied.CopiedOut {
			t.Errorf("%d bytes, CallBuffer: %d bytes copied in, %d out", size,
				after.CopiedIn-copied.CopiedIn, after.CopiedOut-copied.CopiedOut)
		}
		if asked := after.Allocs - before.Allocs; asked != 0 {
			t.Errorf("%d bytes: the server was asked %d times for a buffer", size, asked)
		}
	}
}

func TestUS_05_LargeTypedRepliesAreReadWhereTheServerWroteThem(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	method := &Method{Name: "size"}
	archive, err := c.Invoke(testContext(t), method, text("100000"))
	if err != nil {
		t.Fatal(err)
	}
	if stats := c.Stats(); stats.CopiedOut != 0 || stats.BuffersHeld != 1 {
		t.Errorf("%+v", stats)
	}
	kept := archive
	if len(archive.Bytes()) != 100_000 {
		t.Errorf("%d bytes", len(archive.Bytes()))
	}
	archive.Release()
	if kept.Bytes() != nil {
		t.Error("the archive outlives its release")
	}
	allBack(t, session, c)
}

func TestRepliesBehindATraceContextAreTakenOnEveryWay(t *testing.T) {
	traced := func(h *abi.SlotHeader, payload []byte) []byte {
		if h.Flags != 0 {
			return payload
		}
		h.Flags = abi.FlagTrace
		return append(make([]byte, abi.TraceContextSize), payload...)
	}
	_, session, c := pair(t, fakeserver.Options{Tamper: fakeserver.Tamper{Reply: traced}})
	for range 3 {
		archive, err := c.Invoke(testContext(t), &Method{Name: "echo"}, text("typed"))
		if err != nil || string(archive.Bytes()) != "typed" {
			t.Errorf("Invoke: %q, %v", archive.Bytes(), err)
		}
		archive.Release()
		reply, err := c.Call(testContext(t), "echo", []byte("copied"))
		if err != nil || string(reply) != "copied" {
			t.Errorf("Call: %q, %v", reply, err)
		}
		request, err := c.FromBytes(testContext(t), []byte("in place"))
		if err != nil {
			t.Fatal(err)
		}
		placed, err := c.CallBuffer(testContext(t), "echo", request)
		if err != nil || string(placed.Bytes()) != "in place" {
			t.Errorf("CallBuffer: %q, %v", placed.Bytes(), err)
		}
		placed.Release()
	}
	allBack(t, session, c)
}

// text is a request that is its bytes.
type text string

func (x text) EncodeArchive(e *rkyv.Encoder) {
	mark, _ := e.Enter()
	at, ok := e.Place(mark, 1, len(x), 1)
	if ok {
		copy(e.Window(at, len(x)), x)
	}
	e.Leave(mark, at)
}

func TestNF_04_AndNF_05_CallersComeAndGoAndReuseTheirPayloads(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{Credits: 64})
	sizes := []int{0, 1, abi.LimitInlineMax, abi.LimitInlineMax + 1, 4096, large}
	ends := make(chan error)
	for i := range 10_000 {
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			if i%100 != 0 {
				runtime.UnlockOSThread()
			}
			payload := pattern(sizes[i%len(sizes)])
			b, err := c.FromBytes(context.Background(), payload)
			clear(payload)
			var reply Buffer
			if err == nil {
				reply, err = c.CallBuffer(context.Background(), "echo", b)
			}
			if want := pattern(len(payload)); err == nil && !bytes.Equal(reply.Bytes(), want) {
				err = errors.New("the reply is not the request")
			}
			reply.Release()
			ends <- err
		}()
	}
	for range 10_000 {
		if err := receive(t, ends); err != nil {
			t.Fatal(err)
		}
	}
	allBack(t, session, c)
}

func TestRepliesOutliveTheSession(t *testing.T) {
	server := start(t, fakeserver.Options{})
	c := dialTest(t, server.Path)
	b, err := c.FromBytes(testContext(t), pattern(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := c.CallBuffer(testContext(t), "echo", b)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if !bytes.Equal(reply.Bytes(), pattern(1<<20)) {
		t.Error("the reply changed")
	}
	mapped := mappings(t)
	reply.Release()
	if left := mappings(t); left >= mapped {
		t.Errorf("%d mappings before the release, %d after", mapped, left)
	}
	if held := c.Stats().BuffersHeld; held != 0 {
		t.Errorf("%d buffers held", held)
	}
}

func TestABufferThatOutlivesTheSessionIsNotSent(t *testing.T) {
	for _, size := range []int{8, large} {
		_, _, c := pair(t, fakeserver.Options{})
		if _, err := c.Call(testContext(t), "echo", nil); err != nil {
			t.Fatal(err) // the method is bound, so nothing stops the call before its buffer
		}
		b := alloc(t, c, size)
		_ = c.Close()
		if _, err := c.CallBuffer(testContext(t), "echo", b); !errors.Is(err, ErrClosed) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if held := c.Stats().BuffersHeld; held != 0 || b.Bytes() != nil {
			t.Errorf("%d bytes: %d buffers held, %d bytes left", size, held, b.Len())
		}
	}
}

func TestWhatWasInStockIsGoneWithTheSession(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{Stock: true})
	if _, err := c.Call(testContext(t), "echo", pattern(large)); err != nil {
		t.Fatal(err)
	}
	c.readGrants()
	if stocked := c.Stats().BuffersStocked; stocked != 1 {
		t.Fatalf("%d buffers in stock", stocked)
	}
	g := c.stock.classes[classOf(large)][0]
	_ = c.Close()
	if stocked := c.Stats().BuffersStocked; stocked != 0 {
		t.Errorf("%d buffers in stock", stocked)
	}
	if !c.stock.put(g) { // a caller had taken it, and the end came then
		t.Fatal("not stocked")
	}
	if _, err := c.Call(testContext(t), "echo", pattern(large)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if held := c.Stats().BuffersHeld; held != 0 {
		t.Errorf("%d buffers held", held)
	}
}

func TestMoreReturnsThanTheRingHoldsWaitForAServerThatIsKept(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{Credits: 1, Manual: true}, WithWait(WaitBlock))
	var kept sync.Mutex // whoever has it keeps the server from its processor
	ended, end := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ended.Err() == nil {
			kept.Lock()
			session.Work()
			kept.Unlock()
			runtime.Gosched()
		}
	}()
	defer func() { end(); <-stopped }()
	for round := range 3 {
		var all []Buffer
		for range 100 {
			all = append(all, alloc(t, c, large))
		}
		kept.Lock()
		for _, b := range all {
			b.Release()
		}
		if late := c.returns.lateCount.Load(); late < 50 {
			t.Errorf("%d returns are late: the ring holds the rest", late)
		}
		result := make(chan error, 1)
		go func() {
			_, err := c.Call(testContext(t), "echo", pattern(large)) // needs a buffer, too
			result <- err
		}()
		if round == 1 {
			eventually(t, "it sleeps", func() bool { return c.watchers.Load() > 0 })
		}
		kept.Unlock()
		if err := receive(t, result); err != nil {
			t.Fatal(err)
		}
		eventually(t, "none is late", func() bool {
			_, err := c.Call(testContext(t), "echo", pattern(large))
			return err == nil && c.returns.lateCount.Load() == 0
		})
		allBack(t, session, c)
	}
}

func TestGuardFaultsOnUseAfterRelease(t *testing.T) {
	server, _, _ := pair(t, fakeserver.Options{})
	c := dialTest(t, server.Path, WithGuard())
	b := alloc(t, c, large)
	granted := b.Bytes()
	granted[0] = 1
	reply, err := c.CallBuffer(testContext(t), "echo", b)
	if err != nil {
		t.Fatal(err)
	}
	lent := reply.Bytes()
	if faults(func() { _ = lent[0] + 1 }) {
		t.Error("a lent buffer cannot be read")
	}
	if !faults(func() { lent[0] = 1 }) {
		t.Error("a lent buffer can be written")
	}
	reply.Release()
	if !faults(func() { granted[1] = 1 }) {
		t.Error("a buffer that was sent can be written")
	}
	if !faults(func() { sink += lent[1] }) {
		t.Error("a buffer that was released can be read")
	}
}

var sink byte

// faults reports whether the memory that f touches is not accessible.
func faults(f func()) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	f()
	return false
}

// lockedBuffer collects text of several goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// mappings counts the extents and segments that this process has mapped.
func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte("/memfd:"))
}
