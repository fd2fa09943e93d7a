package outrigger_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"time"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
)

func ExampleSpawn() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := outrigger.Spawn(ctx, "./target/release/sidecar", nil,
		outrigger.WithLogger(slog.Default())) // what the sidecar writes, too
	if err != nil {
		log.Fatal(err) // with its exit status and last words, if it had any
	}
	defer conn.Close() // ends the sidecar
	reply, err := conn.Call(context.Background(), "echo", []byte("hello"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", reply)
}
