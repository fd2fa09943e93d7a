//go:build linux && (amd64 || arm64)

package outrigger_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/internal/kitchens"
	"github.com/outrigger-ipc/outrigger/client-go/internal/timers"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// typedConn spawns the testbed, or returns nil and says that the test was not run.
func typedConn(t *testing.T) *outrigger.Conn {
	t.Helper()
	path := os.Getenv("OUTRIGGER_SIDECAR")
	if path == "" {
		t.Log("not run: OUTRIGGER_SIDECAR is not set")
		return nil
	}
	conn, err := outrigger.Spawn(context.Background(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// random returns a source whose seed is printed, and taken from OUTRIGGER_SEED.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("OUTRIGGER_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = given
	}
	t.Logf("OUTRIGGER_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestEveryMessageCrossesAndComesBackNF09(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), timers.NewClient(conn)

	created, err := client.Create(ctx, &timers.TimerConfig{Name: "a\x00b ü"})
	if err != nil {
		t.Fatal(err)
	}
	if created.Name() != "a\x00b ü" || created.NameLen() != 6 {
		t.Errorf("created %q, %d", created.Name(), created.NameLen())
	}
	created.Release()
	created.Release()
	read := func() (err error) {
		defer rkyv.Recover(&err)
		_ = created.Name()
		return nil
	}
	if err := read(); err != rkyv.ErrEmptyView {
		t.Errorf("a released view was read: %v", err)
	}

	echo := timers.EchoRequest{Message: "hello", DelayMs: 1}
	echoed, err := client.Echo(ctx, &echo)
	if err != nil || echoed.Echoed() != "hello" || echoed.Count() != 1 {
		t.Errorf("echoed %q, error %v", echoed.Echoed(), err)
	}
	echoed.Release()

	request := timers.ComplexRequest{
		Messages: []timers.EchoRequest{echo, echo},
		Tags:     []string{"x", "", "a longer tag"},
		Note:     rkyv.Some("noted"),
		Retries:  rkyv.Some(int64(-3)),
	}
	reply, err := client.Complex(ctx, &request)
	if err != nil {
		t.Fatal(err)
	}
	want := timers.ComplexReply{
		Summary: "hellohelloxa longer tag", ItemCount: 2,
		Note: rkyv.Some("noted"), RetriesLeft: rkyv.Some(int64(-4)),
	}
	if got := reply.Load(); !reflect.DeepEqual(got, want) {
		t.Errorf("reply %+v, want %+v", got, want)
	}
	reply.Release()

	scheduled, err := client.Schedule(ctx, &timers.Schedule{
		Job: timers.TimerConfig{Name: "job"}, AtMs: 5000, Repeat: 3,
	})
	if err != nil || scheduled.LastAtMs() != 8000 {
		t.Errorf("scheduled %d, error %v", scheduled.LastAtMs(), err)
	}
	scheduled.Release()
}

func TestOwnErrorOfAMethodArrivesAsAValueUS17(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), timers.NewClient(conn)
	_, err := client.Echo(ctx, &timers.EchoRequest{DelayMs: 2000})
	var failed *outrigger.Failure[timers.TimerError]
	tooLong := timers.TimerErrorTooLong{Field0: 2000, Field1: 1000}
	if !errors.As(err, &failed) || failed.Detail != tooLong {
		t.Fatalf("error %v", err)
	}
	const text = "outrigger: handler_error: delay 2000 ms (maximum 1000)"
	if err.Error() != text || !errors.Is(err, outrigger.ErrHandler) {
		t.Errorf("error %q", err)
	}
	err = client.Stop(ctx)
	if !errors.As(err, &failed) || failed.Detail != (timers.TimerErrorStopped{}) {
		t.Errorf("error %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = client.Echo(short, &timers.EchoRequest{DelayMs: 900})
	if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &failed) {
		t.Errorf("error %v", err)
	}
	kitchen := kitchens.NewClient(conn)
	for _, size := range []int{0, 100_000 / 2} {
		request := kitchens.Kitchen{
			Name: "soup", Blob: make([]byte, size), Color: kitchens.ColorRed,
			Shape: kitchens.ShapeEmpty{}, Boxed: &kitchens.Pair{}, Letter: 'x',
			Signal: kitchens.SignalStop{},
		}
		_, err := kitchen.Refuse(ctx, &request)
		var refused *outrigger.Failure[kitchens.Refused]
		if !errors.As(err, &refused) || refused.Detail.Attempts != 3 ||
			len(refused.Detail.Kitchen.Blob) != size {
			t.Errorf("size %d: error %v", size, err)
		}
	}
}

// TestArchivesOrJSONFromOneDefinitionNF07 has one method called with each codec.
func TestArchivesOrJSONFromOneDefinitionNF07(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx := context.Background()
	var created struct {
		NameLen int `json:"name_len"`
	}
	config := map[string]string{"name": "by json"}
	err := conn.CallJSON(ctx, "timers.create", config, &created)
	if err != nil || created.NameLen != 7 {
		t.Errorf("created %+v, error %v", created, err)
	}
	for _, test := range []struct {
		call func() error
		text string
	}{
		{
			func() error { _, err := conn.Call(ctx, "timers.create", []byte("raw")); return err },
			"outrigger: serialization: serialization error: " +
				"method timers.create does not take raw (allowed: [rkyv, json])",
		},
		{
			func() error { return conn.CallJSON(ctx, "kitchens.count", 1, nil) },
			"outrigger: serialization: serialization error: " +
				"method kitchens.count does not take json (allowed: [rkyv])",
		},
	} {
		if err := test.call(); err == nil || err.Error() != test.text {
			t.Errorf("error %v, want %s", err, test.text)
		}
	}
}

func TestAnotherFingerprintIsRefusedInWords(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx := context.Background()
	const ours = `outrigger schema 1
rkyv 0.8 little_endian aligned pointer_width_32
request 0 TimerConfig
reply 2 TimerMade
error -
type 0 struct TimerConfig size 8 align 4
  field name offset 0 type 1 String
type 1 string size 8 align 4
`
	method := outrigger.Method{Name: "timers.create", Fingerprint: [16]byte{1}, Schema: ours}
	for range 2 {
		_, err := conn.Invoke(ctx, &method, &timers.TimerConfig{Name: "x"})
		if !errors.Is(err, outrigger.ErrVersionMismatch) {
			t.Fatalf("error %v", err)
		}
		for _, part := range []string{
			"method timers.create is TimerConfig -> TimerCreated, fingerprint ",
			"(the client's: 01000000000000000000000000000000)",
			"; client: TimerConfig -> TimerMade; server: TimerConfig -> TimerCreated",
			`; make the older side again ("outrigger gen go" for a Go client`,
		} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error %q without %q", err, part)
			}
		}
	}
	const shorter = `outrigger schema 1
rkyv 0.8 little_endian aligned pointer_width_32
request 0 TimerConfig
reply 2 TimerCreated
error -
type 0 struct TimerConfig size 8 align 4
  field name offset 0 type 1 String
type 1 string size 8 align 4
type 2 struct TimerCreated size 8 align 4
  field name offset 0 type 1 String
`
	method = outrigger.Method{Name: "timers.create", Fingerprint: [16]byte{1}, Schema: shorter}
	_, err := conn.Invoke(ctx, &method, &timers.TimerConfig{Name: "x"})
	const field = "struct TimerCreated: the server has field name_len: u32, the client has not;"
	if !errors.Is(err, outrigger.ErrVersionMismatch) || !strings.Contains(err.Error(), field) {
		t.Errorf("error %v", err)
	}
	// A server that does not compare leaves its own text.
	method.Schema = strings.Repeat("x", 1<<20+1)
	_, err = conn.Invoke(ctx, &method, &timers.TimerConfig{Name: "x"})
	if err == nil || !strings.HasSuffix(err.Error(), "s: 01000000000000000000000000000000)") {
		t.Errorf("error %v", err)
	}
	method = outrigger.Method{Name: "timers.vanish", Fingerprint: [16]byte{1}}
	_, err = conn.Invoke(ctx, &method, &timers.TimerConfig{})
	var named *outrigger.Error
	if !errors.As(err, &named) || named.Method != "timers.vanish" ||
		err.Error() != "outrigger: not_found: not found: timers.vanish" {
		t.Errorf("error %#v", err)
	}
	method = outrigger.Method{Name: "test.checksum", Fingerprint: [16]byte{1}}
	_, err = conn.Invoke(ctx, &method, &timers.TimerConfig{})
	const untyped = "method test.checksum is untyped here (fingerprint wanted: zero)"
	if !errors.Is(err, outrigger.ErrVersionMismatch) || !strings.Contains(err.Error(), untyped) {
		t.Errorf("error %v", err)
	}
}

