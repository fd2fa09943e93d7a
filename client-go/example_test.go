package outrigger_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
)

func ExampleDial() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := outrigger.Dial(ctx, "unix:///run/app/bridge.sock",
		outrigger.WithWait(outrigger.WaitHybrid), outrigger.WithLogger(slog.Default()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println("server", conn.Version())
}

func ExampleConn_Call() {
	conn, err := outrigger.Dial(context.Background(), "unix:///run/app/bridge.sock")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	reply, err := conn.Call(context.Background(), "echo", []byte("hello"))
	switch {
	case errors.Is(err, outrigger.ErrNotFound):
		log.Fatal("the server has no such method")
	case err != nil:
		log.Fatal(err)
	}
	fmt.Printf("%s\n", reply)
}

// A large value is written where the server reads it, and the reply is read where the
// server wrote it.
func ExampleConn_CallBuffer() {
	ctx := context.Background()
	conn, err := outrigger.Dial(ctx, "unix:///run/app/bridge.sock", outrigger.WithLeakCheck())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	request, err := conn.Alloc(ctx, 1<<20)
	if err != nil {
		log.Fatal(err) // ErrBufferTooSmall, ErrResourceExhausted, …
	}
	for i := range request.Bytes() {
		request.Bytes()[i] = byte(i)
	}
	reply, err := conn.CallBuffer(ctx, "app.render", request) // request is empty now
	if err != nil {
		log.Fatal(err)
	}
	defer reply.Release()
	fmt.Println(len(reply.Bytes()), conn.Stats().BuffersHeld)
}

// A loop of calls that allocates nothing: the slice is used again and again.
func ExampleConn_CallAttached() {
	ctx := context.Background()
	conn, err := outrigger.Dial(ctx, "unix:///run/app/bridge.sock")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	left, right := make([]byte, 300_000), make([]byte, 200_000)
	buffers, err := conn.AllocAll(ctx, len(left), len(right)) // both, or none
	if err != nil {
		log.Fatal(err)
	}
	copy(buffers[0].Bytes(), left)
	copy(buffers[1].Bytes(), right)
	var attached outrigger.Attachments
	defer attached.Release()
	for _, b := range buffers {
		if err := attached.Add(b); err != nil {
			log.Fatal(err)
		}
	}
	reply, err := conn.CallAttached(ctx, "pictures.blend", outrigger.Buffer{}, &attached)
	if err != nil {
		log.Fatal(err)
	}
	defer reply.Release()
	for i := range attached.Len() { // those of the reply, where the server wrote them
		fmt.Println(len(attached.At(i).Bytes()))
	}
}

func ExampleConn_CallInto() {
	conn, err := outrigger.Dial(context.Background(), "unix:///run/app/bridge.sock")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	request, reply := []byte("hello"), make([]byte, 0, 4096)
	for range 1000 {
		answer, err := conn.CallInto(context.Background(), "echo", request, reply)
		if err != nil {
			log.Fatal(err)
		}
		if answer != nil {
			reply = answer // it may have grown
		}
	}
}

func ExampleConn_CallJSON() {
	conn, err := outrigger.Dial(context.Background(), "unix:///run/app/bridge.sock")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	var sum struct{ Total int }
	err = conn.CallJSON(context.Background(), "ledger.sum", map[string]int{"a": 1, "b": 2}, &sum)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum.Total)
}

func ExampleConn_Stats() {
	conn, err := outrigger.Dial(context.Background(), "unix:///run/app/bridge.sock")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	stats := conn.Stats()
	fmt.Println(stats.Calls, "calls,", stats.Sleeps, "waited asleep")
}

func ExampleError() {
	err := error(&outrigger.Error{Code: outrigger.CodeTimeout, Message: "operation timed out"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, outrigger.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// outrigger: timeout: operation timed out
	// true true
}
