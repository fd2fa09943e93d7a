//go:build amd64 || arm64

package shm

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// RightsMax is the bytes of ancillary data that one read of the control socket
// makes room for. WELCOME carries four fds; the kernel cuts off what is beyond.
const RightsMax = 64

// Supported returns nil where sessions work, else errors.ErrUnsupported.
func Supported() error { return nil }

// CheckPeer accepts a server that runs under this process's uid or as root.
func CheckPeer(socket *net.UnixConn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var optionErr error
	if err := raw.Control(func(fd uintptr) {
		peer, optionErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if optionErr != nil {
		return os.NewSyscallError("getsockopt", optionErr)
	}
	if own := uint32(os.Geteuid()); peer.Uid != own && peer.Uid != 0 {
		return fmt.Errorf("server of uid %d (allowed: %d or 0)", peer.Uid, own)
	}
	return nil
}

// Received returns the fds in the ancillary data of one read; they are the
// caller's to close, also if there is an error. flags are those of the read.
func Received(rights []byte, flags int) ([]int, error) {
	var fds []int
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, untrusted("ancillary data: %v", err)
	}
	for i := range messages {
		if more, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, more...)
		}
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return fds, untrusted("ancillary data cut off at %d bytes", len(rights))
	}
	return fds, nil
}

// CloseFd closes a received fd that nobody took over.
func CloseFd(fd int) { _ = unix.Close(fd) }

// MonotonicNs returns CLOCK_MONOTONIC in nanoseconds, the clock of deadlines.
func MonotonicNs() uint64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(fmt.Sprintf("shm: clock_gettime: %v", err)) // cannot fail for this clock
	}
	return uint64(now.Nano())
}