// source makes random kitchens.
type source struct{ *rand.Rand }

func (s source) text() string {
	letters := []rune("abc ü€𝄞\x00")
	var text strings.Builder
	for range s.IntN(14) {
		text.WriteRune(letters[s.IntN(len(letters))])
	}
	return text.String()
}

func (s source) bytes(limit int) []byte {
	b := make([]byte, s.IntN(limit))
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return b
}

func (s source) pair() kitchens.Pair { return kitchens.Pair{Field0: s.Uint32(), Field1: s.text()} }

func (s source) shape(depth int) kitchens.Shape {
	switch s.IntN(5) {
	case 0:
		return kitchens.ShapeCircle{Value: s.Float64()}
	case 1:
		return kitchens.ShapeRect{Width: uint16(s.Uint32()), Height: s.Uint64()}
	case 2:
		return kitchens.ShapeLabelled{Field0: s.text(), Field1: s.bytes(9)}
	case 3:
		if depth > 0 {
			framed := s.shape(depth - 1)
			return kitchens.ShapeFramed{Value: &framed}
		}
	}
	return kitchens.ShapeEmpty{}
}

func (s source) tree(depth int) kitchens.Tree {
	tree := kitchens.Tree{Value: int32(s.Uint32())}
	if depth > 0 {
		for range s.IntN(3) {
			tree.Children = append(tree.Children, s.tree(depth-1))
		}
		if s.IntN(2) == 0 {
			next := s.tree(depth - 1)
			tree.Next = rkyv.Some(&next)
		}
	}
	return tree
}

