package outrigger

import (
	"testing"
	"time"
)

// The waits of these tests: a near miss, a lost spin, an idle client.
const (
	nearMiss = 80 * time.Microsecond
	lostSpin = 250 * time.Microsecond
	longIdle = time.Second
)

func newBudget(policy WaitPolicy) *budget {
	b := &budget{}
	b.init(policy)
	b.alone.Store(false) // whatever this machine has
	return b
}

func TestIdlenessEndsSpinningAndNearMissesBringItBack(t *testing.T) {
	b := newBudget(WaitHybrid)
	b.slept(longIdle)
	if got := b.allowance(); got != 0 {
		t.Errorf("after an idle wait: %v, want 0", got)
	}
	for want := budgetStart; want < hybridMax; want *= 2 {
		b.slept(nearMiss)
		if got := b.allowance(); got != want {
			t.Errorf("after a near miss: %v, want %v", got, want)
		}
	}
	b.slept(nearMiss)
	b.slept(nearMiss)
	if got := b.allowance(); got != hybridMax {
		t.Errorf("after many near misses: %v, want %v", got, hybridMax)
	}
}

func TestLostSpinsPauseSpinningForLongerEachTime(t *testing.T) {
	b := newBudget(WaitHybrid)
	for _, pause := range []int{pauseMin, 2 * pauseMin, 4 * pauseMin} {
		for b.allowance() == 0 { // grows again, if it was lost before
			b.slept(nearMiss)
		}
		b.slept(lostSpin)
		for i := range pause {
			if b.slept(nearMiss); b.allowance() != 0 {
				t.Fatalf("spins again after %d sleeps, want %d", i+1, pause)
			}
		}
		if b.slept(nearMiss); b.allowance() != budgetStart {
			t.Errorf("after a pause of %d: %v, want %v", pause, b.allowance(), budgetStart)
		}
	}
	b.won()
	b.slept(lostSpin) // costs the trust of that win
	b.slept(lostSpin)
	if got := b.pause.Load(); got != pauseMin {
		t.Errorf("after a win a pause of %d, want %d", got, pauseMin)
	}
}

func TestOneLostSpinAmongWinsChangesNothing(t *testing.T) {
	b := newBudget(WaitHybrid)
	for range 2 * trustMax {
		b.won()
	}
	for i := range trustMax / trustLoss {
		if b.slept(lostSpin); b.allowance() != hybridMax {
			t.Errorf("after %d lost spins: %v, want %v", i+1, b.allowance(), hybridMax)
		}
	}
	if b.slept(lostSpin); b.allowance() != 0 {
		t.Errorf("without trust: %v, want 0", b.allowance())
	}
}

func TestFixedPoliciesDoNotAdapt(t *testing.T) {
	for policy, want := range map[WaitPolicy]time.Duration{WaitSpin: spinMax, WaitBlock: 0} {
		b := newBudget(policy)
		for range 100 {
			b.won()
			b.slept(longIdle)
			b.slept(nearMiss)
			if got := b.allowance(); got != want {
				t.Fatalf("policy %d: %v, want %v", policy, got, want)
			}
		}
		if b.alone.Store(true); b.allowance() != 0 {
			t.Errorf("policy %d spins on one processor", policy)
		}
	}
}
