package ring

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// heapRing is a ring in plain memory, where the race detector sees it.
func heapRing(capacity, stride uint32) (*Producer, *Consumer, Memory) {
	// Words are what makes the memory aligned.
	words := make([]uint64, (capacity*stride+abi.ConsumerControlSize)/8)
	bytes := bytesOf(words)
	memory := Memory{
		Slots: bytes[:capacity*stride], Control: bytes[capacity*stride:],
		Capacity: capacity, Stride: stride,
	}
	return NewProducer(memory), NewConsumer(memory), memory
}

func push(t *testing.T, p *Producer, correlation uint64, payload string) (ring bool) {
	t.Helper()
	header := abi.SlotHeader{Kind: 1, Correlation: correlation}
	if err := p.Stage(&header, []byte(payload)); err != nil {
		t.Fatal(err)
	}
	return p.Publish()
}

func pop(t *testing.T, c *Consumer) (correlation uint64, payload string) {
	t.Helper()
	var h abi.SlotHeader
	found, err := c.Peek(&h)
	if err != nil || !found {
		t.Fatalf("found %v, error %v", found, err)
	}
	into := make([]byte, h.PayloadLen)
	c.Copy(into)
	c.Release()
	return h.Correlation, string(into)
}

func empty(t *testing.T, c *Consumer) {
	t.Helper()
	var h abi.SlotHeader
	if found, err := c.Peek(&h); found || err != nil || c.Ready(c.Position()) {
		t.Fatalf("found %v, ready %v, error %v in an empty ring", found, c.Ready(c.Position()), err)
	}
}

func TestPublishMakesHeaderAndPayloadVisible(t *testing.T) {
	p, c, _ := heapRing(4, 64)
	empty(t, c)
	want := abi.SlotHeader{
		Kind: 6, Flags: 4, Method: 0x1234, Correlation: 1 << 60, Code: 99, Depth: 8, Codec: 1,
		Deadline: 1<<64 - 1,
	}
	header := want
	if err := p.Stage(&header, []byte("abcd")); err != nil {
		t.Fatal(err)
	}
	empty(t, c) // staged is not published
	p.Publish()
	want.Lap, want.PayloadLen = 1, 4
	var got abi.SlotHeader
	if found, err := c.Peek(&got); !found || err != nil || got != want || !c.Ready(c.Position()) {
		t.Fatalf("got %+v, want %+v, error %v", got, want, err)
	}
	into := make([]byte, 4)
	if c.Copy(into); string(into) != "abcd" {
		t.Errorf("payload %q", into)
	}
	c.Release()
	empty(t, c)
}

func TestLapsTellTheRoundsOfEachSlotApart(t *testing.T) {
	p, c, _ := heapRing(4, 64)
	for i := range uint64(1000) {
		push(t, p, i, "x")
		if got, _ := pop(t, c); got != i {
			t.Fatalf("message %d, want %d", got, i)
		}
		empty(t, c)
	}
	if c.Position() != 1000 || p.Position() != 1000 {
		t.Errorf("positions %d and %d, want 1000", c.Position(), p.Position())
	}
}

func TestFullRingIsAnErrorAndWritesNothing(t *testing.T) {
	p, c, _ := heapRing(4, 64)
	for i := range uint64(4) {
		push(t, p, i, "x")
	}
	var full *FullError
	if err := p.Stage(&abi.SlotHeader{}, nil); !errors.As(err, &full) || full.Capacity != 4 {
		t.Fatalf("error %v", err)
	}
	for i := range uint64(4) {
		if got, _ := pop(t, c); got != i {
			t.Fatalf("message %d, want %d", got, i)
		}
	}
	push(t, p, 4, "x") // the published position made room
}

func TestLearnMakesRoomBeforeThePositionIsPublished(t *testing.T) {
	p, c, _ := heapRing(16, 64)
	for i := range uint64(16) {
		push(t, p, i, "x")
	}
	for range 3 { // less than the quarter that Release publishes
		pop(t, c)
	}
	if err := p.Stage(&abi.SlotHeader{}, nil); err == nil {
		t.Fatal("room without a position")
	}
	if err := p.Learn(3); err != nil {
		t.Fatal(err)
	}
	if err := p.Learn(2); err != nil {
		t.Errorf("an older position: %v", err)
	}
	push(t, p, 16, "x")
}

func TestImpossiblePositionIsAnError(t *testing.T) {
	var impossible *ImpossibleError
	p, _, memory := heapRing(4, 64)
	push(t, p, 0, "x")
	if err := p.Learn(2); !errors.As(err, &impossible) || impossible.Seen != 2 ||
		impossible.Highest != 1 {
		t.Errorf("error %v", err)
	}
	for i := range uint64(3) {
		push(t, p, i, "x")
	}
	binary.LittleEndian.PutUint64(memory.Control, 1<<63)
	if err := p.Stage(&abi.SlotHeader{}, nil); !errors.As(err, &impossible) {
		t.Errorf("error %v", err)
	}
}

func TestReachedKnowsWhatWasPublished(t *testing.T) {
	p, c, _ := heapRing(4, 64)
	for tail := range uint64(50) {
		for position := range tail + 20 {
			if got, want := p.Reached(position), position <= tail; got != want {
				t.Fatalf("position %d, tail %d: %v", position, tail, got)
			}
		}
		push(t, p, tail, "x")
		pop(t, c)
	}
}

