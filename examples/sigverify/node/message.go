package main

import (
	"encoding/hex"

	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

// What node and sidecar say to each other over JSON: the same messages as in the
// generated package, with bytes as hex. Their mirror is sidecar/src/message.rs,
// and no machine compares the two. That is one reason for archives.
//
//	request  {"algorithm": "ed25519", "key": "7d4d…", "message": "78", "signature": "d807…"}
//	reply    {"valid": true, "reason": ""}

// method is the name under which the sidecar serves it.
const method = "sigverify.verify"

// jsonAlgorithms are the names that the algorithms have in JSON.
var jsonAlgorithms = map[sigverify.Algorithm]string{
	sigverify.AlgorithmEd25519:              "ed25519",
	sigverify.AlgorithmEcdsaP256Sha256:      "ecdsa-p256-sha256",
	sigverify.AlgorithmEcdsaSecp256k1Sha256: "ecdsa-secp256k1-sha256",
}

// jsonRequest is a sigverify.VerifyRequest in JSON.
type jsonRequest struct {
	Algorithm string   `json:"algorithm"`
	Key       hexBytes `json:"key"`
	Message   hexBytes `json:"message"`
	Signature hexBytes `json:"signature"`
}

// jsonReply is a sigverify.VerifyReply in JSON.
type jsonReply struct {
	Valid  bool   `json:"valid"`
	Reason string `json:"reason"`
}

// jsonOf copies no bytes.
func jsonOf(request *sigverify.VerifyRequest) *jsonRequest {
	return &jsonRequest{
		Algorithm: jsonAlgorithms[request.Algorithm],
		Key:       request.Key,
		Message:   request.Message,
		Signature: request.Signature,
	}
}

// hexBytes is a byte slice that stands in JSON as hex, as it does in the
// vectors.
type hexBytes []byte

// MarshalText implements [encoding.TextMarshaler].
func (h hexBytes) MarshalText() ([]byte, error) {
	return hex.AppendEncode(nil, h), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}
