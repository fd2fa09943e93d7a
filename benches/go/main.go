// Command go is the benchmark's driver in Go: it calls, times, and answers
// `quick`. See benches/src/lib.rs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/outrigger-ipc/outrigger/benches/go/measure"
	"github.com/outrigger-ipc/outrigger/client-go"
)

// inFlight is the callers of go-inflight-64: as many as a lane has credits.
const inFlight = 64

func main() {
	name := flag.String("case", "", "the case to drive")
	at := flag.String("at", "", "path of the peer's unix socket")
	cpu := flag.Int("cpu", -1, "CPU on which the calling thread stays, -1 for any")
	flag.Parse()
	if err := run(*name, *at, *cpu); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func run(name, at string, cpu int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	driver, err := driverOf(ctx, name, at)
	if err != nil {
		return err
	}
	if err := pin(cpu); err != nil {
		return err
	}
	return driver.Serve()
}

// driverOf connects as the case wants it.
func driverOf(ctx context.Context, name, at string) (*measure.Driver, error) {
	if strings.HasPrefix(name, payloadCase) {
		call, copied, err := payload(context.Background(), name, at, outrigger.WaitHybrid)
		if err != nil {
			return nil, err
		}
		driver := measure.NewDriver(call)
		driver.Copied = copied
		return driver, nil
	}
	calls, err := callsOf(ctx, name, at)
	if err != nil {
		return nil, err
	}
	return measure.NewDriver(calls...), nil
}

// callsOf connects as the case wants it and returns one call for each caller.
// The context can be cancelled and never is while calls are made.
func callsOf(ctx context.Context, name, at string) ([]measure.Call, error) {
	background := context.Background()
	switch name {
	case "go-echo-spin", "go-echo-free":
		return session(background, at, outrigger.WaitSpin, 1)
	case "go-echo-context":
		return session(ctx, at, outrigger.WaitSpin, 1)
	case "go-echo-hybrid":
		return session(background, at, outrigger.WaitHybrid, 1)
	case "go-inflight-64":
		return session(background, at, outrigger.WaitSpin, inFlight)
	case "go-typed-spin":
		return typed(background, at, outrigger.WaitSpin)
	case "go-typed-hybrid":
		return typed(background, at, outrigger.WaitHybrid)
	case "rkyv-encode-go":
		return encode(), nil
	case "unix-free", "unix-two-cpus":
		return socket(at)
	}
	return nil, fmt.Errorf("case %q is not one of this driver's", name)
}
