//go:build amd64 || arm64

package shm

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// SocketPair makes two connected sockets without a name: one for this process,
// one for a child. Both are close-on-exec from the start, so that no other child
// ever holds one of them and hides its hang-up.
func SocketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "outrigger-socket")
	own := os.NewFile(uintptr(fds[0]), "outrigger-socket")
	defer func() { _ = own.Close() }()
	connection, err := net.FileConn(own) // of a duplicate
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return connection.(*net.UnixConn), theirs, nil
}

// CheckChild accepts a child that runs under this process's uid or as root, as
// CheckPeer does with a server that listens. At both ends of a pair SO_PEERCRED
// names who made it, so this end would only vouch for itself; a child's uid
// differs if its file is set-uid.
func CheckChild(pid int) error {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return fmt.Errorf("uid of the child: %w", err)
	}
	_, line, _ := bytes.Cut(status, []byte("\nUid:"))
	line, _, _ = bytes.Cut(line, []byte("\n"))
	var uid int // the second number is the effective one
	if fields := bytes.Fields(line); len(fields) < 2 {
		return fmt.Errorf("uid of the child: %q", line)
	} else if uid, err = strconv.Atoi(string(fields[1])); err != nil {
		return fmt.Errorf("uid of the child: %w", err)
	}
	if own := os.Geteuid(); uid != own && uid != 0 {
		return fmt.Errorf("server of uid %d (allowed: %d or 0)", uid, own)
	}
	return nil
}
