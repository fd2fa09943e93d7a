// Node is the Go half of the signature demo. It puts the Wycheproof test
// vectors to a Rust sidecar, call by call through shared memory, and compares
// every verdict with the vector's own.
//
//	main ─▶ loadSuites ─▶ check ─▶ load ─▶ control ─▶ report
//	                        │        │        │
//	                        └────────┴────────┴──▶ verifyFunc ═ Outrigger ═ sidecar
//
// All of Outrigger that it needs stands in [connect].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/c2sp/wycheproof"
	"github.com/outrigger-ipc/outrigger/client-go"
)

// dialTimeout is how long the sidecar has to accept us.
const dialTimeout = 5 * time.Second

func main() {
	opts, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	} else if err != nil {
		os.Exit(2) // the flag package has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	found, err := run(ctx, opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		fmt.Println("verdict: FAIL (the run did not finish)")
		os.Exit(1)
	}
	found.print(os.Stdout)
	if !found.passed() {
		os.Exit(1)
	}
}

// run reads the vectors, connects, and goes through the stages.
func run(ctx context.Context, opts options) (*report, error) {
	suites, err := loadSuites(wycheproof.TestVectors)
	if err != nil {
		return nil, err
	}
	verify, hangUp, err := connect(ctx, opts.socket)
	if err != nil {
		return nil, err
	}
	defer hangUp()
	return stages(ctx, verify, suites, opts)
}

// connect opens a session with the sidecar and returns its verifier.
func connect(ctx context.Context, socket string) (verify verifyFunc, hangUp func(), err error) {
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := outrigger.Dial(dialCtx, "unix://"+socket)
	if err != nil {
		return nil, nil, err
	}
	verify = func(ctx context.Context, request *verifyRequest) (reply verifyReply, err error) {
		err = conn.CallJSON(ctx, method, request, &reply)
		return reply, err
	}
	return verify, func() { _ = conn.Close() }, nil
}

// stages is the demo: check every vector, time them all, then control the
// checker.
func stages(
	ctx context.Context, verify verifyFunc, suites []suite, opts options,
) (*report, error) {
	found := &report{suites: suites}
	var all []vector
	for _, from := range suites {
		progress("checking %d vectors of %s", len(from.vectors), from.file)
		counts, err := check(ctx, verify, from, os.Stderr)
		if err != nil {
			return nil, err
		}
		found.checks = append(found.checks, counts)
		all = append(all, from.vectors...)
	}
	for _, goroutines := range opts.goroutines {
		progress("timing all %d vectors, over and over, for %v, goroutines: %d",
			len(all), opts.duration, goroutines)
		measured, err := load(ctx, verify, all, goroutines, opts.duration)
		if err != nil {
			return nil, err
		}
		found.timings = append(found.timings, measured)
	}
	for _, from := range suites {
		progress("control: flipping one bit of each valid signature of %s", from.file)
		counts, err := control(ctx, verify, from)
		if err != nil {
			return nil, err
		}
		found.control.merge(counts)
	}
	return found, nil
}

// progress says on stderr what is being done; stdout carries the tables alone.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "node: "+format+"\n", args...)
}
