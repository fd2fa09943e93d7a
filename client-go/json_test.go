//go:build linux && (amd64 || arm64)

package outrigger

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

func TestCallJSONWrapsEachStepFB17(t *testing.T) {
	codecs := make(chan uint8, 8)
	_, _, c := pair(t, fakeserver.Options{Handlers: map[string]fakeserver.Handler{
		"echo": func(call *fakeserver.Call) {
			codecs <- call.Header.Codec
			call.Reply(call.Payload)
		},
		"none":  func(call *fakeserver.Call) { call.Reply(nil) },
		"empty": func(call *fakeserver.Call) { call.Reply([]byte{}) },
		"bad":   func(call *fakeserver.Call) { call.Reply([]byte(`{"a":`)) },
		"fail": func(call *fakeserver.Call) {
			call.Fail(abi.CodeSerialization, "serialization error: EOF")
		},
	}})
	type message struct{ Text string }
	var got message
	if err := c.CallJSON(testContext(t), "echo", message{"hallo"}, &got); err != nil ||
		got.Text != "hallo" {
		t.Errorf("%+v, error %v", got, err)
	}
	if codec := receive(t, codecs); codec != abi.CodecJson {
		t.Errorf("codec %d", codec)
	}
	if err := c.CallJSON(testContext(t), "empty", 1, nil); err != nil {
		t.Errorf("discarded: %v", err)
	}
	var unsupported *json.UnsupportedTypeError
	err := c.CallJSON(testContext(t), "echo", make(chan int), &got)
	if !errors.As(err, &unsupported) ||
		err.Error() != "outrigger: serialize request: json: unsupported type: chan int" {
		t.Error(err)
	}
	for _, method := range []string{"none", "empty"} {
		err = c.CallJSON(testContext(t), method, 1, &got)
		if err == nil || err.Error() != `outrigger: empty response from "`+method+`"` {
			t.Error(err)
		}
	}
	err = c.CallJSON(testContext(t), "bad", 1, &got)
	if err == nil ||
		err.Error() != "outrigger: deserialize response: unexpected end of JSON input" {
		t.Error(err)
	}
	var own *Error
	if err = c.CallJSON(testContext(t), "fail", 1, &got); !errors.As(err, &own) ||
		own.Code != CodeSerialization {
		t.Error(err)
	}
}
