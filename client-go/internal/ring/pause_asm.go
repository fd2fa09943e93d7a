//go:build amd64 || arm64

package ring

// Pause tells the processor that this is a spin loop: one PAUSE or YIELD. It is
// one instruction only, since assembly cannot be preempted; loop in Go.
//
//go:noescape
func Pause()
