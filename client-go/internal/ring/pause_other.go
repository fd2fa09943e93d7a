//go:build !amd64 && !arm64

package ring

// Pause does nothing on processors that this package has no stub for.
func Pause() {}
