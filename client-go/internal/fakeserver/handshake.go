//go:build linux && (amd64 || arm64)

package fakeserver

import (
	"fmt"
	"io"
	"math/bits"
	"net"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

var epochs atomic.Uint64

// serve is one connection from HELLO to its end.
func (s *Server) serve(socket *net.UnixConn) {
	defer func() { _ = socket.Close() }()
	var frame [abi.HelloSize]byte
	if _, err := io.ReadFull(socket, frame[:]); err != nil {
		return
	}
	var hello abi.Hello
	hello.Decode(frame[:])
	if hello.Prefix.Magic != abi.FrameMagic || hello.Prefix.Length != abi.HelloSize ||
		hello.Prefix.Kind != abi.HandshakeHello || hello.Reserved != [3]uint16{} ||
		hello.ReservedTail != [2]uint64{} || hello.ClockNs == 0 {
		s.violated("hello %+v", hello)
	}
	lanes := s.options.Lanes
	if hello.Lanes != 0 {
		lanes = int(hello.Lanes)
	}
	session, fds, err := s.build(socket, lanes)
	if err != nil {
		s.violated("fake: %v", err)
		return
	}
	defer session.free()
	err = session.welcome(fds)
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
	if err == nil {
		session.run()
	}
}

// build makes the memory of a session: page 0 of the server segment holds
// header and descriptors, rings and controls follow, each on its own page.
func (s *Server) build(socket *net.UnixConn, lanes int) (*Session, []int, error) {
	capacity := 4
	for capacity < abi.LimitSlotsPerCredit*s.options.Credits {
		capacity *= 2
	}
	next := map[uint32]uint64{abi.SideServer: abi.LimitPage, abi.SideClient: abi.LimitPage}
	place := func(side uint32, size int) uint64 {
		at := next[side]
		next[side] += uint64((size + abi.LimitPage - 1) &^ (abi.LimitPage - 1))
		return at
	}
	var rings []abi.RingDescriptor
	describe := func(kind uint16, lane, capacity, stride int, producer uint32) {
		consumer := abi.SideServer + abi.SideClient - producer
		rings = append(rings, abi.RingDescriptor{
			Kind: kind, Lane: uint16(lane), Capacity: uint32(capacity), Stride: uint32(stride),
			SlotsOffset:   place(producer, capacity*stride),
			ControlOffset: place(consumer, abi.ConsumerControlSize),
		})
	}
	for lane := range lanes {
		describe(abi.RingRequest, lane, capacity, abi.LimitSlotStride, abi.SideClient)
		describe(abi.RingReply, lane, capacity, abi.LimitSlotStride, abi.SideServer)
	}
	shared := capacity << bits.Len(uint(lanes-1)) // of all lanes, a power of two
	describe(abi.RingGrant, 0, shared, abi.LimitOwnershipStride, abi.SideServer)
	describe(abi.RingReturn, 0, 8*shared, abi.LimitOwnershipStride, abi.SideClient)
	for _, kind := range []uint16{abi.RingCallback, abi.RingAnswer, abi.RingEvent} {
		rings = append(rings, abi.RingDescriptor{Kind: kind})
	}
	session := &Session{
		server: s, socket: socket, epoch: epochs.Add(1), lanes: lanes,
		methods: map[uint16]string{}, inFlight: map[uint64]*Call{},
		done: make(chan struct{}), Frames: make(chan Frame, 256),
		ready: make(chan struct{}), consumed: make([]atomic.Uint64, lanes),
	}
	session.ledger.init(session)
	serverFd, serverSegment, err := s.memory(abi.SideServer, int64(next[abi.SideServer]))
	if err != nil {
		return nil, nil, err
	}
	clientFd, clientSegment, err := s.memory(abi.SideClient, int64(next[abi.SideClient]))
	if err != nil {
		return nil, nil, err
	}
	session.segments = [][]byte{serverSegment, clientSegment}
	session.sizes = [2]uint64{next[abi.SideServer], next[abi.SideClient]}
	session.makeRings(rings, serverSegment, clientSegment)
	s.describe(serverSegment, rings, session)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	eventFd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	own, err := unix.FcntlInt(uintptr(eventFd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	session.bell = os.NewFile(uintptr(own), "fake-bell")
	session.clientBell = pipe[1]
	return session, []int{serverFd, clientFd, pipe[0], eventFd}, nil
}

// describe writes header and descriptors into page 0.
func (s *Server) describe(memory []byte, rings []abi.RingDescriptor, session *Session) {
	if tamper := s.options.Tamper.Rings; tamper != nil {
		rings = tamper(rings)
	}
	header := abi.SegmentHeader{
		Magic: abi.SegmentMagic, AbiVersion: abi.LimitAbiVersion, Side: abi.SideServer,
		Epoch: session.epoch, Length: session.sizes[0],
		RingsOffset: abi.SegmentHeaderSize, RingCount: uint32(len(rings)),
		LayoutHash: abi.LayoutHash,
	}
	for i := range rings {
		rings[i].Encode(memory[abi.SegmentHeaderSize+i*abi.RingDescriptorSize:])
	}
	if tamper := s.options.Tamper.Segment; tamper != nil {
		tamper(&header)
	}
	header.Encode(memory)
}

// makeRings makes the server's ends, from the descriptors before any tampering.
func (session *Session) makeRings(rings []abi.RingDescriptor, server, client []byte) {
	for _, d := range rings {
		if d.Capacity == 0 {
			continue
		}
		producer, consumer := server, client
		if d.Kind == abi.RingRequest || d.Kind == abi.RingReturn {
			producer, consumer = client, server
		}
		memory := ring.Memory{
			Slots: producer[d.SlotsOffset:], Control: consumer[d.ControlOffset:],
			Capacity: d.Capacity, Stride: d.Stride,
		}
		switch d.Kind {
		case abi.RingRequest:
			session.requests = append(session.requests, ring.NewConsumer(memory))
			session.requestMemory = append(session.requestMemory, memory)
		case abi.RingReply:
			session.replies = append(session.replies, ring.NewProducer(memory))
			session.replyMemory = append(session.replyMemory, memory)
		case abi.RingGrant:
			session.grants = ring.NewProducer(memory)
		case abi.RingReturn:
			session.returns = ring.NewConsumer(memory)
		}
	}
}

// memory makes a sealed memfd and maps it read-write.
func (s *Server) memory(side uint32, size int64) (int, []byte, error) {
	fd, err := unix.MemfdCreate("fake", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return 0, nil, err
	}
	real := size
	if tamper := s.options.Tamper.Size; tamper != nil {
		real = tamper(side, size)
	}
	if err := unix.Ftruncate(fd, max(real, size)); err != nil {
		return 0, nil, err
	}
	memory, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, nil, err
	}
	if err := unix.Ftruncate(fd, real); err != nil {
		return 0, nil, err
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if side == abi.SideServer {
		seals |= unix.F_SEAL_FUTURE_WRITE
	}
	if tamper := s.options.Tamper.Seals; tamper != nil {
		seals = tamper(side, seals)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return 0, nil, fmt.Errorf("seals: %w", err)
	}
	return fd, memory, nil
}

// welcome sends WELCOME with its fds.
func (session *Session) welcome(fds []int) error {
	options := &session.server.options
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	w := abi.Welcome{
		Prefix: abi.HandshakePrefix{
			Magic: abi.FrameMagic, Length: abi.WelcomeSize, Kind: abi.HandshakeWelcome,
			AbiMin: abi.LimitAbiVersion, AbiMax: abi.LimitAbiVersion,
		},
		Epoch: session.epoch, ClockNs: uint64(now.Nano()),
		ServerSegmentLen: session.sizes[0], ClientSegmentLen: session.sizes[1],
		PayloadMax: options.PayloadMax, BuffersMax: buffersMax, LayoutHash: abi.LayoutHash,
		Lanes: uint16(session.lanes), MethodsMax: uint16(options.MethodsMax),
	}
	for depth := range w.CallCredits {
		w.CallCredits[depth] = uint16(options.Credits)
	}
	copy(w.Version[:], options.Version)
	if options.Tamper.Welcome != nil {
		options.Tamper.Welcome(&w)
	}
	frame := make([]byte, abi.WelcomeSize)
	w.Encode(frame)
	if options.Tamper.Frame != nil {
		frame = options.Tamper.Frame(frame)
	}
	if options.Tamper.Fds != nil {
		fds = options.Tamper.Fds(fds)
	}
	if len(frame) == 0 {
		return io.EOF
	}
	_, _, err := session.socket.WriteMsgUnix(frame, unix.UnixRights(fds...), nil)
	return err
}
