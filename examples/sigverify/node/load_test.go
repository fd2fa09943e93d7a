package main

import (
	"context"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

func TestLoadComparesEveryVerdict(t *testing.T) {
	found, err := load(t.Context(), answer(true), mixed.vectors, 3, 1)
	// The goroutines begin at one vector each, and one call is the least they
	// make.
	if err != nil || found.counts.total() < 3 || found.counts.total() != len(found.latencies) {
		t.Fatalf("%+v, %v", found, err)
	}
	if found.counts.disagree == 0 || found.counts.acceptable == 0 {
		t.Fatalf("%+v", found.counts)
	}
}

// litter is what a wasteful verifier allocates.
var litter []byte

func TestAllocationsOfTheVerifierAreCounted(t *testing.T) {
	wasteful := fake(func(context.Context, *sigverify.VerifyRequest) (verdict, error) {
		litter = make([]byte, 64)
		return verdict{}, nil
	})
	found, err := load(t.Context(), wasteful, mixed.vectors, 1, 1)
	if err != nil || found.allocationsPerCall() < 1 {
		t.Fatalf("%v a call, %v", found.allocationsPerCall(), err)
	}
}

func TestPercentileIsTheSmallestLatencyNotExceededByThatMany(t *testing.T) {
	found := timing{}
	for latency := range 1000 {
		found.latencies = append(found.latencies, time.Duration(latency+1))
	}
	for _, perMille := range []int{1, 500, 990, 999, 1000} {
		if got := found.percentile(perMille); got != time.Duration(perMille) {
			t.Errorf("percentile(%d) = %d", perMille, got)
		}
	}
	alone := timing{latencies: []time.Duration{7}}
	if got := alone.percentile(500); got != 7 {
		t.Errorf("percentile of one call = %d", got)
	}
}
