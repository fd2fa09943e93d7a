package main

import (
	"context"
	"fmt"
	"io"
)

// outcome is what came of comparing a verdict with a vector's result.
type outcome int

const (
	agrees     outcome = iota // the sidecar and Wycheproof say the same
	disagrees                 // they do not
	acceptable                // Wycheproof allows either
)

// tally counts outcomes.
type tally struct {
	agree      int
	disagree   int
	acceptable int
}

// compare is the only place where a verdict meets its vector: the main run, the
// timed runs and the control run all come here, so the control run proves them
// all.
func compare(expected result, valid bool) outcome {
	switch {
	case expected == resultAcceptable:
		return acceptable
	case valid == (expected == resultValid):
		return agrees
	default:
		return disagrees
	}
}

// check puts every vector of a suite to the sidecar once, in order, and reports
// each disagreement as it is found.
func check(ctx context.Context, by route, from suite, log io.Writer) (tally, error) {
	var counts tally
	for _, v := range from.vectors {
		answer, err := by.verify(ctx, &v.request)
		if err != nil {
			return counts, fmt.Errorf("%s vector %d over %s: %w", from.file, v.id, by.codec, err)
		}
		found := compare(v.result, answer.valid)
		counts.add(found)
		if found == disagrees {
			fmt.Fprintf(log, "%s vector %d (%s) is %s; the sidecar says over %s valid=%t %s\n",
				from.file, v.id, v.comment, v.result, by.codec, answer.valid, answer.reason)
		}
	}
	return counts, nil
}

func (t *tally) add(found outcome) {
	switch found {
	case agrees:
		t.agree++
	case disagrees:
		t.disagree++
	case acceptable:
		t.acceptable++
	}
}

func (t *tally) merge(other tally) {
	t.agree += other.agree
	t.disagree += other.disagree
	t.acceptable += other.acceptable
}

// total is how many outcomes were counted.
func (t tally) total() int {
	return t.agree + t.disagree + t.acceptable
}
