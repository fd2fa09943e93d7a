//go:build linux && (amd64 || arm64)

package outrigger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

func TestACallThatWaitsForUnreleasedRepliesSaysSo(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{})
	all := int64(c.stock.max)
	for _, held := range []int64{all - 1, all} {
		c.counters.held.Store(held)
		before := c.Stats().Calls
		var err error
		short := 10 * time.Millisecond // which a slow machine may spend before it sends anything
		for ; c.Stats().Calls == before && short < patience; short *= 2 {
			ctx, cancel := context.WithTimeout(context.Background(), short)
			_, err = c.Call(ctx, "never", nil)
			cancel()
		}
		if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d held: %v", held, err)
		}
		if said := strings.HasSuffix(err.Error(), allOf(all)); said != (held == all) {
			t.Errorf("%d of %d held: %v", held, all, err)
		}
	}
	c.counters.held.Store(0)
	_ = c.Close()
	if c.collecting.Load() {
		t.Error("the goroutine of the collection outlives Close")
	}
}

func TestARefusalSaysThatAllBuffersAreWithThisSide(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{})
	refusal := abi.Refusal{Needed: 1000, Available: 2000}
	a := &answer{code: uint16(CodeResourceExhausted)}
	refusal.Encode(a.body[:])
	const words = "1000 bytes needed, 2000 available"
	if err := c.refused(a); !strings.HasSuffix(err.Error(), words) {
		t.Error(err)
	}
	all := int64(c.stock.max)
	c.counters.held.Store(all)
	if err := c.refused(a); !strings.HasSuffix(err.Error(), words+allOf(all)) {
		t.Error(err)
	}
	c.counters.held.Store(0)
}

// allOf is the end of an error's text when all buffers are with this side.
func allOf(count int64) string {
	const text = "; %d buffers are with this side (maximum %d): release what was read"
	return fmt.Sprintf(text, count, count)
}