func (s source) numbers() kitchens.Numbers {
	return kitchens.Numbers{
		U8: uint8(s.Uint32()), U16: uint16(s.Uint32()), U32: s.Uint32(), U64: s.Uint64(),
		I8: int8(s.Uint32()), I16: int16(s.Uint32()), I32: int32(s.Uint32()),
		I64: int64(s.Uint64()),
		F32: s.Float32(), F64: math.Float64frombits(s.Uint64()),
	}
}

func (s source) color() kitchens.Color {
	return []kitchens.Color{kitchens.ColorRed, kitchens.ColorGreen, kitchens.ColorBlue}[s.IntN(3)]
}

func (s source) tuple() rkyv.Tuple3[bool, rkyv.Tuple2[uint64, kitchens.Color], []byte] {
	return rkyv.Tuple3[bool, rkyv.Tuple2[uint64, kitchens.Color], []byte]{
		Field0: s.IntN(2) == 0,
		Field1: rkyv.Tuple2[uint64, kitchens.Color]{Field0: s.Uint64(), Field1: s.color()},
		Field2: s.bytes(5),
	}
}

func (s source) outcome() rkyv.Result[string, kitchens.Shape] {
	if s.IntN(2) == 0 {
		return rkyv.Ok[string, kitchens.Shape](s.text())
	}
	return rkyv.Err[string](s.shape(1))
}

func (s source) duration() rkyv.Duration {
	return rkyv.Duration{Seconds: s.Uint64(), Nanos: s.Uint32N(1_000_000_000)}
}

