//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Promises kept by the Go client and the Rust server together.

func TestFB18EveryLengthComesBackAndEmptyIsNotNone(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		ctx := context.Background()
		for _, length := range []int{0, 1, 32, 224, 225, 4096, 4097, 65536, 1 << 20, 64 << 20} {
			payload := make([]byte, length)
			for i := range payload {
				payload[i] = byte(i * 31)
			}
			reply, err := c.Call(ctx, "outrigger.echo", payload)
			if err != nil || reply == nil || !bytes.Equal(reply, payload) {
				t.Fatalf("%d bytes: %d came back, %v", length, len(reply), err)
			}
		}
		if reply, err := c.Call(ctx, "outrigger.echo", nil); reply != nil || err != nil {
			t.Errorf("no value: %v, %v", reply, err)
		}
		_, err := c.Call(ctx, "outrigger.echo", make([]byte, 64<<20+1))
		text := "outrigger: buffer_too_small: buffer too small: need 67108865 bytes, have 67108864"
		if err == nil || err.Error() != text {
			t.Errorf("%v", err)
		}
	})
}

func TestFB11FB13US19AndP1ToP5ErrorsCrossUnchangedAndTheNextCallWorks(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		ctx := context.Background()
		panicked := "panic caught at FFI boundary: "
		for _, test := range []struct {
			method, payload string
			is              error
			message         string
		}{
			{"nope", "", ErrNotFound, "not found: nope"},
			{"", "", ErrNullPointer, "null pointer received"},
			{"\xff\xfe", "", ErrInvalidUTF8, "invalid UTF-8 in method name"},
			{"test.panic", "kaboom", ErrPanic, panicked + "kaboom"},
			{"test.panic", "number", ErrPanic, panicked + "unknown panic payload"},
			{"test.panic", "bomb", ErrPanic, panicked + "unknown panic payload"},
			{"test.poison", "break", ErrPanic, ""},
			{"test.poison", "", ErrLockPoisoned, "mutex lock is poisoned"},
			{"test.fail", "6 operation timed out", context.DeadlineExceeded, "operation timed out"},
			{"test.fail", "21 ", ErrHandler, "unknown error"},
			{"test.json.sum", `{"a":1,"b":2}`, ErrSerialization, ""},
		} {
			_, err := c.Call(ctx, test.method, []byte(test.payload))
			var failed *Error
			if !errors.Is(err, test.is) || !errors.As(err, &failed) {
				t.Fatalf("%s(%s): %v", test.method, test.payload, err)
			}
			if test.message != "" && failed.Message != test.message {
				t.Errorf("%s(%s): %q", test.method, test.payload, failed.Message)
			}
			if reply, err := c.Call(ctx, "outrigger.echo", []byte("x")); string(reply) != "x" {
				t.Fatalf("after %s: %v", test.method, err)
			}
		}
		long := strings.Repeat("long ", 100)
		_, err := c.Call(ctx, "test.fail", []byte("21 "+long))
		var failed *Error
		if !errors.As(err, &failed) || failed.Message != long {
			t.Errorf("a message longer than a slot: %v", err)
		}
	})
}

func TestFB16AndFB17JSONGoesInAndOutAndBadJSONCallsNothing(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		ctx := context.Background()
		type pair struct {
			A int64 `json:"a"`
			B int64 `json:"b"`
		}
		var sum, before, after int64
		if err := c.CallJSON(ctx, "test.json.sum", pair{40, 2}, &sum); err != nil || sum != 42 {
			t.Fatal(sum, err)
		}
		if err := c.CallJSON(ctx, "test.json.sums", nil, &before); err != nil {
			t.Fatal(err)
		}
		err := c.CallJSON(ctx, "test.json.sum", "no pair", &sum)
		if !errors.Is(err, ErrSerialization) || !strings.Contains(err.Error(), "invalid type") {
			t.Errorf("%v", err)
		}
		if err := c.CallJSON(ctx, "test.json.sums", nil, &after); err != nil || after != before {
			t.Errorf("handler called: %d, %d, %v", before, after, err)
		}
	})
}

func TestFB19TheVersionIsTheServers(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		version, err := c.Call(context.Background(), "outrigger.version", nil)
		if err != nil || string(version) != c.Version() || c.Version() == "" {
			t.Errorf("%q, %q, %v", version, c.Version(), err)
		}
	})
}

func TestDeadlineAndCancelReachTheHandler(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		_, err := c.Call(ctx, "test.until_cancelled", nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := c.Call(ctx, "test.until_cancelled", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("cancel: %v", err)
		}
		// The handler runs for a minute unless it is told.
		eventually(t, "both handlers have ended", func() bool { return c.Stats().InFlight == 0 })
	})
}

