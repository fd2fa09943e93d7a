package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	stdlib "crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math/bits"
	"testing"

	"github.com/c2sp/wycheproof"
)

func TestSpoilFlipsOneBitOfACopy(t *testing.T) {
	original := make(hexBytes, 64)
	spoiled := spoil(vector{request: verifyRequest{Algorithm: ed25519, Signature: original}})
	flips := 0
	for _, b := range spoiled.request.Signature {
		flips += bits.OnesCount8(b)
	}
	if flips != 1 || !bytes.Equal(original, make([]byte, 64)) {
		t.Fatalf("%d bits flipped; original now %x", flips, original)
	}
}

func TestSpoiledSignaturesAreInvalid(t *testing.T) {
	message := []byte("lashed alongside")

	public, secret, _ := stdlib.GenerateKey(rand.Reader)
	v := vector{request: verifyRequest{ed25519, nil, nil, stdlib.Sign(secret, message)}}
	if stdlib.Verify(public, message, spoil(v).request.Signature) {
		t.Error("ed25519: still valid")
	}

	digest := sha256.Sum256(message)
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := ecdsa.SignASN1(rand.Reader, key, digest[:])
	v = vector{request: verifyRequest{ecdsaP256SHA256, nil, nil, der}}
	if ecdsa.VerifyASN1(&key.PublicKey, digest[:], spoil(v).request.Signature) {
		t.Error("ecdsa: still valid")
	}
}

// oracle is a verifier that knows the vectors by heart, and calls all else
// invalid.
func oracle(suites []suite) verifyFunc {
	name := func(request *verifyRequest) string {
		return request.Algorithm + string(request.Key) + "/" +
			string(request.Message) + "/" + string(request.Signature)
	}
	valid := map[string]bool{}
	for _, from := range suites {
		for _, v := range from.vectors {
			valid[name(&v.request)] = v.result == resultValid
		}
	}
	return func(_ context.Context, request *verifyRequest) (verifyReply, error) {
		return verifyReply{Valid: valid[name(request)]}, nil
	}
}

func TestStagesPassASoundVerifierAndFailABlindOne(t *testing.T) {
	suites, err := loadSuites(wycheproof.TestVectors)
	if err != nil {
		t.Fatal(err)
	}
	opts := options{duration: 1, goroutines: []int{3}}

	sound, err := stages(t.Context(), oracle(suites), suites, opts)
	if err != nil || !sound.passed() || sound.control != (tally{disagree: 88 + 174 + 168}) {
		t.Errorf("sound: %v, %v", sound.verdict(), err)
	}

	// The blind one hears of valid signatures only, so the control run alone
	// can tell.
	for index := range suites {
		var valid []vector
		for _, v := range suites[index].vectors {
			if v.result == resultValid {
				valid = append(valid, v)
			}
		}
		suites[index].vectors = valid
	}
	blind, err := stages(t.Context(), answer(true), suites, opts)
	if err != nil || blind.passed() || blind.checked().disagree != 0 {
		t.Errorf("blind: %v, %v", blind.verdict(), err)
	}
}
