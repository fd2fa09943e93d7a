package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math/bits"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

func TestSpoilFlipsOneBitOfACopy(t *testing.T) {
	original := make([]byte, 64)
	spoiled := spoil(signed(sigverify.AlgorithmEd25519, original))
	flips := 0
	for _, b := range spoiled.request.Signature {
		flips += bits.OnesCount8(b)
	}
	if flips != 1 || !bytes.Equal(original, make([]byte, 64)) {
		t.Fatalf("%d bits flipped; original now %x", flips, original)
	}
}

// signed is a vector with this signature.
func signed(algorithm sigverify.Algorithm, signature []byte) vector {
	request := sigverify.VerifyRequest{Algorithm: algorithm, Signature: signature}
	return vector{request: request}
}

func TestSpoiledSignaturesAreInvalid(t *testing.T) {
	message := []byte("lashed alongside")

	public, secret, _ := ed25519.GenerateKey(rand.Reader)
	v := signed(sigverify.AlgorithmEd25519, ed25519.Sign(secret, message))
	if ed25519.Verify(public, message, spoil(v).request.Signature) {
		t.Error("ed25519: still valid")
	}

	digest := sha256.Sum256(message)
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := ecdsa.SignASN1(rand.Reader, key, digest[:])
	v = signed(sigverify.AlgorithmEcdsaP256Sha256, der)
	if ecdsa.VerifyASN1(&key.PublicKey, digest[:], spoil(v).request.Signature) {
		t.Error("ecdsa: still valid")
	}
}

// oracle is a verifier that knows the vectors by heart, and calls all else
// invalid.
func oracle(suites []suite) route {
	name := func(request *sigverify.VerifyRequest) string {
		return request.Algorithm.String() + string(request.Key) + "/" +
			string(request.Message) + "/" + string(request.Signature)
	}
	valid := map[string]bool{}
	for _, from := range suites {
		for _, v := range from.vectors {
			valid[name(&v.request)] = v.result == resultValid
		}
	}
	return fake(func(_ context.Context, request *sigverify.VerifyRequest) (verdict, error) {
		return verdict{valid: valid[name(request)]}, nil
	})
}

func TestStagesPassASoundVerifierAndFailABlindOne(t *testing.T) {
	suites, err := loadSuites(wycheproof.TestVectors)
	if err != nil {
		t.Fatal(err)
	}
	opts := options{duration: 1, goroutines: []int{3}}

	knows := oracle(suites)
	sound, err := stages(t.Context(), []route{knows, knows}, suites, opts)
	if err != nil || !sound.passed() {
		t.Fatalf("sound: %v, %v", sound, err)
	}
	for _, found := range sound.codecs {
		if found.control != (tally{disagree: 88 + 174 + 168}) {
			t.Errorf("sound: %v", sound.verdict())
		}
	}

	// The blind one hears of valid signatures only, so the control run alone
	// can tell. One blind route is enough to fail.
	for index := range suites {
		var valid []vector
		for _, v := range suites[index].vectors {
			if v.result == resultValid {
				valid = append(valid, v)
			}
		}
		suites[index].vectors = valid
	}
	blind, err := stages(t.Context(), []route{knows, answer(true)}, suites, opts)
	if err != nil {
		t.Fatal(err)
	}
	if checks, _, _ := blind.totals(); blind.passed() || checks.disagree != 0 {
		t.Errorf("blind: %v", blind.verdict())
	}
}
