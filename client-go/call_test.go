//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

// sizes are those around every border: none, a slot, a page, several extents.
var sizes = []int{0, 1, 31, 32, 192, 223, 224, 225, 4095, 4096, 4097, 65536, 1 << 20, 5<<20 + 3}

func pattern(size int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i*7 + i>>8)
	}
	return payload
}

func TestEveryPayloadSizeComesBackFB18(t *testing.T) {
	for _, policy := range []WaitPolicy{WaitHybrid, WaitSpin, WaitBlock} {
		_, session, c := pair(t, fakeserver.Options{}, WithWait(policy))
		for _, size := range sizes {
			payload := pattern(size)
			reply, err := c.Call(testContext(t), "echo", payload)
			if err != nil || !bytes.Equal(reply, payload) {
				t.Fatalf(
					"policy %d, %d bytes: %d bytes back, error %v", policy, size, len(reply),
					err,
				)
			}
		}
		eventually(t, "all buffers are back", func() bool {
			_, _, _, buffers := session.Tally()
			return buffers == 0 && c.Stats().BuffersHeld == 0
		})
		if stats := c.Stats(); stats.InFlight != 0 || stats.BeltDefects != 0 {
			t.Errorf("policy %d: %+v", policy, stats)
		}
	}
}

func TestNoValueAndZeroLengthAreToldApartFB07(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{})
	reply, err := c.Call(testContext(t), "echo", nil)
	if err != nil || reply != nil {
		t.Errorf("no value: %v, error %v", reply, err)
	}
	reply, err = c.Call(testContext(t), "echo", []byte{})
	if err != nil || reply == nil || len(reply) != 0 {
		t.Errorf("zero length: %v, error %v", reply, err)
	}
	reply, err = c.CallInto(testContext(t), "echo", []byte{}, make([]byte, 3))
	if err != nil || reply == nil || len(reply) != 0 {
		t.Errorf("zero length into a slice: %v, error %v", reply, err)
	}
}

func TestCallIntoReplacesWhatTheSliceHeld(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{})
	dst := []byte("before")
	reply, err := c.CallInto(testContext(t), "echo", []byte("after"), dst)
	if err != nil || string(reply) != "after" || &reply[0] != &dst[0] {
		t.Errorf("%q, error %v", reply, err)
	}
	reply, err = c.CallInto(testContext(t), "echo", pattern(300), dst)
	if err != nil || !bytes.Equal(reply, pattern(300)) {
		t.Errorf("grown: %d bytes, error %v", len(reply), err)
	}
}

func TestServerErrorsKeepCodeAndText(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{})
	for _, test := range []struct {
		method   string
		sentinel error
		text     string
	}{
		{"nope", ErrNotFound, "outrigger: not_found: not found: nope"},
		{"fail", ErrHandler, "outrigger: handler_error: handler error: why"},
		{"panic", ErrPanic, "outrigger: panic: panic caught at FFI boundary: kaboom"},
	} {
		_, err := c.Call(testContext(t), test.method, []byte("why"))
		if !errors.Is(err, test.sentinel) || err.Error() != test.text {
			t.Errorf("%s: %v", test.method, err)
		}
	}
}

func TestMethodNamesAreCheckedBeforeAnythingIsSentFB13(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{MethodsMax: 1})
	for _, test := range []struct {
		method, text string
	}{
		{"", "outrigger: null_pointer: null pointer received"},
		{string(bytes.Repeat([]byte("n"), 256)),
			"outrigger: invalid_argument: invalid argument: " +
				"method name of 256 bytes (maximum 255)"},
		{"\xff", "outrigger: invalid_utf8: invalid UTF-8 in method name"},
	} {
		if _, err := c.Call(testContext(t), test.method, nil); err == nil ||
			err.Error() != test.text {
			t.Errorf("%.10q: %v", test.method, err)
		}
	}
	if _, err := c.Call(testContext(t), "echo", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(testContext(t), "second", nil); !errors.Is(err, ErrResourceExhausted) {
		t.Errorf("method beyond the limit: %v", err)
	}
	if calls, _, _, _ := session.Tally(); calls != 1 {
		t.Errorf("%d calls arrived, want 1", calls)
	}
}

