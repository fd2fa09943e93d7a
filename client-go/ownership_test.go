//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What becomes of buffers, seen from the server's books: outrigger.sessions tells them.

// stormEnv makes the test binary a client of the sidecar at that path, which calls
// until it is killed.
const stormEnv = "OUTRIGGER_TEST_STORM"

// sessionBooks is what is asked of one session in outrigger.sessions.
type sessionBooks struct {
	Session                     uint64
	Granted, Held, Filled, Lent struct{ Buffers, Bytes uint64 }
	InStock                     uint64 `json:"in_stock"`
	Extents                     uint64
}

// books asks the server what the sessions of all its clients have. The session that
// asks has a buffer for the answer.
func books(t *testing.T, c *Conn) (all []sessionBooks) {
	t.Helper()
	if err := c.CallJSON(context.Background(), "outrigger.sessions", nil, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// storm makes calls of all sizes, in place and copied, from some goroutines.
func storm(c *Conn, goroutines, calls int) error {
	ends := make(chan error, goroutines)
	for range goroutines {
		go func() { ends <- stormOne(c, calls) }()
	}
	for range goroutines {
		if err := <-ends; err != nil {
			return err
		}
	}
	return nil
}

func stormOne(c *Conn, calls int) error {
	ctx := context.Background()
	source := pattern(1 << 18)
	ways := []func(context.Context, *Conn, []byte) error{echoCopied, echoInPlace, echoAttached}
	for range calls {
		value := source[:rand.IntN(1<<rand.IntN(19))]
		if err := ways[rand.IntN(len(ways))](ctx, c, value); err != nil {
			return err
		}
	}
	return nil
}

func echoCopied(ctx context.Context, c *Conn, value []byte) error {
	reply, err := c.Call(ctx, "outrigger.echo", value)
	if err != nil || !bytes.Equal(reply, value) {
		return fmt.Errorf("%d bytes copied: %d, %w", len(value), len(reply), err)
	}
	return nil
}

func echoInPlace(ctx context.Context, c *Conn, value []byte) error {
	request, err := c.FromBytes(ctx, value)
	if err != nil {
		return err
	}
	reply, err := c.CallBuffer(ctx, "outrigger.echo", request)
	defer reply.Release()
	if err != nil || !bytes.Equal(reply.Bytes(), value) {
		return fmt.Errorf("%d bytes in place: %d, %w", len(value), reply.Len(), err)
	}
	return nil
}

func echoAttached(ctx context.Context, c *Conn, value []byte) error {
	buffers, err := c.AllocAll(ctx, len(value), len(value)/2)
	if err != nil {
		return err
	}
	var attached Attachments
	defer attached.Release()
	for _, b := range buffers {
		copy(b.Bytes(), value)
		_ = attached.Add(b)
	}
	reply, err := c.CallAttached(ctx, "test.bulk", bufferOf([]byte("back yes")), &attached)
	defer reply.Release()
	if err != nil || string(reply.Bytes()) != "yes" || attached.Len() != 2 ||
		!bytes.Equal(attached.At(0).Bytes(), value) {
		return fmt.Errorf("%d bytes attached: %d, %w", len(value), attached.At(0).Len(), err)
	}
	return nil
}

// stormInChild is the life of a client that is killed.
func stormInChild(path string) {
	c, err := Dial(context.Background(), "unix://"+path)
	if err == nil {
		fmt.Println("calling")
		err = storm(c, 4, 1<<30)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestFB_01_AndFB_05_TheServersBooksAreAtTheirBaselineInTheEnd(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c, observer := s.dial(t), s.dial(t)
		if err := storm(c, 8, 1250); err != nil {
			t.Fatal(err)
		}
		const forgotten = 1000
		for range forgotten {
			_ = alloc(t, c, large)
		}
		eventually(t, "the forgotten buffers are reclaimed", func() bool {
			runtime.GC()
			return c.Stats().BuffersReclaimed == forgotten
		})
		eventually(t, "nobody has a buffer, and nothing is kept for one", func() bool {
			idle := sessionBooks{Session: c.epoch}
			return slices.Contains(books(t, observer), idle) && c.Stats().BuffersHeld == 0
		})
		stats := c.Stats()
		fmt.Printf("10 000 mixed calls, %d forgotten buffers: %d asked for, %d bytes in, %d out\n",
			forgotten, stats.Allocs, stats.CopiedIn, stats.CopiedOut)
	})
}

func TestFB_01_AHundredKilledClientsLeaveNothing(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		const rounds, settled = 100, 20
		var before, after map[string]int
		for round := range rounds {
			killOne(t, s.path)
			if round+1 == settled || round+1 == rounds {
				eventually(t, "only this session is left", func() bool {
					return len(books(t, c)) == 1
				})
				before, after = after, leastResident(t, s.cmd.Process.Pid)
			}
		}
		fmt.Printf("the server's memory after %d killed clients: %v KiB, after %d: %v KiB\n",
			settled, before, rounds, after)
		for kind, kib := range after {
			if growth := kib - before[kind]; growth > 16<<10 {
				t.Errorf("%s grew by %d KiB", kind, growth)
			}
		}
	})
}

