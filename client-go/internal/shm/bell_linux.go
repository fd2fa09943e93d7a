//go:build amd64 || arm64

package shm

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// ServerBell wakes the server: an eventfd that is written and never read.
type ServerBell struct {
	fd int
}

// oneRing is the u64 value 1 in the machine's order, which is little-endian.
var oneRing = binary.LittleEndian.AppendUint64(nil, 1)

// NewServerBell takes over an eventfd.
func NewServerBell(fd int) (*ServerBell, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return &ServerBell{fd: fd}, nil
}

// Ring wakes the server. EAGAIN means that 2^64-2 rings are unread, which is as
// good as rung; any other failure means that the server is gone, of which the
// control socket tells.
//
// Preconditions: Close was not called; the number could be another file by now.
func (b *ServerBell) Ring() { _, _ = unix.Write(b.fd, oneRing) }

// Close gives the fd back.
func (b *ServerBell) Close() error { return unix.Close(b.fd) }

// NewClientBell takes over the read end of the pipe by which the server wakes
// the client. Read blocks in the runtime's poller, not in a thread.
func NewClientBell(fd int) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "outrigger-bell"), nil
}
