package outrigger

import (
	"errors"
	"net"
	"strings"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// The end of a session. Anybody may name the cause, the first one counts; the
// control goroutine alone does the work:
//
//	end ─▶ cause set, socket unblocked ─▶ control goroutine leaves its loop
//	    ─▶ rings drained a last time, all records settled: every caller returns
//	    ─▶ BYE, hang-up ─▶ reader goroutine gone ─▶ all records given back
//	    ─▶ unmapped, fds closed ─▶ gone

// byeTimeout bounds the wait for room in the socket for the last frame.
const byeTimeout = time.Second

// ending is why a session ends.
type ending struct {
	// err is what calls return.
	err error
	// bye says that the server is told, with this code and message.
	bye     bool
	code    abi.Code
	message string
}

// longAgo as a deadline unblocks every reader and writer of the socket.
var longAgo = time.Unix(1, 0)

// Close ends the session: calls in flight and later ones fail with ErrClosed.
// It returns when nothing is left of the session: no goroutine, no descriptor,
// no mapping, and no sidecar if Spawn started one. Only a Buffer or reply that is not
// released yet can still be read, and keeps its memory mapped until it is. Closing
// again, or after the server ended, does nothing. The error is always nil.
func (c *Conn) Close() error {
	c.closed.Store(true)
	c.end(&ending{err: ErrClosed, bye: true})
	<-c.gone
	if c.child != nil {
		<-c.child.exited
	}
	return nil
}

// end names the cause, if it is the first.
func (c *Conn) end(cause *ending) {
	if c.cause.CompareAndSwap(nil, cause) {
		_ = c.socket.SetDeadline(longAgo)
	}
}

// defect ends the session because the server broke the protocol, and tells it.
// It returns the error for the caller.
func (c *Conn) defect(err error) error {
	var broken *Error
	if !errors.As(err, &broken) {
		broken = violation("%v", err)
	}
	c.end(&ending{
		err: broken, bye: true, code: abi.Code(broken.Code), message: broken.Message,
	})
	return broken
}

// hungUp ends the session because the server is gone.
func (c *Conn) hungUp() {
	c.end(&ending{err: failure(CodePeerGone, "the server hung up")})
}

// hangupTimeout is how long after the server closed its doorbell the control
// socket may take to say why.
const hangupTimeout = time.Second

// expectHangup is what the reader goroutine does when the doorbell is gone: the
// server ends, or this side. Which, the control socket says.
func (c *Conn) expectHangup() {
	_ = c.socket.SetReadDeadline(time.Now().Add(hangupTimeout))
	if c.cause.Load() != nil {
		_ = c.socket.SetReadDeadline(longAgo) // ours was the later, and undid the end's
	}
}

// finish takes the session apart.
//
// Preconditions: the cause is set; called by the control goroutine, once.
func (c *Conn) finish() {
	cause := c.cause.Load()
	why := cause.err.Error()
	if cause.err == ErrClosed {
		why = "closed by this side" // the error's own words read like a fault
	}
	c.log.Info("outrigger: session ended",
		"epoch", c.epoch, "cause", why, "buffers_held", max(c.counters.held.Load(), 0))
	c.sweep(cause.err)
	c.leave()
	if cause.bye {
		sayBye(c.socket, cause.code, cause.message)
	}
	_ = c.socket.Close()
	_ = c.clientBell.Close()
	<-c.readerDone
	for c.taken() > 0 {
		<-c.returned
	}
	c.collector.Wait() // only who owns a record begins another
	c.token.Lock()
	defer c.token.Unlock()
	for _, l := range c.quarantined {
		l.take()
	}
	c.quarantined = nil
	c.stock.forget()
	c.extents.dropAll()
	_ = shm.Unmap(c.serverSegment)
	_ = shm.Unmap(c.clientSegment)
	_ = c.serverBell.Close()
	close(c.gone)
}

// sayBye tells the server why the session ends, if there is room for it.
func sayBye(socket *net.UnixConn, code abi.Code, message string) {
	if room := abi.LimitFrameMax - abi.ControlHeaderSize; len(message) > room {
		message = strings.ToValidUTF8(message[:room], "")
	}
	_ = socket.SetWriteDeadline(time.Now().Add(byeTimeout))
	_, _ = socket.Write(encodeFrame(abi.ControlBye, code, 0, []byte(message)))
}

// sweep reads what the server has still answered, and then settles every record
// with the end as its answer. It happens under the token, so no reply comes
// after it; a record that is opened later finds the cause set.
func (c *Conn) sweep(end error) {
	c.token.Lock()
	defer c.token.Unlock()
	c.drain(nil)
	c.sealed = true
	for i := range c.records {
		r := &c.records[i]
		word := r.word.Load()
		switch word & stateMask {
		case stateSettled:
		case stateAbandoned:
			c.bury(r)
		default:
			// Nobody else writes the answer of an open record without the token.
			r.answer.ended = end
			if !r.settle(word >> generationShift) {
				c.bury(r) // abandoned just now, or withdrawn
			}
		}
	}
}

// leave unblocks those who wait for a credit, a grant or a binding. Only the control
// goroutine calls it.
func (c *Conn) leave() {
	if c.isLeaving() {
		return
	}
	close(c.leaving)
	for i := range c.records {
		c.records[i].rouse() // who waits for a grant
	}
}

// isLeaving reports whether leave was called.
func (c *Conn) isLeaving() bool {
	select {
	case <-c.leaving:
		return true
	default:
		return false
	}
}

// taken counts the records that callers own.
func (c *Conn) taken() int {
	count := len(c.records)
	for _, l := range c.lanes {
		count -= l.freeCount()
	}
	return count
}
