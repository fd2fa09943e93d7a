package main

import (
	"fmt"
	"io"
	"time"
)

// report is everything that a run found out.
type report struct {
	suites []suite
	codecs []findings
}

// findings are what was found out over one codec.
type findings struct {
	codec   string
	checks  []tally  // one for each suite
	timings []timing // one for each number of goroutines
	control tally
}

// print writes the tables and the verdict, in the order of the run.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "\n%-33s%-8s%8s%7s%10s%12s\n",
		"Wycheproof file", "codec", "vectors", "agree", "disagree", "acceptable")
	for _, found := range r.codecs {
		for index, from := range r.suites {
			printTally(out, from.file, found.codec, found.checks[index])
		}
		printTally(out, "all", found.codec, found.checked())
	}

	fmt.Fprintf(out, "\n%10s  %-8s%7s%8s%9s%9s%9s%9s%12s%9s\n", "goroutines", "codec", "calls",
		"seconds", "calls/s", "p50 µs", "p99 µs", "p99.9 µs", "allocs/call", "disagree")
	for index := range r.codecs[0].timings {
		for _, found := range r.codecs {
			printTiming(out, found.codec, found.timings[index])
		}
	}

	fmt.Fprintln(out)
	for _, found := range r.codecs {
		fmt.Fprintf(out, "control over %s: %d of %d flipped signatures detected\n",
			found.codec, found.control.disagree, found.control.total())
	}
	fmt.Fprintln(out, r.verdict())
}

func printTally(out io.Writer, file, codec string, counts tally) {
	fmt.Fprintf(out, "%-33s%-8s%8d%7d%10d%12d\n",
		file, codec, counts.total(), counts.agree, counts.disagree, counts.acceptable)
}

func printTiming(out io.Writer, codec string, t timing) {
	fmt.Fprintf(out, "%10d  %-8s%7d%8.1f%9.0f%9.0f%9.0f%9.0f%12.1f%9d\n",
		t.goroutines, codec, len(t.latencies), t.elapsed.Seconds(), t.callsPerSecond(),
		microseconds(t.percentile(500)), microseconds(t.percentile(990)),
		microseconds(t.percentile(999)), t.allocationsPerCall(), t.counts.disagree)
}

func microseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond)
}

// checked is the tally over all suites.
func (f *findings) checked() tally {
	var all tally
	for _, counts := range f.checks {
		all.merge(counts)
	}
	return all
}

// timed is the tally over all timed runs.
func (f *findings) timed() tally {
	var all tally
	for _, t := range f.timings {
		all.merge(t.counts)
	}
	return all
}

// totals are the tallies over all codecs.
func (r *report) totals() (checks, calls, flips tally) {
	for _, found := range r.codecs {
		checks.merge(found.checked())
		calls.merge(found.timed())
		flips.merge(found.control)
	}
	return checks, calls, flips
}

// passed says whether the sidecar was right every time, over every codec, and
// the control runs showed that we would have noticed if not.
func (r *report) passed() bool {
	for _, found := range r.codecs {
		flips := found.control
		if found.checked().disagree > 0 || found.timed().disagree > 0 ||
			flips.total() == 0 || flips.disagree < flips.total() {
			return false
		}
	}
	return len(r.codecs) > 0
}

// verdict is the last line.
func (r *report) verdict() string {
	word := "FAIL"
	if r.passed() {
		word = "PASS"
	}
	checks, calls, flips := r.totals()
	return fmt.Sprintf("verdict: %s (disagree: %d of %d checks, %d of %d timed calls; "+
		"undetected: %d of %d flips)", word, checks.disagree, checks.total(),
		calls.disagree, calls.total(), flips.total()-flips.disagree, flips.total())
}
