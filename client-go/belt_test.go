//go:build linux && (amd64 || arm64)

package outrigger

import (
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

func TestBeltFindsAReplyThatNobodyRangForAndCountsIt(t *testing.T) {
	calls := make(chan *fakeserver.Call, 1)
	_, _, c := pair(t, fakeserver.Options{
		Tamper: fakeserver.Tamper{Mute: true},
		Handlers: map[string]fakeserver.Handler{
			"keep": func(call *fakeserver.Call) { calls <- call },
		},
	}, WithWait(WaitBlock))
	result := make(chan error, 1)
	go func() {
		_, err := c.Call(testContext(t), "keep", pattern(10))
		result <- err
	}()
	call := receive(t, calls)
	eventually(t, "the caller sleeps", func() bool { return c.Stats().Sleeps == 1 })
	call.Reply(nil)
	if err := receive(t, result); err != nil {
		t.Fatal(err)
	}
	if stats := c.Stats(); stats.BeltDefects != 1 {
		t.Errorf("%+v", stats)
	}
}

func TestBeltRingsForARequestThatLiesUnread(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{Manual: true}, WithWait(WaitBlock))
	result := make(chan error, 1)
	go func() {
		_, err := c.Call(testContext(t), "echo", pattern(10))
		result <- err
	}()
	eventually(t, "the first ring and the belt's", func() bool { return c.Stats().Bells >= 2 })
	session.Work()
	if err := receive(t, result); err != nil {
		t.Error(err)
	}
}

func TestBeltRunsOnlyWhileSomebodySleeps(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{}, WithWait(WaitBlock))
	enlisted := func() bool {
		belt.mu.Lock()
		defer belt.mu.Unlock()
		_, in := belt.sessions[c]
		return in
	}
	if enlisted() {
		t.Error("enlisted before any call")
	}
	if _, err := c.Call(testContext(t), "echo", nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session has left the belt", func() bool { return !enlisted() })
	if _, err := c.Call(testContext(t), "echo", nil); err != nil {
		t.Fatal(err)
	}
	if !enlisted() {
		t.Error("not enlisted anew")
	}
}
