package outrigger

import (
	"sync/atomic"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// A record is one credit: the right to have one call in flight on a lane, and
// the storage for its answer. All are made with the session, none is made later.
//
//	word = generation << 3 | awaits grant (bit 2) | state (bits 0 and 1)
//
//	         await                park
//	settled ───────▶ awake ─────────────▶ parked
//	   ▲               │ ▲ ──────────────── │ │
//	   │    settle     │ │     unpark         │ settle, then a signal
//	   ├───────────────┘ └──────────────────┘ │
//	   ├──────────────────────────────────────┘
//	   │  the late answer is read        abandon
//	   └──────────────────── abandoned ◀──────── awake
//
// The caller who took the record owns it and makes all moves but settle, until
// it abandons it. Whoever holds the session's token writes the answer, and then
// settles: the move publishes the answer to the owner. An abandoned record
// belongs to the token holder who reads its answer.
type record struct {
	word atomic.Uint64
	// generation counts the calls of this record; only the owner reads it.
	generation uint64
	// correlation ties the answer to the call; only the owner reads it.
	correlation uint64
	lane        *lane
	// last is the method that the record last called; only the owner reads it. A
	// caller that repeats itself is spared the look into the table.
	last *method
	// encoder writes typed requests, those that fit a slot into inline; only the
	// owner uses them.
	encoder rkyv.Encoder
	// spare is memory for a reply, fetched while the call is under way; only
	// the owner uses it.
	spare  *cell
	inline [abi.LimitInlineMax]byte
	// wanted is the grants that the record awaits; set before they are asked for.
	wanted int
	// place is the record's index in its lane.
	place int
	// signal wakes the owner: one value for each parked record that is settled.
	signal chan struct{}
	// alarmed gets a value when the timer fires, which is made when it is needed, and
	// when callers have to leave; see Conn.leave.
	alarmed chan struct{}
	timer   *time.Timer
	answer  answer
	// A record keeps its distance from the next one's word.
	_ [abi.LimitLine]byte
}

// The states of a record.
const (
	// stateSettled: nothing is awaited; the answer, if any, is the owner's.
	stateSettled uint64 = iota
	// stateAwake: the owner looks at the word itself.
	stateAwake
	// stateParked: the owner sleeps, and must be signalled.
	stateParked
	// stateAbandoned: nobody waits; the answer only has to be read.
	stateAbandoned

	stateMask uint64 = 3
)

// What a record awaits.
const (
	awaitsReply uint64 = 0
	awaitsGrant uint64 = 4

	generationShift = 3
)

// begin takes a correlation that was never used before: the generation above
// the record's index+1. The word's 61 bits of generation last for ever.
func (r *record) begin(index uint64, indexBits uint8) {
	r.generation++
	r.correlation = r.generation<<indexBits | (index + 1)
}

// alarm returns a channel that gets a value after a time, unless the owner stops the
// timer before. It is the owner's until the next call of alarm.
//
// Who waits for it looks at Conn.leaving afterwards, and before: a value of then is
// gone.
func (r *record) alarm(after time.Duration) <-chan struct{} {
	select {
	case <-r.alarmed:
	default:
	}
	if r.timer == nil {
		r.timer = time.AfterFunc(after, r.rouse)
	} else {
		r.timer.Reset(after)
	}
	return r.alarmed
}

// rouse gives the alarm, to nobody if nobody waits for it. Anybody may.
func (r *record) rouse() {
	select {
	case r.alarmed <- struct{}{}:
	default: // one of before, that nobody waited for
	}
}

// await opens the record for one answer.
//
// Preconditions: it is settled, or was taken just now.
func (r *record) await(what uint64) { r.word.Store(r.awake(what)) }

// awaitInPassing is await by a store that later loads may overtake. Before the
// caller asks whether the session takes calls at all, a read-modify-write
// operation must follow.
func (r *record) awaitInPassing(what uint64) { ring.StoreRelease64(&r.word, r.awake(what)) }

func (r *record) awake(what uint64) uint64 {
	return r.generation<<generationShift | what | stateAwake
}

func (r *record) settled() bool { return r.word.Load()&stateMask == stateSettled }

// awaits returns the state if the record awaits this answer, else false: it is
// another call's, or none is awaited.
func (r *record) awaits(generation, what uint64) bool {
	word := r.word.Load()
	return word>>generationShift == generation && word&awaitsGrant == what &&
		word&stateMask != stateSettled
}

// park announces that the owner will sleep. It fails if the answer is there.
//
// A token holder that settles the record later finds it parked and signals; one
// that settled it before has changed the word, and park fails. So no sleeper is
// missed, and no signal is left in the channel.
func (r *record) park() bool { return r.move(stateAwake, stateParked) }

// unpark takes the announcement back. If it fails, the record was settled, and
// a signal is in the channel or about to be.
func (r *record) unpark() bool { return r.move(stateParked, stateAwake) }

// abandon gives the record to whoever reads its answer. If it fails, the answer
// is there, and the record still the owner's.
func (r *record) abandon() bool { return r.move(stateAwake, stateAbandoned) }

// withdraw closes a record whose message was never published.
func (r *record) withdraw() { r.move(stateAwake, stateSettled) }

func (r *record) move(from, to uint64) bool {
	word := r.word.Load()
	return word&stateMask == from && r.word.CompareAndSwap(word, word&^stateMask|to)
}

// settle publishes the answer to the owner and wakes it if it sleeps. It fails
// if nobody waits any more: the answer is late.
//
// Preconditions: the caller holds the token, and found that the record awaits
// an answer of this generation.
func (r *record) settle(generation uint64) bool {
	for {
		word := r.word.Load()
		state := word & stateMask
		if word>>generationShift != generation || state == stateAbandoned || state == stateSettled {
			return false
		}
		// Fails at most twice: the owner parked or abandoned it meanwhile.
		if !r.word.CompareAndSwap(word, word&^stateMask) {
			continue
		}
		if state == stateParked {
			r.signal <- struct{}{} // never blocks: one signal per sleep, and room for it
		}
		return true
	}
}

// settleOwn settles the record of the caller itself, who holds the token and so
// has read its answer in passing. Nobody else changes the word now: the owner
// is the caller, and all others want the token first. So it is a plain store.
func (r *record) settleOwn() { ring.StoreRelease64(&r.word, r.word.Load()&^stateMask) }
