package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

// fake is a route to a verifier that is a function.
func fake(verify verifyFunc) route { return route{"pigeon", verify} }

// answer is a verifier that says the same to everything.
func answer(valid bool) route {
	return fake(func(context.Context, *sigverify.VerifyRequest) (verdict, error) {
		return verdict{valid, "because"}, nil
	})
}

// mixed is one vector of each result.
var mixed = suite{"mixed.json", []vector{
	{id: 1, result: resultValid}, {id: 2, result: resultInvalid},
	{id: 3, result: resultAcceptable, comment: "old"},
}}

func TestCheckCountsAcceptableApart(t *testing.T) {
	for _, valid := range []bool{true, false} {
		counts, err := check(t.Context(), answer(valid), mixed, io.Discard)
		if want := (tally{agree: 1, disagree: 1, acceptable: 1}); err != nil || counts != want {
			t.Errorf("valid=%t: %+v, %v; want %+v", valid, counts, err, want)
		}
	}
}

func TestCheckNamesTheVectorThatDisagrees(t *testing.T) {
	var log strings.Builder
	_, _ = check(t.Context(), answer(false), mixed, &log)
	const want = "mixed.json vector 1 () is valid; " +
		"the sidecar says over pigeon valid=false because\n"
	if log.String() != want {
		t.Fatalf("%q, want %q", log.String(), want)
	}
}

func TestFailedCallIsNotAVerdict(t *testing.T) {
	broken := errors.New("broken")
	fail := fake(func(context.Context, *sigverify.VerifyRequest) (verdict, error) {
		return verdict{}, broken
	})
	if _, err := check(t.Context(), fail, mixed, io.Discard); !errors.Is(err, broken) {
		t.Errorf("check: %v", err)
	}
	if _, err := load(t.Context(), fail, mixed.vectors, 4, 1); !errors.Is(err, broken) {
		t.Errorf("load: %v", err)
	}
	signed := mixed
	request := sigverify.VerifyRequest{
		Algorithm: sigverify.AlgorithmEcdsaP256Sha256, Signature: []byte{0},
	}
	signed.vectors = []vector{{result: resultValid, request: request}}
	if _, err := control(t.Context(), fail, signed); !errors.Is(err, broken) {
		t.Errorf("control: %v", err)
	}
}
