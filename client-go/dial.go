package outrigger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// pathMax is the bytes of a path in sockaddr_un, its final zero excluded.
const pathMax = 107

// Dial connects to the server that listens on a unix socket, given as
// "unix:///path", the path absolute and at most 107 bytes. The context, and 10 seconds, bound the connecting only.
//
// Errors: why the socket cannot be reached, wrapped; ErrVersionMismatch if the
// server speaks another ABI or layout; whatever it refused with; ErrProtocol if
// it is not what it should be; errors.ErrUnsupported on other systems than
// Linux on amd64 and arm64.
func Dial(ctx context.Context, target string, opts ...Option) (*Conn, error) {
	c, err := dial(ctx, target, opts)
	var own *Error
	if err != nil && !errors.As(err, &own) {
		err = fmt.Errorf("outrigger: dial %s: %w", target, err)
	}
	return c, err
}

func dial(ctx context.Context, target string, list []Option) (*Conn, error) {
	if err := shm.Supported(); err != nil {
		return nil, err
	}
	o, err := newOptions(list)
	if err != nil {
		return nil, err
	}
	path, ok := strings.CutPrefix(target, "unix://")
	if !ok || !strings.HasPrefix(path, "/") {
		return nil, failure(CodeInvalidArgument, fmt.Sprintf(
			"target %q (allowed: unix:///path)", target))
	}
	if len(path) > pathMax {
		return nil, failure(CodeInvalidArgument, fmt.Sprintf(
			"socket path of %d bytes (maximum %d): choose a folder with a shorter name",
			len(path), pathMax))
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	socket := connection.(*net.UnixConn)
	err = shm.CheckPeer(socket)
	var c *Conn
	if err == nil {
		c, err = shakeHands(ctx, socket, o)
	}
	if err != nil {
		_ = socket.Close()
		return nil, handshakeFailed(ctx, err)
	}
	return c, nil
}

// shakeHands makes a session of a fresh connection to a server that was checked.
func shakeHands(ctx context.Context, socket *net.UnixConn, o *options) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(longAgo) })
	defer stop()
	frames := &frameReader{socket: socket}
	welcome, fds, err := greet(frames, o.lanes)
	clock := newClock(clockOf(welcome))
	if err == nil && len(frames.fds) > 0 {
		err = violation("WELCOME with %d fds (allowed: %d)", len(fds)+len(frames.fds), len(fds))
	}
	var c *Conn
	if err == nil {
		c, err = open(welcome, fds, o)
	}
	if err == nil {
		c.socket, c.frames, c.clock = socket, frames, clock
		_, err = socket.Write(encodeFrame(abi.ControlReady, abi.CodeOk, welcome.Epoch, nil))
	}
	if err == nil && !stop() {
		err = ctx.Err() // the deadline set above may come at any time
	}
	if err != nil {
		frames.close()
		if c != nil {
			c.discard()
		}
		refuse(socket, err)
		return nil, err
	}
	_ = socket.SetDeadline(time.Time{})
	go c.readBell()
	go c.control()
	o.log.Debug("outrigger: session begun", "epoch", c.epoch, "server", c.version,
		"lanes", len(c.lanes), "credits", c.credits)
	return c, nil
}

// refuse tells the server what is wrong with its handshake.
func refuse(socket *net.UnixConn, err error) {
	var own *Error
	if errors.As(err, &own) {
		sayBye(socket, abi.Code(own.Code), own.Message)
	}
}

func clockOf(welcome *abi.Welcome) uint64 {
	if welcome == nil {
		return 0
	}
	return welcome.ClockNs
}

// open checks and maps what WELCOME brought. It takes the fds over, also if it
// fails.
func open(welcome *abi.Welcome, fds []int, o *options) (*Conn, error) {
	c := &Conn{
		log:        o.log,
		version:    versionText(welcome),
		serial:     serials.Add(1),
		epoch:      welcome.Epoch,
		payloadMax: welcome.PayloadMax,
		leakCheck:  o.leakCheck,
		leaving:    make(chan struct{}),
		returned:   make(chan struct{}, 1),
		readerDone: make(chan struct{}),
		gone:       make(chan struct{}),
	}
	c.extents.guard = o.guard
	c.stock.max = int(welcome.BuffersMax)
	c.budget.init(o.wait)
	c.methods.init()
	lay, err := c.takeFds(welcome, fds)
	if err != nil {
		c.discard()
		return nil, err
	}
	signSegment(c.clientSegment, welcome)
	c.makeRings(lay, int(welcome.CallCredits[0]))
	return c, nil
}

// takeFds maps both segments, opens both doorbells, and reads where the rings
// lie. Every fd is closed or kept in c afterwards.
func (c *Conn) takeFds(w *abi.Welcome, fds []int) (*layout, error) {
	defer shm.CloseFd(fds[abi.FdServerSegment])
	defer shm.CloseFd(fds[abi.FdClientSegment])
	var bellErr, pipeErr, err error
	if c.clientBell, pipeErr = shm.NewClientBell(fds[abi.FdClientBell]); pipeErr != nil {
		shm.CloseFd(fds[abi.FdClientBell])
	}
	if c.serverBell, bellErr = shm.NewServerBell(fds[abi.FdServerBell]); bellErr != nil {
		shm.CloseFd(fds[abi.FdServerBell])
	}
	if err := errors.Join(pipeErr, bellErr); err != nil {
		return nil, err
	}
	c.serverSegment, err = mapSegment(
		fds[abi.FdServerSegment], w.ServerSegmentLen, shm.ReadOnly)
	if err != nil {
		return nil, err
	}
	c.clientSegment, err = mapSegment(
		fds[abi.FdClientSegment], w.ClientSegmentLen, shm.ReadWrite)
	if err != nil {
		return nil, err
	}
	header, err := checkSegment(c.serverSegment, w)
	if err != nil {
		return nil, err
	}
	return readLayout(c.serverSegment, header, w)
}

// mapSegment maps a segment with all its pages.
func mapSegment(fd int, length uint64, access shm.Access) ([]byte, error) {
	memory, err := shm.Map(fd, length, access)
	var untrusted *shm.UntrustedError
	if errors.As(err, &untrusted) {
		return nil, violation("segment: %v", untrusted)
	}
	if err == nil {
		shm.Populate(memory, access)
	}
	return memory, err
}

// discard frees what open made of a session that never began.
func (c *Conn) discard() {
	if c.serverSegment != nil {
		_ = shm.Unmap(c.serverSegment)
	}
	if c.clientSegment != nil {
		_ = shm.Unmap(c.clientSegment)
	}
	if c.clientBell != nil {
		_ = c.clientBell.Close()
	}
	if c.serverBell != nil {
		_ = c.serverBell.Close()
	}
}
