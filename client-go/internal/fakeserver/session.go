//go:build linux && (amd64 || arm64)

package fakeserver

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

// Frame is a control frame that the client sent.
type Frame struct {
	Header abi.ControlHeader
	Body   []byte
}

// Session is one client's.
type Session struct {
	server *Server
	socket *net.UnixConn
	epoch  uint64
	lanes  int

	segments [][]byte
	sizes    [2]uint64
	requests []*ring.Consumer
	// consumed is where requests stand, for those who answer beside the poller.
	consumed      []atomic.Uint64
	requestMemory []ring.Memory
	replies       []*ring.Producer
	replyMemory   []ring.Memory
	grants        *ring.Producer
	returns       *ring.Consumer
	bell          *os.File
	clientBell    int

	// Frames receives every control frame but BIND, as long as it has room.
	Frames chan Frame
	ready  chan struct{}
	done   chan struct{}
	once   sync.Once

	mu       sync.Mutex // of everything below, of the producers and of the socket's writes
	methods  map[uint16]string
	inFlight map[uint64]*Call
	// peak is the most calls that were in flight at once; cancels counts CANCELs.
	peak, cancels, calls int
	ledger               ledger
	ended                bool
}

// run serves until the client hangs up.
func (s *Session) run() {
	s.server.mu.Lock()
	s.server.sessions = append(s.server.sessions, s)
	s.server.mu.Unlock()
	poller := make(chan struct{})
	go func() {
		defer close(poller)
		select {
		case <-s.ready:
			if !s.server.options.Manual {
				s.poll()
			}
		case <-s.done:
		}
	}()
	s.control()
	s.HangUp()
	<-poller
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
}

// control reads frames until the socket ends.
func (s *Session) control() {
	var head [abi.ControlHeaderSize]byte
	for {
		if _, err := io.ReadFull(s.socket, head[:]); err != nil {
			return
		}
		var f Frame
		f.Header.Decode(head[:])
		if f.Header.Length > abi.LimitFrameMax-abi.ControlHeaderSize {
			s.server.violated("frame of %d bytes", f.Header.Length)
			return
		}
		f.Body = make([]byte, f.Header.Length)
		if _, err := io.ReadFull(s.socket, f.Body); err != nil {
			return
		}
		s.take(f)
	}
}

func (s *Session) take(f Frame) {
	switch f.Header.Kind {
	case abi.ControlReady:
		if f.Header.Token != s.epoch {
			s.server.violated("ready with token %d, epoch %d", f.Header.Token, s.epoch)
		}
		close(s.ready)
		s.server.arrived <- s
	case abi.ControlBind:
		s.bind(f)
		return
	case abi.ControlExtentMapped:
		s.ledger.mapped(f.Header.Token, abi.Code(f.Header.Code))
	}
	select {
	case s.Frames <- f:
	default:
	}
}

// bind gives ids in order, the same for the same name.
func (s *Session) bind(f Frame) {
	name := string(f.Body[abi.BindBodySize:])
	s.mu.Lock()
	var id uint16
	for known, text := range s.methods {
		if text == name {
			id = known
		}
	}
	full := id == 0 && len(s.methods) >= s.server.options.MethodsMax
	if id == 0 && !full {
		id = uint16(len(s.methods) + 1)
		s.methods[id] = name
	}
	s.mu.Unlock()
	if full {
		s.Send(abi.ControlBound, abi.CodeResourceExhausted, f.Header.Token,
			[]byte(abi.CodeResourceExhausted.Message("methods")))
		return
	}
	var body [abi.BoundBodySize]byte
	binary.LittleEndian.PutUint16(body[:], id)
	s.Send(abi.ControlBound, abi.CodeOk, f.Header.Token, body[:])
}

// Send sends a control frame.
func (s *Session) Send(kind uint16, code abi.Code, token uint64, body []byte) {
	frame := make([]byte, abi.ControlHeaderSize, abi.ControlHeaderSize+len(body))
	h := abi.ControlHeader{
		Kind: kind, Code: uint16(code), Length: uint32(len(body)), Token: token,
	}
	h.Encode(frame)
	s.SendRaw(append(frame, body...))
}

// SendRaw sends any bytes, with any fds.
func (s *Session) SendRaw(frame []byte, fds ...int) {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, _ = s.socket.WriteMsgUnix(frame, rights, nil)
}

// HangUp ends the session without a word.
func (s *Session) HangUp() {
	s.once.Do(func() {
		close(s.done)
		_ = s.socket.CloseRead()
		_ = s.socket.CloseWrite()
		_ = s.bell.Close()
	})
}

// Gone is closed when the session is over.
func (s *Session) Gone() <-chan struct{} { return s.done }

// Tally returns calls and cancels seen, the most calls in flight at once, and
// the buffers that are granted or lent.
func (s *Session) Tally() (calls, cancels, peak, buffers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.cancels, s.peak, s.ledger.out()
}

// free unmaps everything. The poller and the control loop have ended; handlers
// that answer later find the session ended.
func (s *Session) free() {
	s.HangUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, segment := range s.segments {
		_ = unix.Munmap(segment)
	}
	s.ledger.free()
	_ = unix.Close(s.clientBell)
}

// ringClient wakes the client. The caller holds mu.
func (s *Session) ringClient() {
	if !s.server.options.Tamper.Mute {
		_, _ = unix.Write(s.clientBell, []byte{1})
	}
}
