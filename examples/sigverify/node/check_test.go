package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// answer is a verifier that says the same to everything.
func answer(valid bool) verifyFunc {
	return func(context.Context, *verifyRequest) (verifyReply, error) {
		return verifyReply{Valid: valid, Reason: "because"}, nil
	}
}

// mixed is one vector of each result.
var mixed = suite{"mixed.json", ed25519, []vector{
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
	const want = "mixed.json vector 1 () is valid; the sidecar says valid=false because\n"
	if log.String() != want {
		t.Fatalf("%q, want %q", log.String(), want)
	}
}

func TestFailedCallIsNotAVerdict(t *testing.T) {
	broken := errors.New("broken")
	fail := func(context.Context, *verifyRequest) (verifyReply, error) {
		return verifyReply{}, broken
	}
	if _, err := check(t.Context(), fail, mixed, io.Discard); !errors.Is(err, broken) {
		t.Errorf("check: %v", err)
	}
	if _, err := load(t.Context(), fail, mixed.vectors, 4, 1); !errors.Is(err, broken) {
		t.Errorf("load: %v", err)
	}
	signed := mixed
	signed.vectors = []vector{{result: resultValid, request: verifyRequest{Signature: hexBytes{0}}}}
	if _, err := control(t.Context(), fail, signed); !errors.Is(err, broken) {
		t.Errorf("control: %v", err)
	}
}
