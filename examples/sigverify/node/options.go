package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const usage = `node checks a sigverify sidecar against the Wycheproof vectors.

usage: node --sidecar PATH [--codec archive] [--seconds 3] [--goroutines 1,64]
       node --socket PATH  [the same]

The node starts a sidecar of its own, or asks one that is running already. Every
vector is put to it once; then all of them, again and again, from the given numbers
of goroutines; then the valid ones with one bit of the signature flipped; all that by
each codec. Exit status 0 says that no verdict was wrong and every flip was detected.

`

// What the flags may ask for. Every latency of a timed run is kept, 8 bytes a
// call.
const (
	secondsMax    = 600
	goroutinesMax = 10_000
)

// options are the command line.
type options struct {
	sidecar    string        // the command to start, or empty
	socket     string        // of one that is running, or empty
	codecs     []string      // names, of which each makes all runs
	duration   time.Duration // of each timed run
	goroutines []int         // one timed run for each, by each codec
}

// parseOptions reads the command line. Where it returns an error, the user has
// been told why.
func parseOptions(args []string) (options, error) {
	var seconds float64
	opts := options{codecs: []string{"archive"}, goroutines: []int{1, 64}}
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&opts.sidecar, "sidecar", "", "`path` of the sidecar to start")
	flags.StringVar(&opts.socket, "socket", "", "`path` of a running sidecar's unix socket")
	flags.Func("codec", "how the messages cross, a `list`: archive, json (default archive)",
		func(list string) (err error) {
			opts.codecs, err = parseCodecs(list)
			return err
		})
	flags.Float64Var(&seconds, "seconds", 3, "length of each timed run")
	flags.Func("goroutines", "callers in each timed run, a `list` (default 1,64)",
		func(list string) (err error) {
			opts.goroutines, err = parseCounts(list)
			return err
		})
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	oneSidecar := (opts.sidecar == "") != (opts.socket == "")
	if !oneSidecar || !(seconds > 0 && seconds <= secondsMax) || flags.NArg() > 0 {
		err := fmt.Errorf("needed: one of --sidecar PATH and --socket PATH; "+
			"--seconds above 0, at most %d; no more words", secondsMax)
		fmt.Fprintln(flags.Output(), "node:", err)
		flags.Usage()
		return opts, err
	}
	opts.duration = time.Duration(seconds * float64(time.Second))
	return opts, nil
}

// parseCounts reads a list like "1,64".
func parseCounts(list string) ([]int, error) {
	var counts []int
	for word := range strings.SplitSeq(list, ",") {
		count, err := strconv.Atoi(word)
		if err != nil || count < 1 || count > goroutinesMax {
			return nil, fmt.Errorf("%q goroutines (from 1 to %d)", word, goroutinesMax)
		}
		counts = append(counts, count)
	}
	return counts, nil
}