func TestDeathOfTheServerEndsEveryCallInFlight(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		ends := make(chan error)
		for range 8 {
			go func() {
				_, err := c.Call(context.Background(), "test.sleep", []byte("60000"))
				ends <- err
			}()
		}
		eventually(t, "all calls are in flight", func() bool { return c.Stats().InFlight == 8 })
		s.signal(t, syscall.SIGKILL)
		for range 8 {
			if err := receive(t, ends); !errors.Is(err, ErrPeerGone) ||
				!errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v", err)
			}
		}
		_, err := c.Call(context.Background(), "outrigger.echo", nil)
		if !errors.Is(err, ErrPeerGone) {
			t.Errorf("later: %v", err)
		}
	}, "--workers", "8")
}

func TestSIGTERMLetsCallsInFlightEnd(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		if _, err := c.Call(context.Background(), "test.sleep", []byte("0")); err != nil {
			t.Fatal(err)
		}
		ends := make(chan error)
		go func() {
			_, err := c.Call(context.Background(), "test.sleep", []byte("300"))
			ends <- err
		}()
		eventually(t, "the call is in flight", func() bool { return c.Stats().InFlight == 1 })
		s.signal(t, syscall.SIGTERM)
		eventually(t, "new calls are refused", func() bool {
			_, err := c.Call(context.Background(), "outrigger.echo", nil)
			return errors.Is(err, ErrShuttingDown)
		})
		if err := receive(t, ends); err != nil {
			t.Errorf("the call in flight: %v", err)
		}
	})
}

func TestNothingIsAllocatedPerCallOnBothSides(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates
	}
	withSidecar(t, func(t *testing.T, s *sidecar) {
		const rounds = 2000
		c := s.dial(t)
		cancellable, cancel := context.WithCancel(context.Background())
		defer cancel()
		timed, cancelTimed := context.WithTimeout(context.Background(), time.Hour)
		defer cancelTimed()
		payload, dst := make([]byte, 32), make([]byte, 0, 64)
		contexts := []context.Context{context.Background(), cancellable, timed}
		for _, method := range []string{"outrigger.echo"} {
			for _, ctx := range contexts {
				call := func() {
					if _, err := c.CallInto(ctx, method, payload, dst); err != nil {
						t.Fatal(err)
					}
				}
				call()
				before := s.process(t, c)
				perProcess := before.Allocations
				between := s.process(t, c).Allocations - perProcess
				if allocs := testing.AllocsPerRun(rounds, call); allocs != 0 {
					t.Errorf("Go allocates %v times per call", allocs)
				}
				start := perProcess + between
				if grown := s.process(t, c).Allocations - start; grown > 2*between {
					t.Errorf("%d calls: Rust allocated %d times, a question alone %d",
						rounds, grown, between)
				}
			}
		}
	})
}

func TestNothingIsLeftAfterMixedCallsAndManyConnects(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		baseline := s.process(t, c)
		goroutines := runtime.NumGoroutine()
		for range 100 {
			other, err := Dial(context.Background(), "unix://"+s.path, WithLanes(2))
			if err != nil {
				t.Fatal(err)
			}
			mixedCalls(t, other)
			if held := other.Stats().BuffersHeld; held != 0 {
				t.Errorf("%d buffers held", held)
			}
			if err := other.Close(); err != nil {
				t.Error(err)
			}
			_, err = other.Call(context.Background(), "outrigger.echo", nil)
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
		eventually(t, "the server is back at its baseline", func() bool {
			now := s.process(t, c)
			now.Allocations = baseline.Allocations
			// It keeps segments of ended sessions for this process's next ones: at most 64
			// pairs, each of two descriptors and two mappings.
			kept := now.SharedMappings - baseline.SharedMappings
			now.SharedMappings -= kept
			now.Descriptors -= kept
			return now == baseline && kept >= 0 && kept <= 128
		})
		eventually(t, "so are goroutines", func() bool {
			return runtime.NumGoroutine() <= goroutines
		})
		if defects := c.Stats().BeltDefects; defects != 0 {
			t.Errorf("%d lost wake-ups", defects)
		}
	})
}

// mixedCalls makes 100 calls of all kinds from 4 goroutines.
func mixedCalls(t *testing.T, c *Conn) {
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for round := range 25 {
				payload := bytes.Repeat([]byte{byte(caller)}, round*round*10)
				reply, err := c.Call(context.Background(), "outrigger.echo", payload)
				if err != nil || !bytes.Equal(reply, payload) {
					t.Errorf("%d bytes: %v", len(payload), err)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if _, err := c.Call(ctx, "test.until_cancelled", nil); !errors.Is(err, ErrTimeout) {
				t.Errorf("too late: %v", err)
			}
			size := fmt.Sprint(100_000 + caller)
			reply, err := c.Call(context.Background(), "test.pattern", []byte(size))
			if err != nil || fmt.Sprint(len(reply)) != size {
				t.Errorf("pattern: %d bytes, %v", len(reply), err)
			}
		})
	}
	callers.Wait()
}

func TestOneProcessorWorksUnderEveryPolicy(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		for _, policy := range []WaitPolicy{WaitSpin, WaitHybrid, WaitBlock} {
			mixedCalls(t, s.dial(t, WithWait(policy)))
		}
	})
}
