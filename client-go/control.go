package outrigger

import (
	"errors"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// writeTimeout bounds the wait for a server that does not read its socket.
const writeTimeout = 5 * time.Second

// control is the control goroutine: it reads the socket for the life of the
// session, whose end it also works off.
func (c *Conn) control() {
	for c.cause.Load() == nil {
		header, body, err := c.frames.next()
		if err == nil {
			err = c.take(&header, body)
		}
		if err != nil {
			c.socketFailed(err)
		}
	}
	c.finish()
	c.frames.close()
}

// socketFailed names the cause after a frame or the socket failed. After BYE or
// Close it is named already.
func (c *Conn) socketFailed(err error) {
	var broken *Error
	if errors.As(err, &broken) {
		_ = c.defect(broken)
	} else {
		c.hungUp()
	}
}

// take acts on one frame.
//
// Errors: a violation.
func (c *Conn) take(header *abi.ControlHeader, body []byte) error {
	switch header.Kind {
	case abi.ControlBound:
		return c.methods.bound(header, body)
	case abi.ControlExtent:
		return c.takeExtent(header.Token, body)
	case abi.ControlExtentDrop:
		return c.takeDrop(header.Token, body)
	case abi.ControlGoaway:
		return c.takeGoaway(body)
	case abi.ControlBye:
		c.takeBye(header, body)
		return nil
	}
	return violation("frame of kind %d from the server (allowed: %d, %d, %d, %d, %d)",
		header.Kind, abi.ControlBound, abi.ControlExtent, abi.ControlExtentDrop,
		abi.ControlGoaway, abi.ControlBye)
}

// takeExtent maps a new extent. One that cannot be mapped now is refused; one
// that is not what it should be breaks the protocol.
func (c *Conn) takeExtent(token uint64, body []byte) error {
	if len(body) != abi.ExtentBodySize {
		return violation("EXTENT body of %d bytes (allowed: %d)", len(body), abi.ExtentBodySize)
	}
	fds, err := c.frames.takeFds(1)
	if err != nil {
		return err
	}
	defer shm.CloseFd(fds[0])
	var extent abi.ExtentBody
	extent.Decode(body)
	code := abi.CodeOk
	if err := c.extents.add(token, &extent, fds[0]); err != nil {
		var untrusted *shm.UntrustedError
		if errors.Is(err, ErrProtocol) {
			return err
		}
		if errors.As(err, &untrusted) {
			return violation("extent %d: %v", token, untrusted)
		}
		c.log.Warn("outrigger: extent not mapped", "extent", token, "error", err)
		code = abi.CodeResourceExhausted
	}
	return c.tell(abi.ControlExtentMapped, code, token, nil)
}

// takeDrop unmaps an extent whose buffers are all free.
func (c *Conn) takeDrop(token uint64, body []byte) error {
	if len(body) != 0 {
		return violation("EXTENT_DROP body of %d bytes (allowed: 0)", len(body))
	}
	if err := c.extents.drop(token); err != nil {
		return err
	}
	return c.tell(abi.ControlExtentDropped, abi.CodeOk, token, nil)
}

// takeGoaway stops new calls on every lane and tells the server behind which
// position each lane ends. Under the lanes' locks no CALL can slip behind it.
func (c *Conn) takeGoaway(body []byte) error {
	if c.goaway.Load() != nil {
		return violation("a second GOAWAY")
	}
	reason := failure(CodeShuttingDown, "the server takes no new calls")
	if len(body) > 0 {
		reason = received(uint16(CodeShuttingDown), body)
	}
	c.goaway.Store(reason)
	c.log.Info("outrigger: server goes away", "epoch", c.epoch, "reason", reason.Message)
	positions := make([]uint64, len(c.lanes))
	for i, l := range c.lanes {
		positions[i] = l.leave()
	}
	c.leave()
	return c.tell(abi.ControlGoawayAck, abi.CodeOk, 0, encodePositions(positions))
}

// takeBye ends the session with the server's reason.
func (c *Conn) takeBye(header *abi.ControlHeader, body []byte) {
	if abi.Code(header.Code) == abi.CodeOk {
		c.end(&ending{err: failure(CodeShuttingDown, "the server said goodbye")})
		return
	}
	c.end(&ending{err: received(header.Code, body)})
}

// tell answers a frame. If that fails the control goroutine reads on: the server
// may have said why it hung up, and that counts.
func (c *Conn) tell(kind uint16, code abi.Code, token uint64, body []byte) error {
	_ = c.write(kind, code, token, body)
	return nil
}

// write sends one frame. Text that is too long for a frame is cut.
//
// Errors: why the session is over, or that the server is gone.
func (c *Conn) write(kind uint16, code abi.Code, token uint64, body []byte) error {
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	_ = c.socket.SetWriteDeadline(time.Now().Add(writeTimeout))
	// The end sets its deadline after the cause; so either the cause is seen here,
	// or its deadline takes the place of the one just set.
	if cause := c.cause.Load(); cause != nil {
		return cause.err
	}
	if _, err := c.socket.Write(encodeFrame(kind, code, token, body)); err != nil {
		c.expectHangup()
		return failure(CodePeerGone, err)
	}
	return nil
}