func (s source) kitchen() *kitchens.Kitchen {
	boxed := s.pair()
	k := &kitchens.Kitchen{
		Numbers: s.numbers(), Flag: s.IntN(2) == 0, Letter: []rune("aß€𝄞")[s.IntN(4)],
		Name: s.text(), Blob: s.bytes(40), Boxed: &boxed,
		Three: [3]string{s.text(), s.text(), s.text()},
		Color: s.color(),
		Shape: s.shape(3), Tree: s.tree(3), Type: uint8(s.Uint32()),
	}
	copy(k.Digest[:], s.bytes(33))
	k.Time, k.Label = s.duration(), s.text()
	k.Wide = rkyv.Uint128{Lo: s.Uint64(), Hi: s.Uint64()}
	k.Tuple = rkyv.Tuple2[uint8, string]{Field0: uint8(s.Uint32()), Field1: s.text()}
	for range s.IntN(4) {
		k.Words = append(k.Words, s.Uint64())
		k.Texts = append(k.Texts, s.text())
		k.Pairs = append(k.Pairs, s.pair())
		k.Nested = append(k.Nested, make([]uint16, s.IntN(3)))
		k.Shapes = append(k.Shapes, s.shape(2))
		k.Tuples = append(k.Tuples, s.tuple())
		k.Wides = append(k.Wides, rkyv.Int128{Lo: s.Uint64(), Hi: int64(s.Uint64())})
		k.Fixed = append(k.Fixed, s.pair())
		k.Steps = append(k.Steps, s.duration())
		k.Outcomes = append(k.Outcomes, s.outcome())
	}
	switch s.IntN(3) {
	case 0:
		k.MaybeNumber, k.MaybeText = rkyv.Some(s.Uint32()), rkyv.Some(s.text())
	case 1:
		k.MaybePair = rkyv.Some(s.pair())
		k.Done = rkyv.Some(rkyv.Ok[struct{}, uint32](struct{}{}))
		k.MaybeMaybe = rkyv.Some(rkyv.Some(uint8(s.Uint32())))
	case 2:
		k.MaybeMaybe = rkyv.Some(rkyv.None[uint8]())
		k.Done = rkyv.Some(rkyv.Err[struct{}](s.Uint32()))
	}
	s.pantry(k)
	s.instances(k)
	return k
}

// pantry fills what a kitchen has in another form than its own: maps, sets, options
// without a tag. Those that Rust has in any order have one entry at most, as the
// server writes them again.
func (s source) pantry(k *kitchens.Kitchen) {
	prices, stock, guests := map[string]uint32{}, map[uint8][]byte{}, map[string]bool{}
	shapes := map[rune]kitchens.Shape{}
	for range s.IntN(4) {
		prices[s.text()] = s.Uint32()
		stock[uint8(s.Uint32())] = s.bytes(5)
		guests[s.text()] = true
		shapes['a'+s.Int32N(26)] = s.shape(1)
		k.Limits = append(k.Limits, rkyv.Some(1+s.Int64()), rkyv.None[int64]())
		k.Divisors = append(k.Divisors, uint16(1+s.IntN(1<<16-1)))
		k.IDs = append(k.IDs, [16]byte{0: uint8(s.Uint32()), 15: uint8(s.Uint32())})
	}
	k.Prices, k.Maps = rkyv.EntriesOf(prices), append(k.Maps, rkyv.EntriesOf(stock), nil)
	k.Guests = slices.Sorted(maps.Keys(guests))
	copy(k.ID[:], s.bytes(17))
	if s.IntN(2) == 0 {
		chef := s.pair()
		k.MaybeMap = rkyv.Some(rkyv.EntriesOf(shapes))
		k.Index = []rkyv.Entry[uint16, kitchens.Pair]{{Key: uint16(s.Uint32()), Value: s.pair()}}
		k.Marks = []uint64{s.Uint64()}
		k.Limit, k.Chef = rkyv.Some(1+s.Uint32N(9)), rkyv.Some(&chef)
	}
}

