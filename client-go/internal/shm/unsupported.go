//go:build !linux || !(amd64 || arm64)

package shm

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
)

// RightsMax is the bytes of ancillary data that one read makes room for.
const RightsMax = 64

// Supported returns nil where sessions work, else errors.ErrUnsupported.
func Supported() error {
	return fmt.Errorf("sessions on %s/%s (supported: linux on amd64 and arm64): %w",
		runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

// Nothing below is reached: Dial and Spawn ask Supported first.

// Map is not supported here.
func Map(int, uint64, Access) ([]byte, error) { return nil, Supported() }

// Unmap is not supported here.
func Unmap([]byte) error { return Supported() }

// Protect does nothing here.
func Protect([]byte, Access) {}

// Yield does nothing here.
func Yield() {}

// Populate does nothing here.
func Populate([]byte, Access) {}

// ServerBell does nothing here.
type ServerBell struct{}

// NewServerBell is not supported here.
func NewServerBell(int) (*ServerBell, error) { return nil, Supported() }

// Ring does nothing here.
func (*ServerBell) Ring() {}

// Close does nothing here.
func (*ServerBell) Close() error { return nil }

// NewClientBell is not supported here.
func NewClientBell(int) (*os.File, error) { return nil, Supported() }

// CheckPeer is not supported here.
func CheckPeer(*net.UnixConn) error { return Supported() }

// SocketPair is not supported here.
func SocketPair() (*net.UnixConn, *os.File, error) { return nil, nil, Supported() }

// CheckChild is not supported here.
func CheckChild(int) error { return Supported() }

// Received is not supported here.
func Received([]byte, int) ([]int, error) { return nil, Supported() }

// CloseFd does nothing here.
func CloseFd(int) {}

// MonotonicNs is always 0 here.
func MonotonicNs() uint64 { return 0 }
