package outrigger

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// inheritedFlag tells a sidecar that its standard input is its only client.
//
// It is a flag and no environment variable because the sidecar's own children
// inherit the environment, but not the connection.
const inheritedFlag = "--inherited-socket"

// socketVariable is what a sidecar listens on without a flag. Here it has a
// connection already, and would refuse to have both.
const socketVariable = "OUTRIGGER_SOCKET="

// stopPatience is how long a child may take to end by itself, and again after
// SIGTERM.
const stopPatience = 5 * time.Second

// outputPatience is how long after a child's end its own children may hold its
// output open.
const outputPatience = time.Second

// childProcess is a sidecar that this process started.
type childProcess struct {
	command  *exec.Cmd
	output   *outputLines
	log      *slog.Logger
	patience time.Duration

	// outcome is set before exited is closed, which says that the child is reaped
	// and all of its output read.
	outcome exitStatus
	exited  chan struct{}
}

// newChildProcess prepares a child whose standard input is a socket. It gets no
// other descriptor but those of its output.
func newChildProcess(
	path string, args []string, socket *os.File, o *options,
) *childProcess {
	if args == nil {
		args = []string{"serve"}
	}
	command := exec.Command(path, append(args[:len(args):len(args)], inheritedFlag)...)
	command.Env = []string{}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, socketVariable) {
			command.Env = append(command.Env, variable)
		}
	}
	log := o.log.With("sidecar", path)
	output := &outputLines{log: log}
	command.Stdin, command.Stdout, command.Stderr = socket, output, output
	command.WaitDelay = outputPatience
	command.SysProcAttr = childAttributes()
	return &childProcess{
		command: command, output: output, log: log, patience: o.patience,
		exited: make(chan struct{}),
	}
}

// start returns when the program runs, or why it cannot.
func (p *childProcess) start() error {
	started := make(chan error)
	go p.keep(started)
	return <-started
}

// keep starts the child and stays until it is reaped.
//
// Both happen on one thread that nothing else runs on. The death of its parent,
// of which the kernel tells the child by a signal (PR_SET_PDEATHSIG), is that of
// the parent's thread: see golang.org/issue/27505. Any goroutine may end the
// thread that it runs on, by ending while it is locked to it; if that were the
// thread that happened to start the child, the child would die with it. This one
// is locked by a goroutine that outlives the child, hence it ends only with the
// process. It costs nothing: waiting for a child occupies a thread anyway.
func (p *childProcess) keep(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.command.Start()
	if err != nil {
		started <- err
		return
	}
	pid := p.command.Process.Pid
	p.log.Debug("outrigger: sidecar started", "pid", pid)
	started <- nil
	err = p.command.Wait()
	p.output.flush()
	if state := p.command.ProcessState; state != nil {
		p.outcome.text = state.String()
	} else { // somebody else in this process has waited for all children
		p.outcome.text = "exit status unknown: " + err.Error()
	}
	level := slog.LevelInfo
	if errors.As(err, &p.outcome.failure) {
		level = slog.LevelWarn
	}
	p.log.Log(context.Background(), level, "outrigger: sidecar ended",
		"pid", pid, "how", p.outcome.text)
	close(p.exited)
}

// stop ends a child that has been told to end, or has lost its session. It
// returns when the child is reaped.
func (p *childProcess) stop() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if p.exitsWithin(p.patience) {
			return
		}
		p.log.Warn("outrigger: sidecar does not end", "signal", signal.String())
		_ = p.command.Process.Signal(signal) // it may have ended just now
	}
	<-p.exited
}

// exitsWithin waits for the child's end.
func (p *childProcess) exitsWithin(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return p.hasExited()
	}
}

func (p *childProcess) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// exitStatus is how a child ended.
type exitStatus struct {
	text    string
	failure *exec.ExitError // nil if it ended with 0
}