// instances fills the messages with parameters, and those with names of their own.
func (s source) instances(k *kitchens.Kitchen) {
	last := []uint32{s.Uint32()}
	k.NumbersPage.Last = rkyv.Some(&last)
	k.Pan, k.Signal = kitchens.FryingPan{Value: uint8(s.Uint32())}, kitchens.SignalStop{}
	for range s.IntN(3) {
		k.Page.Items = append(k.Page.Items, s.pair())
		k.Page.Rest = append(k.Page.Rest, kitchens.PageOfPair{Items: []kitchens.Pair{s.pair()}})
		k.NumbersPage.Items = append(k.NumbersPage.Items, []uint32{s.Uint32(), s.Uint32()})
		k.Either = append(k.Either,
			kitchens.EitherOfTreeAndOptionOfBoolLeft{Value: s.tree(1)},
			kitchens.EitherOfTreeAndOptionOfBoolRight{
				Value: rkyv.Some(s.IntN(2) == 0), Times: s.Uint32(),
			})
		k.Signal = kitchens.SignalWait{Ms: s.Uint32()}
	}
}

// TestGoWritesTheBytesThatRustWrites sends random messages, which the server takes
// apart and writes again with rkyv itself.
func TestGoWritesTheBytesThatRustWrites(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client, from := context.Background(), kitchens.NewClient(conn), source{random(t)}
	for i := range 3000 {
		kitchen := from.kitchen()
		if i%300 == 0 {
			kitchen.Blob = make([]byte, 200_000)
		}
		archive, err := rkyv.Marshal(kitchen)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := client.Echo(ctx, kitchen)
		if err != nil {
			t.Fatal(i, err)
		}
		loaded := reply.Load()
		again, err := rkyv.Marshal(&loaded)
		if err != nil || !bytes.Equal(archive, again) {
			t.Fatalf("message %d: %v\n%x\n%x", i, err, archive, again)
		}
		reply.Release()
	}
}

// raw is a request that is whatever bytes it holds.
type raw []byte

func (r raw) EncodeArchive(e *rkyv.Encoder) {
	mark, _ := e.Enter()
	at, ok := e.Place(mark, 1, len(r), 1)
	if ok {
		copy(e.Window(at, len(r)), r)
	}
	e.Leave(mark, at)
}

// mutate changes one to four places of an archive, or its length.
func mutate(r *rand.Rand, archive []byte) []byte {
	mutant := bytes.Clone(archive)
	for range 1 + r.IntN(4) {
		if len(mutant) == 0 {
			return mutant
		}
		at := r.IntN(len(mutant))
		switch r.IntN(8) {
		case 0:
			mutant = mutant[:at]
		case 1:
			mutant = append(mutant, byte(r.Uint32()))
		case 2, 3:
			mutant[at] = byte(r.IntN(12))
		case 4:
			mutant[at] ^= 0x80
		default:
			mutant[at] = byte(r.Uint32())
		}
	}
	return mutant
}

// TestGoAndRkyvAgreeOnTenThousandMutants asks both for their verdict, and sends
// those that are refused where only a valid one is answered.
func TestGoAndRkyvAgreeOnTenThousandMutants(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client, from := context.Background(), kitchens.NewClient(conn), source{random(t)}
	valid := 0
	for i := range 10_000 {
		archive, err := rkyv.Marshal(from.kitchen())
		if err != nil {
			t.Fatal(err)
		}
		mutant := mutate(from.Rand, archive)
		verdict, err := client.Judge(ctx, &kitchens.Suspect{Archive: mutant})
		if err != nil {
			t.Fatal(err)
		}
		view, refusal := kitchens.ParseKitchen(mutant)
		if verdict.Valid() != (refusal == nil) {
			t.Fatalf("mutant %d: rkyv %t %q, Go %v\n%x",
				i, verdict.Valid(), verdict.Reason(), refusal, mutant)
		}
		if refusal == nil {
			valid++
			_ = view.Load() // reads all of it
		}
		verdict.Release()
	}
	t.Logf("%d of the mutants are valid", valid)
	if valid == 0 || valid == 10_000 {
		t.Error("the mutants are all alike")
	}
}

