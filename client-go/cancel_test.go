//go:build linux && (amd64 || arm64)

package outrigger

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

func TestDeadlineEndsTheCallAndTellsTheServer(t *testing.T) {
	for _, policy := range []WaitPolicy{WaitHybrid, WaitSpin, WaitBlock} {
		_, session, c := pair(t, fakeserver.Options{}, WithWait(policy))
		var err error
		// On a slow machine the deadline passes before anything is sent: again, with more.
		for short := 10 * time.Millisecond; c.Stats().Calls == 0 && short < patience; short *= 2 {
			ctx, cancel := context.WithTimeout(context.Background(), short)
			_, err = c.Call(ctx, "never", nil)
			cancel()
		}
		if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) ||
			!errors.Is(
				err, os.ErrDeadlineExceeded,
			) || err.Error() != "outrigger: timeout: operation timed out" {
			t.Error(err)
		}
		eventually(t, "the cancel has arrived and the late reply is read", func() bool {
			_, cancels, _, _ := session.Tally()
			stats := c.Stats()
			return cancels == 1 && stats.LateReplies == 1 && stats.AbandonedInFlight == 0 &&
				stats.InFlight == 0
		})
	}
}

func TestCancelEndsTheCallAtOnceAndKeepsItsCredit(t *testing.T) {
	calls := make(chan *fakeserver.Call, 1)
	_, session, c := pair(t, fakeserver.Options{Credits: 1, Handlers: map[string]fakeserver.Handler{
		"keep": func(call *fakeserver.Call) { calls <- call },
		"echo": func(call *fakeserver.Call) { call.Reply(call.Payload) },
	}})
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, "keep", nil)
		result <- err
	}()
	call := receive(t, calls)
	cancel()
	if err := receive(t, result); !errors.Is(err, ErrCancelled) ||
		!errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if stats := c.Stats(); stats.AbandonedInFlight != 1 || stats.InFlight != 1 {
		t.Errorf("before the late reply: %+v", stats)
	}
	// The one credit is in use until then: a call waits for it, within its context.
	short, cancelShort := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancelShort()
	if _, err := c.Call(short, "echo", nil); !errors.Is(err, ErrTimeout) {
		t.Errorf("without a credit: %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := c.Call(testContext(t), "echo", nil)
		waiting <- err
	}()
	eventually(t, "it waits for a credit", func() bool { return c.room.waiters.Load() == 1 })
	call.Reply(pattern(10))
	if err := receive(t, waiting); err != nil {
		t.Errorf("with the credit of the late reply: %v", err)
	}
	if stats := c.Stats(); stats.LateReplies != 1 || stats.CreditWaits != 2 || stats.InFlight != 0 {
		t.Errorf("after the late reply: %+v", stats)
	}
	if calls, cancels, peak, _ := session.Tally(); calls != 2 || cancels != 1 || peak != 1 {
		t.Errorf("%d calls, %d cancels, %d at once", calls, cancels, peak)
	}
}

func TestLateLargeReplyGoesBackToTheServer(t *testing.T) {
	calls := make(chan *fakeserver.Call, 1)
	_, session, c := pair(t, fakeserver.Options{Handlers: map[string]fakeserver.Handler{
		"keep": func(call *fakeserver.Call) { calls <- call },
	}})
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, "keep", make([]byte, 9000))
		result <- err
	}()
	call := receive(t, calls)
	cancel()
	if err := receive(t, result); !errors.Is(err, ErrCancelled) {
		t.Error(err)
	}
	call.Reply(make([]byte, 9000))
	eventually(t, "the lent buffer is back", func() bool {
		_, _, _, buffers := session.Tally()
		stats := c.Stats()
		return buffers == 0 && stats.LateReplies == 1 && stats.BuffersHeld == 0 &&
			stats.InFlight == 0
	})
}

func TestProgressIsNoAnswer(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{Handlers: map[string]fakeserver.Handler{
		"slow": func(call *fakeserver.Call) {
			call.Progress()
			call.Progress()
			call.Reply([]byte("done"))
		},
	}})
	if reply, err := c.Call(testContext(t), "slow", nil); err != nil || string(reply) != "done" {
		t.Errorf("%q, error %v", reply, err)
	}
}

func TestPositionsInRepliesAreEnoughToNeverFillARing(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{
		Credits: 1, Tamper: fakeserver.Tamper{HidePosition: true},
	})
	for i := range 300 {
		ctx, cancel := context.WithTimeout(
			context.Background(), time.Duration(i%4)*50*time.Microsecond,
		)
		if i%4 == 3 {
			cancel()
			ctx, cancel = context.WithTimeout(context.Background(), patience)
		}
		_, err := c.Call(ctx, []string{"never", "echo"}[i%4/3], nil)
		cancel()
		if err != nil && !errors.Is(err, ErrTimeout) {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

// TestCancelsAtAnyMomentLeaveNothingBehind races replies with deadlines.
func TestCancelsAtAnyMomentLeaveNothingBehind(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{Lanes: 2, Credits: 4})
	ends := make(chan error, 16)
	for caller := range 16 {
		go func() {
			size := []int{10, 5000}[caller%2]
			for i := range 100 {
				ctx, cancel := context.WithTimeout(
					context.Background(), time.Duration(i*caller)*time.Microsecond,
				)
				_, err := c.Call(ctx, "echo", make([]byte, size))
				cancel()
				if err != nil && !errors.Is(err, ErrTimeout) {
					ends <- err
					return
				}
			}
			ends <- nil
		}()
	}
	for range 16 {
		if err := receive(t, ends); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "everything is back", func() bool {
		stats := c.Stats()
		_, _, _, buffers := session.Tally()
		return stats.InFlight == 0 && stats.AbandonedInFlight == 0 && stats.BuffersHeld == 0 &&
			buffers == 0
	})
	if stats := c.Stats(); stats.Calls != stats.Replies+stats.LateReplies {
		t.Errorf("%+v", stats)
	}
}