func TestPayloadAboveTheLimitSendsNothing(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{PayloadMax: 5000})
	_, err := c.Call(testContext(t), "echo", make([]byte, 5001))
	want := "outrigger: buffer_too_small: buffer too small: need 5001 bytes, have 5000"
	if !errors.Is(err, ErrBufferTooSmall) || err.Error() != want {
		t.Error(err)
	}
	if reply, err := c.Call(testContext(t), "echo", make([]byte, 5000)); err != nil ||
		len(reply) != 5000 {
		t.Errorf("payload at the limit: %d bytes, error %v", len(reply), err)
	}
	if calls, _, _, _ := session.Tally(); calls != 1 {
		t.Errorf("%d calls arrived, want 1", calls)
	}
}

func TestRefusedGrantIsAnErrorOfThatCallOnly(t *testing.T) {
	for code, sentinel := range map[abi.Code]error{
		abi.CodeResourceExhausted: ErrResourceExhausted,
		abi.CodeBufferTooSmall:    ErrBufferTooSmall,
	} {
		_, _, c := pair(t, fakeserver.Options{Tamper: fakeserver.Tamper{RefuseGrants: code}})
		_, err := c.Call(testContext(t), "echo", make([]byte, 5000))
		if !errors.Is(err, sentinel) {
			t.Errorf("%v: %v", code, err)
		}
		if _, err := c.Call(testContext(t), "echo", []byte("small")); err != nil {
			t.Errorf("small call after a refused grant: %v", err)
		}
	}
}

func TestContextThatIsDoneSendsNothing(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Call(ctx, "echo", nil); !errors.Is(err, ErrCancelled) ||
		!errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ctx, cancel = context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := c.Call(ctx, "echo", nil); !errors.Is(err, ErrTimeout) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if calls, _, _, _ := session.Tally(); calls != 0 {
		t.Errorf("%d calls arrived, want 0", calls)
	}
}

func TestDeadlineTravelsInTheServersClock(t *testing.T) {
	headers := make(chan abi.SlotHeader, 2)
	_, _, c := pair(t, fakeserver.Options{Handlers: map[string]fakeserver.Handler{
		"look": func(call *fakeserver.Call) { headers <- call.Header; call.Reply(nil) },
	}})
	if _, err := c.Call(context.Background(), "look", nil); err != nil {
		t.Fatal(err)
	}
	if header := receive(t, headers); header.Deadline != 0 {
		t.Errorf("deadline %d without one in the context", header.Deadline)
	}
	before := c.clock.baseNs + int64(c.clock.now())
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if _, err := c.Call(ctx, "look", nil); err != nil {
		t.Fatal(err)
	}
	after := c.clock.baseNs + int64(c.clock.now())
	deadline := int64(receive(t, headers).Deadline) - int64(time.Hour)
	if deadline < before || deadline > after {
		t.Errorf("deadline an hour after %d (allowed: %d to %d)", deadline, before, after)
	}
}

func TestManyCallersShareOneSession(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{Lanes: 4, Credits: 4})
	const callers, each = 32, 100
	failures := make(chan error, callers)
	for caller := range callers {
		go func() {
			for i := range each {
				want := pattern(1 + (caller*each+i)%400)
				reply, err := c.Call(testContext(t), "echo", want)
				if err != nil || !bytes.Equal(reply, want) {
					failures <- fmt.Errorf(
						"caller %d, call %d: %d bytes, %w", caller, i, len(reply), err,
					)
					return
				}
			}
			failures <- nil
		}()
	}
	for range callers {
		if err := receive(t, failures); err != nil {
			t.Error(err)
		}
	}
	calls, _, peak, _ := session.Tally()
	if calls != callers*each || peak > 16 {
		t.Errorf("%d calls arrived (want %d), %d at once (maximum 16)", calls, callers*each, peak)
	}
	if stats := c.Stats(); stats.Calls != callers*each || stats.Replies != callers*each ||
		stats.InFlight != 0 {
		t.Errorf("%+v", stats)
	}
}