func TestTypedRequestThatIsNoArchiveIsSerialization(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, from := context.Background(), source{random(t)}
	method := methodOf(t, conn)
	archive, err := rkyv.Marshal(&timers.TimerConfig{Name: "a name with letters"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		mutant := mutate(from.Rand, archive)
		_, refusal := timers.ParseTimerConfig(mutant)
		reply, err := conn.Invoke(ctx, method, raw(mutant))
		foreign := err != nil && !errors.Is(err, outrigger.ErrSerialization)
		if (err == nil) != (refusal == nil) || foreign {
			t.Fatalf("mutant %d: %v, Go says %v\n%x", i, err, refusal, mutant)
		}
		reply.Release()
	}
}

// methodOf returns the method by which the generated client of timers creates one.
func methodOf(t *testing.T, conn *outrigger.Conn) *outrigger.Method {
	t.Helper()
	spy := &spyingCaller{conn: conn}
	reply, err := timers.NewClient(spy).Create(context.Background(), &timers.TimerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	reply.Release()
	return spy.method
}

// spyingCaller notes the method, as another transport would.
type spyingCaller struct {
	conn   *outrigger.Conn
	method *outrigger.Method
}

func (s *spyingCaller) Invoke(
	ctx context.Context, method *outrigger.Method, request rkyv.Encodable,
) (outrigger.Archive, error) {
	s.method = method
	return s.conn.Invoke(ctx, method, request)
}

func TestTypedCallAllocatesNothing(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	if outrigger.RaceEnabled {
		t.Log("not run: the race detector allocates")
		return
	}
	ctx, client := context.Background(), kitchens.NewClient(conn)
	request := source{random(t)}.numbers()
	sum := uint64(0)
	call := func() {
		reply, err := client.Count(ctx, &request)
		if err != nil {
			t.Fatal(err)
		}
		sum += reply.U64() + uint64(reply.U32())
		reply.Release()
	}
	if allocations := testing.AllocsPerRun(1000, call); allocations != 0 {
		t.Errorf("%v allocations in this process", allocations)
	}
	served := func() (process struct {
		Allocations uint64 `json:"allocations"`
	}) {
		if err := conn.CallJSON(ctx, "test.process", nil, &process); err != nil {
			t.Fatal(err)
		}
		return process
	}
	const calls = 10_000
	before := served()
	for range calls {
		call()
	}
	// Asking takes some allocations itself, and other threads a few.
	if allocations := served().Allocations - before.Allocations; allocations > calls/10 {
		t.Errorf("%d allocations in the server for %d calls", allocations, calls)
	}
}

func TestReleasedReplyIsNeverReadAgain(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), timers.NewClient(conn)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				name := strings.Repeat(strconv.Itoa(i), 5)
				reply, err := client.Create(ctx, &timers.TimerConfig{Name: name})
				if err != nil {
					t.Error(err)
					return
				}
				stale := reply
				if reply.Name() != name {
					t.Errorf("reply %q, want %q", reply.Name(), name)
				}
				reply.Release()
				stale.Release() // the first one counts: no memory is given back twice
			}
		})
	}
	all.Wait()
}

func TestRequestThatCannotBeEncodedFailsAlone(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	ctx, client := context.Background(), timers.NewClient(conn)
	for _, request := range []rkyv.Encodable{
		&timers.TimerConfig{Name: "\xff"},
		(*timers.TimerConfig)(nil),
		panicking{},
	} {
		_, err := conn.Invoke(ctx, methodOf(t, conn), request)
		if !errors.Is(err, outrigger.ErrInvalidArgument) {
			t.Errorf("%T: error %v", request, err)
		}
	}
	if reply, err := client.Create(ctx, &timers.TimerConfig{Name: "fine"}); err != nil {
		t.Error(err)
	} else {
		reply.Release()
	}
}

// panicking is a request that cannot be trusted.
type panicking struct{}

func (panicking) EncodeArchive(*rkyv.Encoder) { panic("oh") }

