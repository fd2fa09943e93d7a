// Command go-cgo is the benchmark's driver for the case `cgo-noop`: a C function
// that does nothing. It is a module of its own, as nothing else here needs a C
// compiler.
package main

// static void noop(void) {}
import "C"

import (
	"fmt"
	"os"

	"github.com/outrigger-ipc/outrigger/benches/go/measure"
)

func main() {
	reply := make([]byte, measure.PayloadLen)
	// The function is given nothing; the copy stands for the reply that all cases
	// compare, and costs a nanosecond.
	call := func(request []byte) ([]byte, error) {
		C.noop()
		copy(reply, request)
		return reply, nil
	}
	if err := measure.NewDriver(call).Serve(); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}
