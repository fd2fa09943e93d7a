// Node is the Go half of the signature demo. It puts the Wycheproof test
// vectors to a Rust sidecar, call by call through shared memory, and compares
// every verdict with the vector's own.
//
//	main ─▶ loadSuites ─▶ check ─▶ load ─▶ control ─▶ report
//	                        │        │        │
//	                        └────────┴────────┴──▶ verifyFunc ═ Outrigger ═ sidecar
//
// All of Outrigger that it needs stands in [connect] and in codec.go. The package
// sigverify is made from the sidecar, which tells what its messages are; build
// both commands before
//
//	cargo build --release -p outrigger -p outrigger-example-sigverify
package main

//go:generate -command outrigger ../../../target/release/outrigger
//go:generate outrigger gen go --from ../../../target/release/sigverify-sidecar

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/c2sp/wycheproof"
	"github.com/outrigger-ipc/outrigger/client-go"
)

// connectTimeout is how long the sidecar has to start and to accept us.
const connectTimeout = 10 * time.Second

func main() {
	opts, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	} else if err != nil {
		os.Exit(2) // the flag package has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends us at once

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

// run reads the vectors, connects, and goes through the stages. When it returns,
// a sidecar that it started has ended.
func run(ctx context.Context, opts options) (*report, error) {
	suites, err := loadSuites(wycheproof.TestVectors)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return stages(ctx, routes(conn, opts.codecs), suites, opts)
}

// connect starts a sidecar of our own, or opens a session with one that runs.
func connect(ctx context.Context, opts options) (*outrigger.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	log := outrigger.WithLogger(slog.Default()) // also of what the sidecar says
	if opts.sidecar != "" {
		return outrigger.Spawn(ctx, opts.sidecar, nil, log)
	}
	return outrigger.Dial(ctx, "unix://"+opts.socket, log)
}

// stages is the demo: check every vector, time them all, then control the
// checker. In each stage all routes take their turn, so that what else the
// machine does meets all of them.
func stages(
	ctx context.Context, ways []route, suites []suite, opts options,
) (*report, error) {
	found := &report{suites: suites, codecs: make([]findings, len(ways))}
	var all []vector
	for _, from := range suites {
		all = append(all, from.vectors...)
	}
	for index, by := range ways {
		found.codecs[index].codec = by.codec
		for _, from := range suites {
			progress("checking %d vectors of %s over %s", len(from.vectors), from.file, by.codec)
			counts, err := check(ctx, by, from, os.Stderr)
			if err != nil {
				return nil, err
			}
			found.codecs[index].checks = append(found.codecs[index].checks, counts)
		}
	}
	for _, goroutines := range opts.goroutines {
		for index, by := range ways {
			progress("timing all %d vectors, over and over, for %v over %s, goroutines: %d",
				len(all), opts.duration, by.codec, goroutines)
			measured, err := load(ctx, by, all, goroutines, opts.duration)
			if err != nil {
				return nil, err
			}
			found.codecs[index].timings = append(found.codecs[index].timings, measured)
		}
	}
	for index, by := range ways {
		progress("control: flipping one bit of each valid signature, over %s", by.codec)
		for _, from := range suites {
			counts, err := control(ctx, by, from)
			if err != nil {
				return nil, err
			}
			found.codecs[index].control.merge(counts)
		}
	}
	return found, nil
}

// progress says on stderr what is being done; stdout carries the tables alone.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "node: "+format+"\n", args...)
}