// TestWhoSeesAMessageSeesItsPositionReached holds the order of two stores: the position
// comes before the lap, as the consumer's word of it may be checked at once.
func TestWhoSeesAMessageSeesItsPositionReached(t *testing.T) {
	const messages = 200_000
	p, c, _ := heapRing(64, 64)
	go func() {
		for range messages {
			for p.Stage(&abi.SlotHeader{}, nil) != nil {
				runtime.Gosched()
			}
			p.Publish()
		}
	}()
	var h abi.SlotHeader
	for position := uint64(1); position <= messages; position++ {
		for found := false; !found; {
			var err error
			if found, err = c.Peek(&h); err != nil {
				t.Fatal(err)
			}
			if !p.Reached(c.Position()) || found && !p.Reached(position) {
				t.Fatalf("message %d is there, and its position is not reached", position)
			}
			if !found {
				runtime.Gosched()
			}
		}
		c.Release()
	}
}

func TestCorruptLapIsAnErrorNotEmpty(t *testing.T) {
	for _, lap := range []uint32{2, 3, 1<<32 - 1} {
		_, c, memory := heapRing(4, 64)
		binary.LittleEndian.PutUint32(memory.Slots, lap)
		var corrupt *CorruptError
		var h abi.SlotHeader
		if found, err := c.Peek(&h); found || !errors.As(err, &corrupt) || corrupt.Seen != lap {
			t.Errorf("lap %d: found %v, error %v", lap, found, err)
		}
		if ready, err := c.Arm(); ready || !errors.As(err, &corrupt) {
			t.Errorf("lap %d: armed, ready %v, error %v", lap, ready, err)
		}
		if !c.Ready(c.Position()) {
			t.Errorf("lap %d: not ready, so nobody would look", lap)
		}
	}
}

func TestBellRingsOnlyForTheArmedPosition(t *testing.T) {
	p, c, _ := heapRing(8, 64)
	if !push(t, p, 0, "x") {
		t.Error("the first message of a ring did not ring")
	}
	if push(t, p, 1, "x") {
		t.Error("rang for a ring that is not armed")
	}
	if ready, err := c.Arm(); !ready || err != nil {
		t.Errorf("armed over a message: ready %v, error %v", ready, err)
	}
	pop(t, c)
	pop(t, c)
	if ready, err := c.Arm(); ready || err != nil {
		t.Errorf("armed an empty ring: ready %v, error %v", ready, err)
	}
	if !push(t, p, 2, "x") {
		t.Error("did not ring for the armed position")
	}
	if push(t, p, 3, "x") {
		t.Error("rang twice for one arming")
	}
}

func TestBatchRingsIfItHoldsTheArmedPosition(t *testing.T) {
	p, c, _ := heapRing(8, 64)
	push(t, p, 0, "x")
	pop(t, c)
	if _, err := c.Arm(); err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 3; i++ {
		if err := p.Stage(&abi.SlotHeader{Correlation: i}, nil); err != nil {
			t.Fatal(err)
		}
	}
	empty(t, c)
	if !p.Publish() {
		t.Error("did not ring for a batch that begins at the armed position")
	}
	if p.Publish() {
		t.Error("rang for nothing")
	}
	for i := uint64(1); i <= 3; i++ {
		if got, _ := pop(t, c); got != i {
			t.Errorf("message %d, want %d", got, i)
		}
	}
}

// TestNoWakeUpIsLostBetweenTwoGoroutines has a consumer that sleeps whenever the
// ring is empty, on a channel that stands for the doorbell.
func TestNoWakeUpIsLostBetweenTwoGoroutines(t *testing.T) {
	const messages = 50_000
	p, c, _ := heapRing(64, 64)
	bell := make(chan struct{}, 1)
	var published int // plain: handed over by the ring alone, as -race will see
	go func() {
		for i := range uint64(messages) {
			published++
			for p.Stage(&abi.SlotHeader{Correlation: i}, []byte("payload")) != nil {
				runtime.Gosched()
			}
			if p.Publish() {
				select {
				case bell <- struct{}{}:
				default:
				}
			}
		}
	}()
	var h abi.SlotHeader
	var into [7]byte
	for want := uint64(0); want < messages; {
		found, err := c.Peek(&h)
		if err != nil {
			t.Fatal(err)
		}
		if found {
			c.Copy(into[:])
			if h.Correlation != want || string(into[:]) != "payload" {
				t.Fatalf("message %d with %q, want %d", h.Correlation, into, want)
			}
			c.Release()
			want++
			continue
		}
		if ready, err := c.Arm(); err != nil {
			t.Fatal(err)
		} else if !ready {
			<-bell // go test's own time limit would find a lost one
		}
	}
	if published != messages {
		t.Errorf("%d published", published)
	}
}

func TestMisalignedMemoryIsOurOwnDefect(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("accepted")
		}
	}()
	bytes := bytesOf(make([]uint64, 128))
	NewProducer(Memory{Slots: bytes[4:], Control: bytes[512:], Capacity: 2, Stride: 64})
}

// TestAnOldPositionIsReadySoThatNoMessageIsMissed asks as a goroutine does that
// looked long ago: others have read on since, over several laps.
func TestAnOldPositionIsReadySoThatNoMessageIsMissed(t *testing.T) {
	p, c, _ := heapRing(4, 64)
	for i := range uint64(20) {
		if c.Ready(i) {
			t.Fatalf("empty position %d is ready", i)
		}
		push(t, p, i, "x")
		for old := range i + 1 {
			if !c.Ready(old) {
				t.Fatalf("position %d is not ready, head %d", old, c.Position())
			}
		}
		pop(t, c)
	}
}
