package outrigger

import (
	"fmt"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// A typed request is encoded by code that is not ours: it may panic, block, call
// this very Conn, or end its goroutine. So no lock that others wait for is held
// while it runs.
//
//	encode ─▶ record.inline ── fits ──▶ copied into the slot under the lane's lock
//	             │ does not: its length is known now
//	             └─▶ a granted buffer, encoded straight into it

// encodeInline writes a message into memory of the record, into so many bytes of it.
//
// Preconditions and errors: those of encode. If the message ends the goroutine, the
// record is given back.
func (c *Conn) encodeInline(
	r *record, message rkyv.Encodable, room int,
) (length int, err error) {
	returned := false
	defer func() {
		if !returned {
			c.release(r)
		}
	}()
	length, err = c.encode(r, r.inline[:room], message)
	returned = true
	return length, err
}

// encode writes a message and returns its length. The memory is only written.
//
// Preconditions: the caller owns the record. Errors: *rkyv.FullError if it does not
// fit; else what is wrong with the message, as *Error.
func (c *Conn) encode(
	r *record, into []byte, message rkyv.Encodable,
) (length int, err error) {
	returned := false
	defer func() {
		r.encoder.Reset(nil) // who kept the encoder writes nowhere
		if returned {
			return
		}
		if cause := recover(); cause != nil {
			err = failure(CodeInvalidArgument, fmt.Sprintf("request: EncodeArchive: %v", cause))
		}
	}()
	r.encoder.Reset(into)
	message.EncodeArchive(&r.encoder)
	length, err = r.encoder.Finish()
	returned = true
	if err == nil {
		return length, nil
	}
	if full, ok := err.(*rkyv.FullError); ok {
		return 0, full
	}
	return 0, failure(CodeInvalidArgument, fmt.Sprintf("request: %v", err))
}
