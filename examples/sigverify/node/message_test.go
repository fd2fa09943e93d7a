package main

import (
	"encoding/json"
	"testing"

	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

// The same JSON stands in the tests of sidecar/src/message.rs.
func TestRequestEncodesToWhatTheSidecarDecodes(t *testing.T) {
	text, err := json.Marshal(jsonOf(&sigverify.VerifyRequest{
		Algorithm: sigverify.AlgorithmEcdsaP256Sha256,
		Key:       []byte{0x04, 0xff}, Message: []byte{}, Signature: []byte{0x30},
	}))
	const want = `{"algorithm":"ecdsa-p256-sha256","key":"04ff","message":"","signature":"30"}`
	if err != nil || string(text) != want {
		t.Fatalf("%s, %v; want %s", text, err, want)
	}
}

func TestReplyDecodesFromWhatTheSidecarEncodes(t *testing.T) {
	var reply jsonReply
	err := json.Unmarshal([]byte(`{"valid":false,"reason":"no"}`), &reply)
	if want := (jsonReply{false, "no"}); err != nil || reply != want {
		t.Fatalf("%v, %v; want %v", reply, err, want)
	}
}

func TestEveryAlgorithmOfTheVectorsHasANameInJSON(t *testing.T) {
	for _, source := range suiteFiles {
		if jsonAlgorithms[source.algorithm] == "" {
			t.Errorf("%v has none", source.algorithm)
		}
	}
}
