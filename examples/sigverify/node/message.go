package main

import (
	"context"
	"encoding/hex"
)

// What node and sidecar say to each other. Its mirror is
// sidecar/src/message.rs.
//
//	request  {"algorithm": "ed25519", "key": "7d4d…", "message": "78", "signature": "d807…"}
//	reply    {"valid": true, "reason": ""}

// method is the name under which the sidecar registered its handler.
const method = "sigverify.verify"

// The algorithms that the sidecar knows.
const (
	ed25519              = "ed25519"
	ecdsaP256SHA256      = "ecdsa-p256-sha256"
	ecdsaSecp256k1SHA256 = "ecdsa-secp256k1-sha256"
)

// verifyRequest asks: did the owner of Key sign Message?
type verifyRequest struct {
	Algorithm string   `json:"algorithm"`
	Key       hexBytes `json:"key"`       // Ed25519: 32 bytes; ECDSA: a SEC1 point
	Message   hexBytes `json:"message"`   // the message itself, not its digest
	Signature hexBytes `json:"signature"` // Ed25519: R and S, 64 bytes; ECDSA: DER
}

// verifyReply is the answer. Reason is empty exactly when Valid is true.
type verifyReply struct {
	Valid  bool   `json:"valid"`
	Reason string `json:"reason"`
}

// verifyFunc puts one question to the sidecar. Tests put it to a fake. An error
// means that there is no verdict; a refused signature is a verdict.
type verifyFunc func(ctx context.Context, request *verifyRequest) (verifyReply, error)

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
