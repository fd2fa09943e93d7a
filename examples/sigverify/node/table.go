package main

import (
	"fmt"
	"io"
	"time"
)

// report is everything that a run found out.
type report struct {
	suites  []suite
	checks  []tally // one for each suite
	timings []timing
	control tally
}

// print writes the tables and the verdict, in the order of the run.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "\n%-33s%-23s%8s%7s%10s%12s\n",
		"Wycheproof file", "algorithm", "vectors", "agree", "disagree", "acceptable")
	for index, from := range r.suites {
		printTally(out, from.file, from.algorithm, r.checks[index])
	}
	printTally(out, "all", "", r.checked())

	fmt.Fprintf(out, "\n%10s%10s%9s%10s%10s%10s%12s%10s\n",
		"goroutines", "calls", "seconds", "calls/s", "p50 µs", "p99 µs", "p99.9 µs", "disagree")
	for _, t := range r.timings {
		fmt.Fprintf(out, "%10d%10d%9.1f%10.0f%10.0f%10.0f%12.0f%10d\n",
			t.goroutines, len(t.latencies), t.elapsed.Seconds(), t.callsPerSecond(),
			microseconds(t.percentile(500)), microseconds(t.percentile(990)),
			microseconds(t.percentile(999)), t.counts.disagree)
	}

	fmt.Fprintf(out, "\ncontrol: %d of %d flipped signatures detected\n",
		r.control.disagree, r.control.total())
	fmt.Fprintln(out, r.verdict())
}

func printTally(out io.Writer, file, algorithm string, counts tally) {
	fmt.Fprintf(out, "%-33s%-23s%8d%7d%10d%12d\n",
		file, algorithm, counts.total(), counts.agree, counts.disagree, counts.acceptable)
}

func microseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond)
}

// checked is the tally over all suites.
func (r *report) checked() tally {
	var all tally
	for _, counts := range r.checks {
		all.merge(counts)
	}
	return all
}

// passed says whether the sidecar was right every time, and the control run
// showed that we would have noticed if not.
func (r *report) passed() bool {
	for _, t := range r.timings {
		if t.counts.disagree > 0 {
			return false
		}
	}
	flips := r.control
	return r.checked().disagree == 0 && flips.total() > 0 && flips.disagree == flips.total()
}

// verdict is the last line.
func (r *report) verdict() string {
	calls, wrong := 0, 0
	for _, t := range r.timings {
		calls += t.counts.total()
		wrong += t.counts.disagree
	}
	word := "FAIL"
	if r.passed() {
		word = "PASS"
	}
	return fmt.Sprintf("verdict: %s (disagree: %d of %d vectors, %d of %d timed calls; "+
		"undetected: %d of %d flips)", word, r.checked().disagree, r.checked().total(),
		wrong, calls, r.control.total()-r.control.disagree, r.control.total())
}
