package main

import (
	"context"

	"github.com/outrigger-ipc/outrigger/benches/go/measure"
	"github.com/outrigger-ipc/outrigger/client-go"
)

// method is the echo that every server has.
const method = "outrigger.echo"

// session connects to a sidecar and returns calls for a number of goroutines,
// each with a reply buffer of its own. The session lasts as long as the process.
func session(
	ctx context.Context, at string, policy outrigger.WaitPolicy, count int,
) ([]measure.Call, error) {
	conn, err := outrigger.Dial(ctx, "unix://"+at, outrigger.WithWait(policy))
	if err != nil {
		return nil, err
	}
	calls := make([]measure.Call, count)
	for i := range calls {
		reply := make([]byte, measure.PayloadLen)
		calls[i] = func(request []byte) ([]byte, error) {
			return conn.CallInto(ctx, method, request, reply)
		}
	}
	return calls, nil
}
