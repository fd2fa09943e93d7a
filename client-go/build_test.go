//go:build linux && (amd64 || arm64)

package outrigger_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/internal/kitchens"
	"github.com/outrigger-ipc/outrigger/client-go/internal/timers"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

var noted, retries = rkyv.Some("noted"), rkyv.Some(int64(-3))

func TestBuiltRequestsOfEverySizeArrive(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), timers.NewClient(conn)
	for _, count := range []int{0, 1, 100, 5000} {
		runs := 0
		reply, err := client.BuildComplex(ctx, func(request timers.ComplexRequestBuilder) {
			runs++
			messages := request.BeginMessages()
			for range count {
				message := messages.Next()
				message.SetMessage("a message above eight bytes")
				message.SetDelayMs(1)
			}
			request.SetTags([]string{"x"})
			request.SetNote(noted)
			request.SetRetries(retries)
		})
		if err != nil {
			t.Fatal(err)
		}
		if int(reply.ItemCount()) != count || reply.Note() != noted {
			t.Errorf("%d items instead of %d", reply.ItemCount(), count)
		}
		reply.Release()
		// One that does not fit in a slot is counted first.
		if want := 1 + min(count/100, 1); runs != want {
			t.Errorf("%d items: built %d times, want %d", count, runs, want)
		}
	}
}

func TestBuiltRequestThatIsNotCompleteFailsAlone(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), timers.NewClient(conn)
	_, err := client.BuildComplex(ctx, func(request timers.ComplexRequestBuilder) {
		request.SetTags(nil)
	})
	if !errors.Is(err, outrigger.ErrInvalidArgument) ||
		!strings.Contains(err.Error(), "ComplexRequest.tags is set before messages") {
		t.Error(err)
	}
	if _, err := client.BuildComplex(ctx, nil); !errors.Is(err, outrigger.ErrInvalidArgument) {
		t.Error(err)
	}
	reply, err := client.Create(ctx, &timers.TimerConfig{Name: "the next call"})
	if err != nil {
		t.Fatal(err)
	}
	reply.Release()
}

func TestBuiltCallAllocatesNothing(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	if outrigger.RaceEnabled {
		t.Log("not run: the race detector allocates")
		return
	}
	ctx, client := context.Background(), kitchens.NewClient(conn)
	sum := uint64(0)
	build := func(numbers kitchens.NumbersBuilder) {
		numbers.SetU8(1)
		numbers.SetU16(2)
		numbers.SetU32(3)
		numbers.SetU64(4)
		numbers.SetI8(5)
		numbers.SetI16(6)
		numbers.SetI32(7)
		numbers.SetI64(8)
		numbers.SetF32(9)
		numbers.SetF64(10)
	}
	call := func() {
		reply, err := client.BuildCount(ctx, build)
		if err != nil {
			t.Fatal(err)
		}
		sum += reply.U64()
		reply.Release()
	}
	if allocations := testing.AllocsPerRun(1000, call); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
	if sum != 4*1001 {
		t.Errorf("sum %d", sum)
	}
}
