//go:build linux && (amd64 || arm64)

package outrigger

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// sidecarEnv names a testbed binary (server/facade/examples/testbed); `make
// test` sets it. These tests call the Rust server itself.
const sidecarEnv = "OUTRIGGER_SIDECAR"

// sidecar is a running testbed.
type sidecar struct {
	cmd  *exec.Cmd
	path string
	gone chan struct{}
	// ending is the signal that the test has sent, if any.
	ending syscall.Signal
}

// process is what the testbed tells of itself.
type process struct {
	Descriptors    int    `json:"descriptors"`
	Threads        int    `json:"threads"`
	SharedMappings int    `json:"shared_mappings"`
	Allocations    uint64 `json:"allocations"`
}

// withSidecar runs a test against a fresh testbed, which must end with 0 and
// leave its folder empty, unless the test kills it. Without the binary it says so.
func withSidecar(t *testing.T, test func(t *testing.T, s *sidecar), flags ...string) {
	t.Helper()
	binary := os.Getenv(sidecarEnv)
	if binary == "" {
		fmt.Printf("not run: %s (%s is not set)\n", t.Name(), sidecarEnv)
		return
	}
	folder, err := os.MkdirTemp("", "or")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	s := &sidecar{path: filepath.Join(folder, "s"), gone: make(chan struct{})}
	s.cmd = exec.Command(binary, append([]string{"serve", "--socket", s.path}, flags...)...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // the outcome is in ProcessState
		close(s.gone)
	}()
	defer s.kill()
	test(t, s)
	s.terminate(t)
	left, _ := os.ReadDir(folder)
	if len(left) > 0 && s.ending == syscall.SIGTERM {
		t.Errorf("left behind: %v", left)
	}
}

// dial connects, as soon as the testbed listens.
func (s *sidecar) dial(t *testing.T, opts ...Option) *Conn {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		var c *Conn
		if c, err = Dial(context.Background(), "unix://"+s.path, opts...); err == nil {
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal(err)
	return nil
}

// process asks the testbed what it holds.
func (s *sidecar) process(t *testing.T, c *Conn) (p process) {
	t.Helper()
	if err := c.CallJSON(context.Background(), "test.process", nil, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *sidecar) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	s.ending = signal
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// terminate ends the testbed as an operator would, unless the test has done so.
func (s *sidecar) terminate(t *testing.T) {
	t.Helper()
	if s.ending == 0 {
		s.signal(t, syscall.SIGTERM)
	}
	select {
	case <-s.gone:
		if code := s.cmd.ProcessState.ExitCode(); code != 0 && s.ending == syscall.SIGTERM {
			t.Errorf("the sidecar exits with %d", code)
		}
	case <-time.After(patience):
		t.Error("the sidecar does not end")
	}
}

func (s *sidecar) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.gone
}
