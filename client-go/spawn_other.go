//go:build !linux || !(amd64 || arm64)

package outrigger

import "syscall"

// childAttributes is not reached: Spawn says before that it is not supported.
func childAttributes() *syscall.SysProcAttr { return nil }
