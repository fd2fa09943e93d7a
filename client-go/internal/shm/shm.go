// Package shm is what the client asks of the kernel: checking and mapping the
// memory that the server passes, ringing its doorbell, waiting on one's own,
// and the identity of the peer.
//
//	fd from WELCOME       what becomes of it
//	server segment        sealed memfd, mapped read-only
//	client segment        sealed memfd, mapped read-write
//	client bell           read end of a pipe: a Bell that a goroutine blocks on
//	server bell           eventfd: 8 bytes are written, nothing is ever read
//
// It works on Linux, amd64 and arm64. Elsewhere everything compiles, and
// Supported returns errors.ErrUnsupported.
package shm

import "fmt"

// Access says how memory is mapped, and with that which seals it must carry.
type Access uint8

// The two ways to map.
const (
	// ReadOnly is for memory that the server writes.
	ReadOnly Access = iota
	// ReadWrite is for memory that the client writes.
	ReadWrite
	// NoAccess is for memory that nobody may touch; see Protect.
	NoAccess
)

// UntrustedError says that a file is not what the peer promised: its seals or
// its size would let somebody change it under the mapping.
type UntrustedError struct {
	// What was wrong: what was seen and what is allowed.
	What string
}

func (e *UntrustedError) Error() string { return e.What }

func untrusted(format string, details ...any) error {
	return &UntrustedError{What: fmt.Sprintf(format, details...)}
}
