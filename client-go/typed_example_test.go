package outrigger_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/internal/timers"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// create is a method as generated code has it.
var create = outrigger.Method{
	Name: "timers.create",
	Fingerprint: [16]byte{
		0xed, 0x9e, 0x52, 0xd2, 0xef, 0x39, 0xde, 0x3d,
		0xf7, 0x4d, 0x46, 0x61, 0x58, 0x97, 0xb3, 0xd7,
	},
	Schema: `outrigger schema 1
rkyv 0.8 little_endian aligned pointer_width_32
request 0 TimerConfig
reply 2 TimerCreated
error -
type 0 struct TimerConfig size 8 align 4
  field name offset 0 type 1 String
type 1 string size 8 align 4
type 2 struct TimerCreated size 12 align 4
  field name offset 0 type 1 String
  field name_len offset 8 type 3 u32
type 3 u32 size 4 align 4
`,
}

// A fingerprint is the first half of a hash of the schema.
func ExampleMethod() {
	sum := sha256.Sum256([]byte(create.Schema))
	fmt.Println(create.Name, [16]byte(sum[:16]) == create.Fingerprint)
	// Output: timers.create true
}

// measured is a Caller around another one, which says how long calls take.
type measured struct {
	inner outrigger.Caller
	took  func(method string, elapsed time.Duration)
}

func (m measured) Invoke(
	ctx context.Context, method *outrigger.Method, request rkyv.Encodable,
) (outrigger.Archive, error) {
	begin := time.Now()
	archive, err := m.inner.Invoke(ctx, method, request)
	m.took(method.Name, time.Since(begin))
	return archive, err
}

// absent is a Caller for a test: no server answers.
type absent struct{}

func (absent) Invoke(
	context.Context, *outrigger.Method, rkyv.Encodable,
) (outrigger.Archive, error) {
	return outrigger.Archive{}, outrigger.ErrPeerGone
}

// A generated client calls through any Caller: here through one that measures, and
// one that stands in for a server.
func ExampleCaller() {
	client := timers.NewClient(measured{
		inner: absent{},
		took:  func(method string, _ time.Duration) { fmt.Println(method, "has ended") },
	})
	_, err := client.Create(context.Background(), &timers.TimerConfig{Name: "tea"})
	fmt.Println(errors.Is(err, outrigger.ErrPeerGone))
	// Output:
	// timers.create has ended
	// true
}

// A reply without its generated client, which else does all of this.
func ExampleArchive() {
	conn, err := outrigger.Dial(context.Background(), "unix:///run/app/bridge.sock")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	archive, err := conn.Invoke(context.Background(), &create, &timers.TimerConfig{Name: "tea"})
	if err != nil {
		log.Fatal(err)
	}
	reply, err := timers.ParseTimerCreated(archive.Bytes())
	if err != nil {
		log.Fatal(outrigger.InvalidReply(&create, archive, err))
	}
	name := reply.Name() // a copy: it outlives the archive
	archive.Release()
	fmt.Println(name, archive.Bytes() == nil)
}

// An error that a method declares as a message of its own.
func ExampleFailure() {
	call := func() error { // as a generated client returns it
		return &outrigger.Failure[timers.TimerError]{
			Err: &outrigger.Error{
				Code: outrigger.CodeHandlerError, Message: "no timer tea",
			},
			Detail: timers.TimerErrorUnknown{Name: "tea"},
		}
	}
	err := call()
	var failure *outrigger.Failure[timers.TimerError]
	if errors.As(err, &failure) {
		if unknown, ok := failure.Detail.(timers.TimerErrorUnknown); ok {
			fmt.Println("make the timer", unknown.Name)
		}
	}
	fmt.Println(errors.Is(err, outrigger.ErrHandler), err)
	// Output:
	// make the timer tea
	// true outrigger: handler_error: no timer tea
}

func ExampleInvalidReply() {
	var archive outrigger.Archive // a reply, here of no bytes
	_, err := timers.ParseTimerCreated(archive.Bytes())
	err = outrigger.InvalidReply(&create, archive, err)
	fmt.Println(errors.Is(err, outrigger.ErrSerialization))
	before, _, _ := strings.Cut(err.Error(), ": archive position 0")
	fmt.Println(before)
	// Output:
	// true
	// outrigger: serialization: serialization error: reply of timers.create
}

// Calls that allocate nothing: the request is reused, and the archives are released.
func ExampleConn_Invoke() {
	conn, err := outrigger.Dial(context.Background(), "unix:///run/app/bridge.sock")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	request := timers.TimerConfig{Name: "tea"}
	for range 1000 {
		archive, err := conn.Invoke(context.Background(), &create, &request)
		if err != nil {
			log.Fatal(err)
		}
		archive.Release()
	}
}

// Generated clients make a Failure of an error that has a detail.
func ExampleError_Detail() {
	failureOf := func(err error) error {
		var failed *outrigger.Error
		if !errors.As(err, &failed) || failed.Detail() == nil {
			return err // not the method's own
		}
		detail, invalid := timers.ParseTimerError(failed.Detail())
		if invalid != nil {
			return errors.Join(err, invalid)
		}
		return &outrigger.Failure[timers.TimerError]{Err: failed, Detail: detail.Load()}
	}
	err := &outrigger.Error{Code: outrigger.CodeTimeout, Message: "operation timed out"}
	fmt.Println(failureOf(err))
	// Output: outrigger: timeout: operation timed out
}
