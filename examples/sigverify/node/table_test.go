package main

import (
	"os"
	"testing"
	"time"
)

// sample is a report that passes.
func sample() *report {
	found := func(codec string, calls int, allocations uint64) findings {
		measured := func(goroutines int) timing {
			latencies := make([]time.Duration, calls)
			for index := range latencies {
				latencies[index] = time.Duration(index+1) * 25 * time.Microsecond
			}
			return timing{
				goroutines: goroutines, elapsed: 2 * time.Second, allocations: allocations,
				counts: tally{agree: calls}, latencies: latencies,
			}
		}
		return findings{
			codec: codec, checks: []tally{{agree: 150, acceptable: 1}},
			timings: []timing{measured(1), measured(64)}, control: tally{disagree: 88},
		}
	}
	return &report{
		suites: []suite{{file: "ed25519_test.json"}},
		codecs: []findings{found("archive", 100, 60), found("json", 80, 1000)},
	}
}

func Example_report() {
	sample().print(os.Stdout)
	// Output:
	// Wycheproof file                  codec    vectors  agree  disagree  acceptable
	// ed25519_test.json                archive      151    150         0           1
	// all                              archive      151    150         0           1
	// ed25519_test.json                json         151    150         0           1
	// all                              json         151    150         0           1
	//
	// goroutines  codec     calls seconds  calls/s   p50 µs   p99 µs p99.9 µs allocs/call disagree
	//          1  archive     100     2.0       50     1250     2475     2500         0.6        0
	//          1  json         80     2.0       40     1000     2000     2000        12.5        0
	//         64  archive     100     2.0       50     1250     2475     2500         0.6        0
	//         64  json         80     2.0       40     1000     2000     2000        12.5        0
	//
	// control over archive: 88 of 88 flipped signatures detected
	// control over json: 88 of 88 flipped signatures detected
	// verdict: PASS (disagree: 0 of 302 checks, 0 of 360 timed calls; undetected: 0 of 176 flips)
}

func TestReportFailsOnAnyDisagreement(t *testing.T) {
	if !sample().passed() {
		t.Error("sample fails")
	}
	for name, spoil := range map[string]func(*report){
		"check":          func(r *report) { r.codecs[1].checks[0].disagree++ },
		"timed run":      func(r *report) { r.codecs[1].timings[0].counts.disagree++ },
		"undetected":     func(r *report) { r.codecs[1].control.agree++ },
		"nothing tested": func(r *report) { r.codecs[1].control = tally{} },
		"no codec":       func(r *report) { r.codecs = nil },
	} {
		broken := sample()
		spoil(broken)
		if broken.passed() {
			t.Errorf("%s: passes", name)
		}
	}
}
