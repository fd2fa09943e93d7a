//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spawnable returns the testbed, or "" after saying that the test is not run.
func spawnable(t *testing.T) string {
	t.Helper()
	binary := os.Getenv(sidecarEnv)
	if binary == "" {
		fmt.Printf("not run: %s (%s is not set)\n", t.Name(), sidecarEnv)
	}
	return binary
}

// spawnTest spawns a testbed and closes it at the end of the test.
func spawnTest(t *testing.T, binary string, args []string, opts ...Option) *Conn {
	t.Helper()
	c, err := Spawn(testContext(t), binary, args, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// logTo returns a logger and what it has written.
func logTo() (Option, *safeBuffer) {
	text := &safeBuffer{}
	level := &slog.HandlerOptions{Level: slog.LevelDebug}
	return WithLogger(slog.New(slog.NewTextHandler(text, level))), text
}

// pidOf is the process that serves a session.
func pidOf(c *Conn) int { return c.child.command.Process.Pid }

// exists says that a process is there, be it as a zombie.
func exists(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return err == nil
}

// wantEcho makes one call.
func wantEcho(t *testing.T, c *Conn, size int) {
	t.Helper()
	want := pattern(size)
	if reply, err := c.Call(testContext(t), "outrigger.echo", want); err != nil {
		t.Error(err)
	} else if !bytes.Equal(reply, want) {
		t.Errorf("%d bytes of echo, want %d", len(reply), size)
	}
}

func TestSpawnedSidecarServesAndEndsInOrderWithClose(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	t.Setenv("OUTRIGGER_SOCKET", "/nowhere/this/process/dials")
	for _, args := range [][]string{nil, {"serve", "--workers", "3"}} {
		c := spawnTest(t, binary, args)
		pid := pidOf(c)
		wantEcho(t, c, 10)
		wantEcho(t, c, 100_000)
		var peer struct{ UID, PID int }
		if err := c.CallJSON(testContext(t), "test.context", nil, &peer); err != nil {
			t.Error(err)
		}
		if peer.UID != os.Geteuid() || peer.PID != os.Getpid() {
			t.Errorf("the sidecar knows its client as %+v", peer)
		}
		wantOwnDescriptors(t, pid)
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if exists(pid) {
			t.Error("the sidecar is still there after Close")
		}
		if state := c.child.command.ProcessState; !state.Success() {
			t.Error(state)
		}
		if _, err := c.Call(testContext(t), "outrigger.echo", nil); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

// wantOwnDescriptors wants a sidecar to have its output and its own end of the
// connection, no longer as standard input, and no socket of this process.
func wantOwnDescriptors(t *testing.T, pid int) {
	t.Helper()
	descriptors := func(process string) map[string]string {
		files := map[string]string{}
		entries, err := os.ReadDir("/proc/" + process + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries { // one that was closed meanwhile has no target
			files[entry.Name()], _ = os.Readlink("/proc/" + process + "/fd/" + entry.Name())
		}
		return files
	}
	theirs, ours := descriptors(strconv.Itoa(pid)), map[string]bool{}
	for _, file := range descriptors("self") {
		ours[file] = true
	}
	if theirs["0"] != "/dev/null" || !ours[theirs["1"]] || theirs["1"] != theirs["2"] {
		t.Errorf("standard descriptors of the sidecar: %v", theirs)
	}
	for _, file := range theirs {
		if strings.HasPrefix(file, "socket:") && ours[file] {
			t.Errorf("the sidecar holds %s of this process: %v", file, theirs)
		}
	}
}

// A script may stand before the sidecar.
func TestScriptThatEndsInExecIsASidecar(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	c := spawnTest(t, "sh", []string{"-c", `exec "$0" "$@"`, binary, "serve"})
	wantEcho(t, c, 10)
}

// A script that starts the sidecar as its child is killed alone; the session
// ends all the same, and with it the sidecar.
func TestSidecarBehindAScriptEndsWithTheScript(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	option, log := logTo()
	script := `exec 3<&0; "$0" "$@" <&3 & echo pid $!; wait`
	c := spawnTest(t, "sh", []string{"-c", script, binary, "serve"}, option)
	wantEcho(t, c, 10)
	var pid int
	eventually(t, "the script has told the sidecar's pid", func() bool {
		_, line, _ := strings.Cut(log.String(), `line="pid `)
		line, _, _ = strings.Cut(line, `"`)
		pid, _ = strconv.Atoi(line)
		return runs(pid)
	})
	if err := c.child.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	receive(t, c.gone)
	if _, err := c.Call(testContext(t), "outrigger.echo", nil); !errors.Is(err, ErrPeerGone) {
		t.Error(err)
	}
	eventually(t, "the sidecar has ended", func() bool { return !runs(pid) })
}

func TestKilledSidecarEndsCallsWithPeerGoneAndCloseReapsIt(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	option, text := logTo()
	c := spawnTest(t, binary, nil, option)
	ends := make(chan error, 4)
	for range cap(ends) {
		go func() {
			_, err := c.Call(context.Background(), "test.until_cancelled", nil)
			ends <- err
		}()
	}
	eventually(t, "the calls are in flight", func() bool { return c.Stats().Calls == 4 })
	if err := syscall.Kill(pidOf(c), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range cap(ends) {
		if err := receive(t, ends); !errors.Is(err, ErrPeerGone) {
			t.Error(err)
		}
	}
	// It is reaped whether or not somebody closes.
	eventually(t, "the sidecar is reaped", func() bool { return !exists(pidOf(c)) })
	if _, err := c.Call(testContext(t), "outrigger.echo", nil); !errors.Is(err, ErrPeerGone) {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(text.String(), "signal: killed") {
		t.Errorf("the log does not say how it ended: %s", text)
	}
}

func TestSidecarThatIsToldToEndDrainsAndIsReapedWithoutClose(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	c := spawnTest(t, binary, nil)
	slow := make(chan error, 1)
	go func() {
		reply, err := c.Call(context.Background(), "test.sleep", []byte("200"))
		if err == nil && string(reply) != "200" {
			err = errors.New(string(reply))
		}
		slow <- err
	}()
	eventually(t, "the call is in flight", func() bool { return c.Stats().Calls == 1 })
	if err := syscall.Kill(pidOf(c), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, slow); err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	receive(t, c.child.exited)
	if state := c.child.command.ProcessState; !state.Success() || exists(pidOf(c)) {
		t.Error(state)
	}
	if _, err := c.Call(testContext(t), "outrigger.echo", nil); !errors.Is(err, ErrShuttingDown) {
		t.Error(err)
	}
}

// A handler that does not end must not keep Close, nor the sidecar.
func TestSidecarThatDoesNotEndIsToldAndThenKilled(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	option, text := logTo()
	impatient := func(o *options) { o.patience = 50 * time.Millisecond }
	c := spawnTest(t, binary, nil, option, impatient)
	go func() { _, _ = c.Call(context.Background(), "test.sleep", []byte("60000")) }()
	eventually(t, "the call is in flight", func() bool { return c.Stats().Calls == 1 })
	// A worker that answers this has seen another take the call before.
	if _, err := c.Call(testContext(t), "test.echo.pool", nil); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if exists(pidOf(c)) {
		t.Error("the sidecar is still there after Close")
	}
	told := strings.Index(text.String(), "signal=terminated")
	killed := strings.Index(text.String(), "signal=killed")
	if told < 0 || killed < told || !strings.Contains(text.String(), `how="signal: killed"`) {
		t.Error(text)
	}
}

func TestSpawnSaysWhyThereIsNoSidecar(t *testing.T) {
	var exit *exec.ExitError
	missing := filepath.Join(t.TempDir(), "missing")
	_, err := Spawn(testContext(t), missing, nil)
	if !errors.Is(err, fs.ErrNotExist) ||
		err.Error() != "outrigger: spawn "+missing+": no such file or directory" {
		t.Errorf("missing: %v", err)
	}
	folder, _ := os.Getwd()
	_, err = Spawn(testContext(t), "../missing", nil)
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "outrigger: spawn ../missing: "+
		"no such file or directory (relative to the working directory, "+folder+")" {
		t.Errorf("relative: %v", err)
	}
	_, err = Spawn(testContext(t), "outrigger-no-such-program", nil)
	if !errors.Is(err, exec.ErrNotFound) || err.Error() != "outrigger: spawn "+
		"outrigger-no-such-program: executable file not found in $PATH" {
		t.Errorf("not in PATH: %v", err)
	}
	_, err = Spawn(testContext(t), "/bin/sh", []string{"-c", "echo ba; echo boom >&2; exit 3"})
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !errors.Is(err, ErrPeerGone) ||
		err.Error() != "outrigger: spawn /bin/sh: exit status 3 before it was ready; "+
			`its last words: "ba\nboom"` {
		t.Errorf("exit 3: %v", err)
	}
	_, err = Spawn(testContext(t), "/bin/true", nil)
	if err == nil ||
		err.Error() != "outrigger: spawn /bin/true: exit status 0 before it was ready" {
		t.Errorf("exit 0: %v", err)
	}
	_, err = Spawn(testContext(t), "/bin/true", nil, WithLanes(99))
	if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), "99 lanes") {
		t.Errorf("wrong option: %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = Spawn(cancelled, "/bin/true", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	if binary := spawnable(t); binary != "" {
		_, err = Spawn(testContext(t), binary, []string{"serv"})
		if !errors.As(err, &exit) || exit.ExitCode() != 64 ||
			!strings.Contains(err.Error(), "'serv'") {
			t.Errorf("wrong usage: %v", err)
		}
	}
}

// Those who never shake hands, or badly, are gone when Spawn returns.
func TestProgramThatIsNoSidecarIsKilledAndReaped(t *testing.T) {
	const short = 300 * time.Millisecond
	for _, test := range []struct {
		script string
		bound  time.Duration
		want   error
		text   string
	}{
		{"exec sleep 1000", short, context.DeadlineExceeded, "not ready: timeout"},
		{"trap '' TERM; while :; do sleep 0.01; done", short, ErrTimeout, "not ready: timeout"},
		{"echo 'what comes from here is no frame' >&0; exec sleep 1000", patience,
			ErrProtocol, "magic"},
		{"exec <&-; exec sleep 1000", patience, ErrPeerGone, "not ready: peer_gone"},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), test.bound)
		option, log := logTo()
		_, err := Spawn(ctx, "/bin/sh", []string{"-c", test.script}, option)
		cancel()
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v", test.script, err)
		}
		_, line, _ := strings.Cut(log.String(), "sidecar started")
		_, line, _ = strings.Cut(line, " pid=")
		line, _, _ = strings.Cut(line, "\n")
		if pid, err := strconv.Atoi(line); err != nil || exists(pid) {
			t.Errorf("%s: process %q (%v) is still there", test.script, line, err)
		}
	}
}

// The signal of a parent's death is sent at the death of the thread that forked.
func TestSidecarOutlivesTheThreadOfItsSpawner(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	spawned := make(chan *Conn, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(spawned)
		if c, err := Spawn(testContext(t), binary, nil); err != nil {
			t.Error(err)
		} else {
			spawned <- c
		}
	}()
	c := receive(t, spawned)
	if c == nil {
		return
	}
	defer c.Close()
	receive(t, spawned)
	for range 50 {
		wantEcho(t, c, 10)
		time.Sleep(time.Millisecond)
	}
}
