package measure

import (
	"testing"
	"time"
)

// mirror answers from memory of its own.
func mirror() Call {
	reply := make([]byte, PayloadLen)
	return func(request []byte) ([]byte, error) {
		copy(reply, request)
		return reply, nil
	}
}

func TestASliceCountsItsCallsAndAllocatesNothing(t *testing.T) {
	for _, callers := range []int{1, 8} {
		calls := make([]Call, callers)
		for i := range calls {
			calls[i] = mirror()
		}
		slice, err := NewDriver(calls...).Run(2 * time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if slice.Count == 0 || slice.Calls <= slice.Count || slice.P50 > slice.P99 {
			t.Fatalf("%d callers: %+v", callers, slice)
		}
		if slice.Allocs > 100 { // the runtime's own, not one a call
			t.Fatalf("%d callers: %d allocations in %d calls", callers, slice.Allocs, slice.Calls)
		}
	}
}

func TestAReplyToAnEarlierRequestIsFound(t *testing.T) {
	stuck := make([]byte, PayloadLen)
	d := NewDriver(func([]byte) ([]byte, error) { return stuck, nil })
	if slice, err := d.Run(time.Millisecond); err == nil {
		t.Fatalf("no error: %+v", slice)
	}
}
