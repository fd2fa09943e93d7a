//go:build amd64 || arm64

package outrigger

import "syscall"

// childAttributes are what a child has of its own from its first instruction.
//
// If this process dies, the child is killed rather than asked: the node that is
// started next must not meet a sidecar of the last one that still ends, and to be
// killed is what a sidecar must survive in any case. An orderly end is Close's. A
// program that gave itself other credentials loses the signal; then the hang-up
// of the socket ends it.
//
// A process group of its own keeps the terminal's SIGINT away from it: otherwise
// it would drain while the node, which got the same signal, still needs it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