func TestAnIdleSessionTakesLittleMemory(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		const sessions, goal = 10, 256
		s.dial(t)
		before := leastResident(t, s.cmd.Process.Pid)
		for range sessions {
			c := s.dial(t)
			if _, err := c.Call(testContext(t), "outrigger.echo", []byte("once")); err != nil {
				t.Fatal(err)
			}
		}
		after := leastResident(t, s.cmd.Process.Pid)
		each := map[string]int{}
		for kind, kib := range after {
			each[kind] = (kib - before[kind]) / sessions
		}
		fmt.Printf("an idle session: %v KiB of the server's memory (goal: below %d)\n", each, goal)
		if kib := each["RssShmem"]; kib == 0 || kib >= goal {
			t.Errorf("%d KiB of shared memory", kib)
		}
	})
}

// killOne starts a client and kills it in the middle of its calls.
func killOne(t *testing.T, path string) {
	t.Helper()
	client := another()
	client.Env = append(os.Environ(), stormEnv+"="+path)
	out, err := client.StdoutPipe()
	if err == nil {
		err = client.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "calling\n" {
		t.Errorf("the client says %q, %v", line, err)
	}
	time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
	_ = client.Process.Kill()
	_ = client.Wait() // killed
}

// leastResident returns the least of what a process has resident in half a second: what
// a session had goes soon after it, not with it.
func leastResident(t *testing.T, pid int) map[string]int {
	t.Helper()
	least := residentOf(t, pid)
	for range 10 {
		time.Sleep(50 * time.Millisecond)
		for kind, kib := range residentOf(t, pid) {
			least[kind] = min(least[kind], kib)
		}
	}
	return least
}

// residentOf returns a process's resident memory in KiB: its own, and what it shares.
func residentOf(t *testing.T, pid int) map[string]int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory := map[string]int{}
	for line := range strings.Lines(string(status)) {
		for _, kind := range []string{"RssAnon", "RssShmem"} {
			if rest, ok := strings.CutPrefix(line, kind+":"); ok {
				memory[kind] = atoi([]byte(strings.Trim(rest, " \tkB\n")))
			}
		}
	}
	return memory
}

func TestSM_10_ManyCallersShareTwoLanesAndAFewBuffersAndNobodyWaitsForEver(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t, WithLanes(2))
		var callers sync.WaitGroup
		for range 64 {
			callers.Go(func() {
				for range 20 {
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					request, err := c.FromBytes(ctx, pattern(1<<20))
					var reply Buffer
					if err == nil {
						reply, err = c.CallBuffer(ctx, "outrigger.echo", request)
					}
					if err != nil || reply.Len() != 1<<20 {
						t.Errorf("%d bytes, %v", reply.Len(), err)
					}
					reply.Release()
					cancel()
				}
			})
		}
		callers.Wait()
		if held := c.Stats().BuffersHeld; held != 0 {
			t.Errorf("%d buffers held", held)
		}
	})
}
