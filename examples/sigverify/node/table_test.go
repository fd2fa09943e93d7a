package main

import (
	"os"
	"testing"
	"time"
)

// sample is a report that passes.
func sample() *report {
	return &report{
		suites: []suite{{file: "ed25519_test.json", algorithm: ed25519}},
		checks: []tally{{agree: 150, acceptable: 1}},
		timings: []timing{{
			goroutines: 64,
			elapsed:    2 * time.Second,
			counts:     tally{agree: 2},
			latencies:  []time.Duration{25 * time.Microsecond, 1500 * time.Microsecond},
		}},
		control: tally{disagree: 88},
	}
}

func Example_report() {
	sample().print(os.Stdout)
	// Output:
	// Wycheproof file                  algorithm               vectors  agree  disagree  acceptable
	// ed25519_test.json                ed25519                     151    150         0           1
	// all                                                          151    150         0           1
	//
	// goroutines     calls  seconds   calls/s    p50 µs    p99 µs    p99.9 µs  disagree
	//         64         2      2.0         1        25      1500        1500         0
	//
	// control: 88 of 88 flipped signatures detected
	// verdict: PASS (disagree: 0 of 151 vectors, 0 of 2 timed calls; undetected: 0 of 88 flips)
}

func TestReportFailsOnAnyDisagreement(t *testing.T) {
	if !sample().passed() {
		t.Error("sample fails")
	}
	for name, spoil := range map[string]func(*report){
		"check":          func(r *report) { r.checks[0].disagree++ },
		"timed run":      func(r *report) { r.timings[0].counts.disagree++ },
		"undetected":     func(r *report) { r.control.agree++ },
		"nothing tested": func(r *report) { r.control = tally{} },
	} {
		broken := sample()
		spoil(broken)
		if broken.passed() {
			t.Errorf("%s: passes", name)
		}
	}
}
