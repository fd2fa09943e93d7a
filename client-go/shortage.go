package outrigger

import (
	"fmt"
	"runtime"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// A shortage: all buffers that the server may have given away are with this side, as a
// rule in replies that nobody released. The server then waits for one of them, and a call
// for the server, which looks like a slow server unless somebody says so.

// shortage says it as the end of an error's text; else it is empty.
func (c *Conn) shortage() string {
	c.token.Lock()
	count := c.counters.held.Load() + int64(len(c.quarantined))
	c.token.Unlock()
	if count < int64(c.stock.max) {
		return ""
	}
	return fmt.Sprintf("; %d buffers are with this side (maximum %d): release what was read",
		count, c.stock.max)
}

// givenUp returns the error of a call whose context ended while it waited for the server.
// In a shortage it says so, and has the garbage collector look for what was forgotten.
//
// Preconditions: the caller still owns the call's record, so the session is not gone yet.
func (c *Conn) givenUp(cause error) error {
	err := expired(cause)
	short := c.shortage()
	if short == "" {
		return err
	}
	if c.collecting.CompareAndSwap(false, true) {
		c.collector.Go(func() {
			runtime.GC()
			c.collecting.Store(false)
		})
	}
	return &Error{Code: err.Code, Message: err.Message + short}
}

// refused returns the error of an ALLOC that was not granted.
func (c *Conn) refused(a *answer) error {
	var refusal abi.Refusal
	refusal.Decode(a.body[:])
	if Code(a.code) == CodeBufferTooSmall {
		return failure(CodeBufferTooSmall, refusal.Needed, refusal.Available)
	}
	return failure(Code(a.code), fmt.Sprintf("%d bytes needed, %d available%s",
		refusal.Needed, refusal.Available, c.shortage()))
}
