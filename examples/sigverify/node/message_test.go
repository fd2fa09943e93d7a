package main

import (
	"encoding/json"
	"testing"
)

// The same JSON stands in the tests of sidecar/src/message.rs.
func TestRequestEncodesToWhatTheSidecarDecodes(t *testing.T) {
	request := verifyRequest{ecdsaP256SHA256, hexBytes{0x04, 0xff}, hexBytes{}, hexBytes{0x30}}
	text, err := json.Marshal(&request)
	const want = `{"algorithm":"ecdsa-p256-sha256","key":"04ff","message":"","signature":"30"}`
	if err != nil || string(text) != want {
		t.Fatalf("%s, %v; want %s", text, err, want)
	}
}

func TestReplyDecodesFromWhatTheSidecarEncodes(t *testing.T) {
	var reply verifyReply
	err := json.Unmarshal([]byte(`{"valid":false,"reason":"no"}`), &reply)
	if want := (verifyReply{false, "no"}); err != nil || reply != want {
		t.Fatalf("%v, %v; want %v", reply, err, want)
	}
}
