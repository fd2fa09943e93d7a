//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

// inFlight starts calls that are not answered, and returns where they end.
func inFlight(t *testing.T, session *fakeserver.Session, c *Conn, count int) <-chan error {
	t.Helper()
	before, _, _, _ := session.Tally()
	ends := make(chan error, count)
	for range count {
		go func() {
			_, err := c.Call(context.Background(), "silent", []byte("x"))
			ends <- err
		}()
	}
	eventually(t, "the calls have arrived", func() bool {
		calls, _, _, _ := session.Tally()
		return calls == before+count
	})
	return ends
}

// endAll wants all calls in flight and a later one to end with that error.
func endAll(t *testing.T, c *Conn, ends <-chan error, count int, want error, text string) {
	t.Helper()
	for range count {
		if err := receive(t, ends); !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
			t.Errorf("in flight: %v, want %v with %q", err, want, text)
		}
	}
	if _, err := c.Call(context.Background(), "silent", nil); !errors.Is(err, want) {
		t.Errorf("later: %v, want %v", err, want)
	}
	if _, err := c.Call(context.Background(), "unbound", nil); !errors.Is(err, want) {
		t.Errorf("later, of a new method: %v, want %v", err, want)
	}
}

func TestHangUpEndsEveryCallWithPeerGone(t *testing.T) {
	for _, policy := range []WaitPolicy{WaitHybrid, WaitSpin, WaitBlock} {
		_, session, c := pair(t, fakeserver.Options{}, WithWait(policy))
		ends := inFlight(t, session, c, 8)
		session.HangUp()
		endAll(t, c, ends, 8, io.ErrUnexpectedEOF, "peer_gone")
	}
}

func TestHangUpStillDeliversWhatWasAnswered(t *testing.T) {
	calls := make(chan *fakeserver.Call, 1)
	_, session, c := pair(t, fakeserver.Options{
		Handlers: map[string]fakeserver.Handler{
			"keep": func(call *fakeserver.Call) { calls <- call },
		},
		Tamper: fakeserver.Tamper{Mute: true},
	}, WithWait(WaitBlock))
	result := make(chan error, 1)
	go func() {
		reply, err := c.Call(context.Background(), "keep", nil)
		if err == nil && string(reply) != "last words" {
			err = errors.New(string(reply))
		}
		result <- err
	}()
	receive(t, calls).Reply([]byte("last words")) // and no doorbell, as if killed before it
	session.HangUp()
	if err := receive(t, result); err != nil {
		t.Error(err)
	}
}

func TestByeGivesItsCodeAndReasonToEveryCall(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	ends := inFlight(t, session, c, 4)
	session.Send(abi.ControlBye, abi.CodeInvalidHandle, 0, []byte("invalid handle: buffer 7"))
	session.HangUp()
	endAll(t, c, ends, 4, ErrInvalidHandle, "invalid handle: buffer 7")
}

func TestCloseEndsEveryCallAndIsIdempotent(t *testing.T) {
	for _, policy := range []WaitPolicy{WaitHybrid, WaitSpin, WaitBlock} {
		_, session, c := pair(t, fakeserver.Options{Credits: 4}, WithWait(policy))
		ends := inFlight(t, session, c, 4)
		waiting := make(chan error, 1)
		go func() { // waits for a credit
			_, err := c.Call(context.Background(), "silent", nil)
			waiting <- err
		}()
		eventually(t, "one waits for a credit", func() bool { return c.room.waiters.Load() == 1 })
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		endAll(t, c, ends, 4, net.ErrClosed, "")
		if err := receive(t, waiting); !errors.Is(err, ErrClosed) {
			t.Errorf("waiting for a credit: %v", err)
		}
		if bye := receive(t, onlyFrames(session, abi.ControlBye)); bye.Header.Code != 0 {
			t.Errorf("BYE with code %d", bye.Header.Code)
		}
	}
}

// onlyFrames filters a session's frames.
func onlyFrames(session *fakeserver.Session, kind uint16) <-chan fakeserver.Frame {
	found := make(chan fakeserver.Frame, 1)
	go func() {
		for frame := range session.Frames {
			if frame.Header.Kind == kind {
				found <- frame
				return
			}
		}
	}()
	return found
}

func TestGoawayLetsCallsInFlightEndAndRefusesNewOnes(t *testing.T) {
	calls := make(chan *fakeserver.Call, 1)
	server, session, c := pair(t, fakeserver.Options{
		Lanes: 2, Handlers: map[string]fakeserver.Handler{
			"keep": func(call *fakeserver.Call) { calls <- call },
			"echo": func(call *fakeserver.Call) { call.Reply(call.Payload) },
		},
	})
	for range 5 {
		if _, err := c.Call(testContext(t), "echo", pattern(10)); err != nil {
			t.Fatal(err)
		}
	}
	result := make(chan error, 1)
	go func() {
		_, err := c.Call(context.Background(), "keep", nil)
		result <- err
	}()
	call := receive(t, calls)
	session.Send(abi.ControlGoaway, abi.CodeOk, 0, []byte("shutting down: upgrade"))
	ack := receive(t, onlyFrames(session, abi.ControlGoawayAck))
	if len(ack.Body) != 16 {
		t.Fatalf("GOAWAY_ACK with %d bytes, want 16 for two lanes", len(ack.Body))
	}
	if sum := ack.Body[0] + ack.Body[8]; sum != 6 {
		t.Errorf("final positions %x, want a sum of 6", ack.Body)
	}
	for _, method := range []string{"echo", "unbound"} {
		_, err := c.Call(testContext(t), method, nil)
		if !errors.Is(err, ErrShuttingDown) || !strings.Contains(err.Error(), "upgrade") {
			t.Errorf("new call of %s: %v", method, err)
		}
	}
	call.Reply(nil)
	if err := receive(t, result); err != nil {
		t.Errorf("call in flight: %v", err)
	}
	server.Close()
	if _, err := c.Call(testContext(t), "echo", nil); !errors.Is(err, ErrShuttingDown) {
		t.Errorf("after the hang-up: %v", err)
	}
}

