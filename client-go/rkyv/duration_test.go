package rkyv_test

import (
	"math"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

func TestDurationsConvertOrSayThatTheyDoNot(t *testing.T) {
	for _, test := range []struct {
		rust rkyv.Duration
		std  time.Duration
		ok   bool
	}{
		{rkyv.Duration{}, 0, true},
		{rkyv.Duration{Seconds: 1, Nanos: 500_000_000}, 1500 * time.Millisecond, true},
		{rkyv.Duration{Seconds: 9_223_372_036, Nanos: 854_775_807}, math.MaxInt64, true},
		{rkyv.Duration{Seconds: 9_223_372_036, Nanos: 854_775_808}, 0, false},
		{rkyv.Duration{Seconds: 9_223_372_037}, 0, false},
		{rkyv.Duration{Seconds: math.MaxUint64, Nanos: 999_999_999}, 0, false},
	} {
		std, ok := test.rust.Std()
		if std != test.std || ok != test.ok {
			t.Errorf("%v is %v, %t; want %v, %t", test.rust, std, ok, test.std, test.ok)
		}
		if again, ok := rkyv.DurationOf(std); test.ok && (!ok || again != test.rust) {
			t.Errorf("%v came back as %v", test.rust, again)
		}
	}
	if _, ok := rkyv.DurationOf(-1); ok {
		t.Error("a negative duration was taken")
	}
	if text := (rkyv.Duration{Seconds: 1, Nanos: 5}).String(); text != "1.000000005s" {
		t.Errorf("text %q", text)
	}
}

func TestDurationWithTooManyNanosecondsIsNotEncoded(t *testing.T) {
	var e rkyv.Encoder
	e.Reset(nil)
	e.Duration(rkyv.Duration{Nanos: 999_999_999})
	if _, err := e.Finish(); err != nil {
		t.Error(err)
	}
	e.Duration(rkyv.Duration{Nanos: 1_000_000_000})
	const want = "duration with 1000000000 nanoseconds (below 1000000000 only)"
	if _, err := e.Finish(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
