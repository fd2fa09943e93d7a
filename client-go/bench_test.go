//go:build linux && (amd64 || arm64)

package outrigger

import (
	"context"
	"fmt"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

// The server of these benchmarks is a fake one in another process that spins
// for a millisecond, so they say what this side costs. What a call costs is
// measured against the real server, in benches/.

// BenchmarkCallInto is one round trip after the other.
func BenchmarkCallInto(b *testing.B) {
	path := child(b)
	for _, size := range []int{32, 224, 4096, 1 << 20} {
		benchmarkCallInto(b, path, size)
	}
}

// BenchmarkCallIntoBare has a server that does nothing but echo. Compare it with
// BenchmarkRing: the difference is the software of a call.
func BenchmarkCallIntoBare(b *testing.B) {
	b.Setenv(bareEnv, "1")
	benchmarkCallInto(b, child(b), 32)
}

func benchmarkCallInto(b *testing.B, path string, size int) {
	for _, policy := range []struct {
		name string
		wait WaitPolicy
	}{{"spin", WaitSpin}, {"hybrid", WaitHybrid}, {"block", WaitBlock}} {
		b.Run(fmt.Sprintf("%s/%d", policy.name, size), func(b *testing.B) {
			c := dialTest(b, path, WithWait(policy.wait))
			payload, dst := pattern(size), make([]byte, size)
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.CallInto(ctx, "echo", payload, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRing uses the rings of a session without anything around them: it is
// the floor that the machine sets.
func BenchmarkRing(b *testing.B) {
	b.Setenv(bareEnv, "1")
	c := dialTest(b, child(b))
	l := c.lanes[0]
	c.token.Lock() // nobody else reads
	defer c.token.Unlock()
	payload, into := pattern(32), make([]byte, 32)
	correlation := uint64(0)
	for b.Loop() {
		correlation++
		header := abi.SlotHeader{Kind: abi.KindCall, Correlation: correlation}
		if err := l.requests.Stage(&header, payload); err != nil {
			b.Fatal(err)
		}
		if l.requests.Publish() {
			c.ringServer()
		}
		for !l.replies.Ready(l.replies.Position()) {
			ring.Pause()
		}
		if found, err := l.replies.Peek(&header); !found || err != nil ||
			header.Correlation != correlation {
			b.Fatal(found, err, header)
		}
		l.replies.Copy(into)
		l.replies.Release()
		if err := l.requests.Learn(header.Deadline); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSoftware is all that a call executes on this side, with both sides in
// one goroutine and so without a cache line moved. Half of it overlaps with the
// server's work in a real call.
func BenchmarkSoftware(b *testing.B) {
	_, session, c := pair(b, fakeserver.Options{Bare: true, Manual: true}, WithWait(WaitSpin))
	payload, dst := pattern(32), make([]byte, 32)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for b.Loop() {
		r, err := c.seat(ctx, methodKey{name: "echo"}, nil)
		if err != nil {
			b.Fatal(err)
		}
		header := abi.SlotHeader{
			Kind: abi.KindCall, Method: r.last.id, Correlation: r.correlation,
			Deadline: c.clock.deadlineNs(ctx),
		}
		if err := c.send(ctx, r, &header, payload, nil); err != nil {
			b.Fatal(err)
		}
		session.Work()
		v := c.waitReading(r, r.lane.replies, ctx.Done(), nil)
		if v != answered && v != readIt {
			b.Fatal("no answer")
		}
		if _, err := c.collect(r, dst, v == readIt); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCallIntoParallel has more callers than processors.
func BenchmarkCallIntoParallel(b *testing.B) {
	for _, callers := range []int{2, 8, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			b.Setenv(bareEnv, "1")
			c := dialTest(b, child(b))
			b.ReportAllocs()
			b.SetParallelism(callers / 2)
			b.RunParallel(func(pb *testing.PB) {
				payload, dst := pattern(32), make([]byte, 32)
				for pb.Next() {
					_, err := c.CallInto(context.Background(), "echo", payload, dst)
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
