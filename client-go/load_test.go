//go:build linux && (amd64 || arm64)

package outrigger

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

func TestTenThousandCallersNeedFewThreads(t *testing.T) {
	callers := 10_000
	if testing.Short() {
		callers = 1000
	}
	_, session, c := pair(t, fakeserver.Options{Credits: 64})
	ends := make(chan error, callers)
	for range callers {
		go func() {
			_, err := c.Call(context.Background(), "echo", []byte("x"))
			ends <- err
		}()
	}
	most := 0
	for range callers {
		if err := receive(t, ends); err != nil {
			t.Fatal(err)
		}
		if len(ends) == 0 {
			most = max(most, threads(t))
		}
	}
	if most = max(most, threads(t)); most >= 50 {
		t.Errorf("%d threads (maximum 49)", most)
	}
	calls, _, peak, _ := session.Tally()
	if calls != callers || peak > 64 {
		t.Errorf("%d calls arrived, %d at once", calls, peak)
	}
}

func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "Threads:\t")
	text, _, _ := strings.Cut(rest, "\n")
	count, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestOneProcessorNeverSpins(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	_, _, c := pair(t, fakeserver.Options{}, WithWait(WaitSpin))
	for range 100 {
		if _, err := c.Call(testContext(t), "echo", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if stats := c.Stats(); stats.Sleeps == 0 || stats.SpinsLost != 0 {
		t.Errorf("%+v", stats)
	}
}

// TestCallIntoAllocatesNothing counts the allocations of this process while a
// fake server in another one answers; with one processor, where callers sleep,
// and with all, where they spin.
func TestCallIntoAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Log("not run: the race detector allocates")
		return
	}
	path := child(t)
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	deadline, cancelDeadline := context.WithTimeout(context.Background(), time.Hour)
	defer cancelDeadline()
	for _, policy := range []WaitPolicy{WaitHybrid, WaitSpin, WaitBlock} {
		c := dialTest(t, path, WithWait(policy))
		for name, ctx := range map[string]context.Context{
			"background": context.Background(), "cancellable": cancellable, "deadline": deadline,
		} {
			for _, size := range []int{0, 32, 224, 100_000} {
				payload, dst := pattern(size), make([]byte, size)
				call := func() {
					if _, err := c.CallInto(ctx, "echo", payload, dst); err != nil {
						t.Fatal(err)
					}
				}
				if allocations := testing.AllocsPerRun(100, call); allocations != 0 {
					t.Errorf(
						"policy %d, %s, %d bytes, asleep: %v allocations", policy, name, size,
						allocations,
					)
				}
				if allocations := allocationsPerRun(200, call); allocations != 0 {
					t.Errorf(
						"policy %d, %s, %d bytes: %v allocations", policy, name, size,
						allocations,
					)
				}
			}
		}
	}
}

// allocationsPerRun is testing.AllocsPerRun without setting GOMAXPROCS to 1.
func allocationsPerRun(runs int, call func()) int {
	call()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		call()
	}
	runtime.ReadMemStats(&after)
	return int(after.Mallocs-before.Mallocs) / runs
}