func TestGoawayEndsTheWaitForAGrantAndTheGrantGoesBack(t *testing.T) {
	alloc, release := make(chan struct{}), make(chan struct{})
	_, session, c := pair(t, fakeserver.Options{Tamper: fakeserver.Tamper{
		Grant: func(h *abi.SlotHeader, payload []byte) []byte {
			close(alloc)
			<-release
			return payload
		},
	}})
	result := make(chan error, 1)
	go func() {
		_, err := c.Call(context.Background(), "echo", make([]byte, 5000))
		result <- err
	}()
	receive(t, alloc)
	// By now the caller looks for forgotten buffers every half second at most.
	time.Sleep(grantPatience * (1 + 2 + 4 + 8 + 16 + 1))
	session.Send(abi.ControlGoaway, abi.CodeOk, 0, nil)
	began := time.Now()
	if err := receive(t, result); !errors.Is(err, ErrShuttingDown) {
		t.Error(err)
	}
	if waited := time.Since(began); waited > grantPatience*16 {
		t.Errorf("it waited for another %v", waited)
	}
	if stats := c.Stats(); stats.AbandonedInFlight != 1 {
		t.Errorf("%+v", stats)
	}
	close(release)
	eventually(t, "the unused grant is back", func() bool {
		_, _, _, buffers := session.Tally()
		return buffers == 0 && c.Stats().AbandonedInFlight == 0
	})
}

func TestExtentIsUnmappedWhenTheServerDropsIt(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	for round := range 3 {
		want := pattern(100_000 + round)
		reply, err := c.Call(testContext(t), "echo", want)
		if err != nil || !bytes.Equal(reply, want) {
			t.Fatalf("round %d: %d bytes, error %v", round, len(reply), err)
		}
		dropped := 0
		eventually(t, "both extents are empty", func() bool {
			dropped += session.DropExtents()
			return dropped == 2
		})
		eventually(t, "both extents are unmapped", func() bool { return len(c.extents.all()) == 0 })
	}
}

// TestCloseDuringCallsLeavesNothing closes while callers of every kind run, and
// then counts goroutines, descriptors and mappings.
func TestCloseDuringCallsLeavesNothing(t *testing.T) {
	server := start(t, fakeserver.Options{Credits: 8})
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	baseline := -1
	for round := range rounds {
		c, err := Dial(testContext(t), "unix://"+server.Path)
		if err != nil {
			t.Fatal(err)
		}
		session, err := server.Session()
		if err != nil {
			t.Fatal(err)
		}
		var callers sync.WaitGroup
		for caller := range 16 {
			callers.Add(1)
			go func() {
				defer callers.Done()
				payload := pattern([]int{10, 300, 70_000}[caller%3])
				for {
					ctx, cancel := context.WithTimeout(
						context.Background(), time.Duration(caller+1)*time.Millisecond,
					)
					reply, err := c.Call(ctx, "echo", payload)
					cancel()
					if errors.Is(err, net.ErrClosed) {
						return
					}
					if err == nil && !bytes.Equal(reply, payload) || err != nil &&
						!errors.Is(err, ErrTimeout) {
						t.Errorf("%d bytes, error %v", len(reply), err)
						return
					}
				}
			}()
		}
		eventually(t, "some calls have passed", func() bool {
			calls, _, _, _ := session.Tally()
			return calls > 20+round*10
		})
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		callers.Wait()
		if stats := c.Stats(); stats.InFlight != 0 || stats.AbandonedInFlight != 0 {
			t.Errorf("after Close: %+v", stats)
		}
		if c.watchers.Load() != 0 {
			t.Errorf("%d watchers after Close", c.watchers.Load())
		}
		if round == 0 {
			baseline = settledMappings(t, server)
		}
	}
	eventually(t, "mappings are back at the baseline", func() bool {
		return settledMappings(t, server) <= baseline
	})
}

// settledMappings counts this process's memfd mappings.
func settledMappings(t *testing.T, _ *fakeserver.Server) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), "memfd:")
}

func TestEndedSessionsLeaveNoGoroutineAndNoDescriptor(t *testing.T) {
	server := start(t, fakeserver.Options{})
	round := func(end func(*Conn, *fakeserver.Session)) {
		c, err := Dial(testContext(t), "unix://"+server.Path)
		if err != nil {
			t.Fatal(err)
		}
		session, err := server.Session()
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{10, 10_000} {
			if _, err := c.Call(testContext(t), "echo", make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
		end(c, session)
		receive(t, c.gone)
	}
	closeIt := func(c *Conn, _ *fakeserver.Session) { _ = c.Close() }
	hangUp := func(_ *Conn, session *fakeserver.Session) { session.HangUp() }
	round(closeIt) // whatever the runtime opens once
	round(hangUp)
	quiet := func() (int, int, int) {
		descriptors, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), len(descriptors), settledMappings(t, server)
	}
	var goroutines, descriptors, mappings int
	eventually(t, "the fake has ended its sessions", func() bool {
		goroutines, descriptors, mappings = quiet()
		return mappings == 0
	})
	for range 10 {
		round(closeIt)
		round(hangUp)
	}
	eventually(t, "all is as before", func() bool {
		g, d, m := quiet()
		return g <= goroutines && d <= descriptors && m <= mappings
	})
}
