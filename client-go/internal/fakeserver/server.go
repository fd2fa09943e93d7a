//go:build linux && (amd64 || arm64)

// Package fakeserver is a server of the Outrigger ABI for the client's tests,
// written from ABI.md. It is honest unless told otherwise: a Tamper makes it
// lie in one place. It records what the client does wrong.
//
//	server.go    options, listening
//	handshake.go HELLO, WELCOME, segments
//	session.go   control frames, the end
//	poller.go    request and return rings, handlers
//	ledger.go    extents and buffers
package fakeserver

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// Handler answers a call: now or later, from any goroutine, with one of the
// call's methods. It runs on the poller.
type Handler func(*Call)

// Options say how the server is. The zero value of a field means its default.
type Options struct {
	Lanes, Credits int    // 1 and 16
	PayloadMax     uint64 // abi.LimitPayloadMax
	MethodsMax     int    // 64
	Version        string // "0.0.0-fake"
	// Spin is how long the poller spins before it sleeps.
	Spin time.Duration
	// Bare echoes every small call and does nothing else: no books, no methods,
	// no allocations. It is for measuring the client.
	Bare bool
	// Manual leaves the reading of the rings to the caller of Session.Work.
	Manual bool
	// Stock grants the buffer of each request anew, unasked, once it was read.
	Stock    bool
	Handlers map[string]Handler
	Tamper   Tamper
}

// Tamper is where the server lies. Each hook may change what it is given.
type Tamper struct {
	Welcome func(*abi.Welcome)
	// Frame changes the whole first frame, or replaces it.
	Frame func([]byte) []byte
	// Fds changes the fds that travel with WELCOME.
	Fds     func([]int) []int
	Segment func(*abi.SegmentHeader)
	Rings   func([]abi.RingDescriptor) []abi.RingDescriptor
	// Seals and Size change those of segments and extents of a side.
	Seals func(side uint32, seals int) int
	Size  func(side uint32, size int64) int64
	// Reply, Grant and Lap change a message before it is published. Lap returns
	// the lap tag to store.
	Reply func(*abi.SlotHeader, []byte) []byte
	Grant func(*abi.SlotHeader, []byte) []byte
	Lap   func(uint32) uint32
	// Stock changes a grant that nobody asked for.
	Stock func(*abi.BufferRef)
	// Extent changes the announcement, its token and whether the fd is sent.
	Extent func(*abi.ControlHeader, *abi.ExtentBody) (sendFd bool)
	// RefuseGrants answers each ALLOC with REFUSED and this code.
	RefuseGrants abi.Code
	// HidePosition takes the published request positions back, so that the client
	// has only those in replies.
	HidePosition bool
	// Mute never rings the client's doorbell.
	Mute bool
}

// Server listens until Close.
type Server struct {
	options  Options
	listener *net.UnixListener
	Path     string

	mu         sync.Mutex
	sessions   []*Session
	arrived    chan *Session
	violations []string
	running    sync.WaitGroup
}

// Start listens on a path.
func Start(path string, options Options) (*Server, error) {
	if options.Lanes == 0 {
		options.Lanes = 1
	}
	if options.Credits == 0 {
		options.Credits = 16
	}
	if options.PayloadMax == 0 {
		options.PayloadMax = abi.LimitPayloadMax
	}
	if options.MethodsMax == 0 {
		options.MethodsMax = 64
	}
	if options.Version == "" {
		options.Version = "0.0.0-fake"
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: options, listener: listener, Path: path, arrived: make(chan *Session, 64),
	}
	s.running.Add(1)
	go s.accept()
	return s, nil
}

func (s *Server) accept() {
	defer s.running.Done()
	for {
		socket, err := s.listener.AcceptUnix()
		if err != nil {
			return
		}
		s.running.Add(1)
		go func() {
			defer s.running.Done()
			s.serve(socket)
		}()
	}
}

// Session returns the next session that a client has begun.
func (s *Server) Session() (*Session, error) {
	select {
	case session := <-s.arrived:
		return session, nil
	case <-time.After(patience):
		return nil, fmt.Errorf("no session within %v", patience)
	}
}

// patience bounds every wait of the fake and of its users.
const patience = 20 * time.Second

// Violations returns what clients did wrong so far.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.violations...)
}

func (s *Server) violated(format string, details ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, details...))
}

// Close hangs up everywhere and waits for everything to end.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	sessions := s.sessions
	s.mu.Unlock()
	for _, session := range sessions {
		session.HangUp()
	}
	s.running.Wait()
}
