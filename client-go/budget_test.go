package outrigger

import (
	"testing"
	"time"
)

func newBudget(policy WaitPolicy) *budget {
	b := &budget{}
	b.init(policy)
	b.alone.Store(false) // whatever this machine has
	return b
}

func TestBudgetGrowsOnANearMissAndShrinksOnLongWaits(t *testing.T) {
	b := newBudget(WaitHybrid)
	const long = time.Second
	want := []time.Duration{25 * time.Microsecond, 12500 * time.Nanosecond, 0, 0}
	for i, allowed := range want {
		b.slept(long)
		if got := time.Duration(b.currentNs.Load()); got != allowed {
			t.Errorf("after %d long waits: %v, want %v", i+1, got, allowed)
		}
	}
	for _, allowed := range []time.Duration{budgetStart, 2 * budgetStart, 4 * budgetStart, hybridMax, hybridMax} {
		b.slept(hybridMax)
		if got := b.allowance(); got != allowed {
			t.Errorf("after a near miss: %v, want %v", got, allowed)
		}
	}
}

func TestOneLongWaitAmongWinsChangesNothing(t *testing.T) {
	b := newBudget(WaitHybrid)
	for range trustMax {
		b.won()
	}
	b.slept(time.Second)
	if got := b.allowance(); got != hybridMax {
		t.Errorf("%v, want %v", got, hybridMax)
	}
	for range trustMax / trustLoss {
		b.slept(time.Second)
	}
	if got := b.allowance(); got != hybridMax/2 {
		t.Errorf("after many: %v, want %v", got, hybridMax/2)
	}
}

func TestBudgetOfZeroProbesNowAndThen(t *testing.T) {
	b := newBudget(WaitHybrid)
	for b.currentNs.Load() > 0 {
		b.slept(time.Second)
	}
	probes := 0
	for range 3 * probeEvery {
		if b.allowance() == hybridMax {
			probes++
		}
	}
	if probes != 3 {
		t.Errorf("%d probes in %d calls, want 3", probes, 3*probeEvery)
	}
	b.won()
	if got := b.allowance(); got != budgetStart {
		t.Errorf("after a probe that won: %v, want %v", got, budgetStart)
	}
}

func TestFixedPoliciesDoNotAdapt(t *testing.T) {
	for policy, want := range map[WaitPolicy]time.Duration{WaitSpin: spinMax, WaitBlock: 0} {
		b := newBudget(policy)
		for range 100 {
			b.won()
			b.slept(time.Second)
			b.slept(time.Nanosecond)
			if got := b.allowance(); got != want {
				t.Fatalf("policy %d: %v, want %v", policy, got, want)
			}
		}
		if b.alone.Store(true); b.allowance() != 0 {
			t.Errorf("policy %d spins on one processor", policy)
		}
	}
}