// TestEachTypedCallIsAnsweredExactlyOnceUS03 gives up half of the calls at any
// moment: each still ends once, for its caller or as a late answer.
func TestEachTypedCallIsAnsweredExactlyOnceUS03(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	const callers, each = 32, 60
	client, seeds := timers.NewClient(conn), random(t)
	var all sync.WaitGroup
	for range callers {
		from := rand.New(rand.NewPCG(seeds.Uint64(), 0))
		all.Go(func() {
			for i := range each {
				ctx, cancel := context.WithCancel(context.Background())
				if from.IntN(2) == 0 {
					patience := time.Duration(from.IntN(4000)) * time.Microsecond
					ctx, cancel = context.WithTimeout(ctx, patience)
				}
				text := strconv.Itoa(i)
				reply, err := client.Echo(ctx, &timers.EchoRequest{
					Message: text, DelayMs: uint32(from.IntN(3)),
				})
				if err == nil && reply.Echoed() != text {
					t.Errorf("answer %q to %q", reply.Echoed(), text)
				} else if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				reply.Release()
				cancel()
			}
		})
	}
	all.Wait()
	stats := conn.Stats()
	for begin := time.Now(); stats.AbandonedInFlight > 0; stats = conn.Stats() {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("answers are missing: %+v", stats)
		}
		time.Sleep(time.Millisecond)
	}
	if stats.Calls != stats.Replies+stats.LateReplies || stats.InFlight != 0 {
		t.Errorf("%+v", stats)
	}
	t.Logf("%d calls, %d replies, %d late", stats.Calls, stats.Replies, stats.LateReplies)
}

// misbehaving is a request whose own code does what it should not.
type misbehaving struct{ encode func() }

func (m misbehaving) EncodeArchive(e *rkyv.Encoder) {
	m.encode()
	(&timers.TimerConfig{Name: "well"}).EncodeArchive(e)
}

func TestRequestThatBlocksCallsOrLeavesStopsNobodyElse(t *testing.T) {
	conn, other := typedConn(t), typedConn(t)
	if conn == nil || other == nil {
		return
	}
	ctx := context.Background()
	method := methodOf(t, conn)
	release, blocked := make(chan struct{}), make(chan error)
	go func() {
		reply, err := conn.Invoke(ctx, method, misbehaving{func() { <-release }})
		reply.Release()
		blocked <- err
	}()
	go func() {
		_, _ = conn.Invoke(ctx, method, misbehaving{runtime.Goexit})
	}()
	inside := misbehaving{func() {
		if _, err := conn.Call(ctx, "outrigger.echo", []byte("inside")); err != nil {
			t.Error(err)
		}
	}}
	// Longer than the belt's second, which looks at all sessions.
	for begin := time.Now(); time.Since(begin) < 2500*time.Millisecond; {
		for _, c := range []*outrigger.Conn{conn, other} {
			bounded, cancel := context.WithTimeout(ctx, 20*time.Second)
			reply, err := c.Invoke(bounded, method, inside)
			if err != nil {
				t.Fatal(err)
			}
			reply.Release()
			_, err = c.Call(bounded, "test.sleep", []byte("1"))
			cancel()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	close(release)
	if err := <-blocked; err != nil {
		t.Error(err)
	}
	if stats := conn.Stats(); stats.InFlight != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestLateLookAtAReleasedReplyIsHarmless(t *testing.T) {
	conn := typedConn(t)
	if conn == nil {
		return
	}
	client := kitchens.NewClient(conn)
	var all sync.WaitGroup
	for i := range 40 {
		request := kitchens.Suspect{Archive: make([]byte, i*1000)}
		verdict, err := client.Judge(context.Background(), &request)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := conn.Invoke(context.Background(), methodOf(t, conn), &timers.TimerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if b := archive.Bytes(); len(b) > 100 {
				t.Errorf("%d bytes", len(b))
			}
		})
		all.Go(archive.Release)
		verdict.Release()
	}
	all.Wait()
}
