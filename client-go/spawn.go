package outrigger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// Spawn starts a sidecar and connects to it:
//
//	Spawn ─▶ two connected sockets, nameless
//	   │ keeps one            the other: standard input of path args... --inherited-socket
//	   ├─ handshake ◀───────▶ serves this one client
//	   └─ logger ◀────────── standard output and error, line by line
//
// The program is any that serves by the command line of the Rust crate
// (Server::builder()…cli()), or a script that ends in exec of one and passes its
// arguments on. Args nil means "serve"; others begin with that word as well, as in
// []string{"serve", "--workers", "4"}. A path without a slash is searched for in PATH,
// another that is relative is of the working directory. The environment is this
// process's, without OUTRIGGER_SOCKET.
//
// What the sidecar writes goes to the logger; without WithLogger nobody sees it, but
// for its last lines in the error of a Spawn that failed.
//
// The session is ready when Spawn returns. The context bounds that only; one
// without a deadline has 10 seconds.
//
// Close ends the session and waits for the sidecar to end, which its Rust side
// does by itself when its handlers have ended. One that has not after 5 seconds
// gets SIGTERM, after 5 more SIGKILL. The same happens without Close when the
// session ends for another reason. A sidecar that dies ends the session with
// ErrPeerGone. If this process dies without Close, the kernel kills the sidecar.
// A signal from the terminal does not reach it: it has a process group of its own.
//
// Errors: why the program could not be started, wrapped; an *exec.ExitError if it
// ended before it was ready, and its last lines; else those of Dial. No process
// is left then.
func Spawn(ctx context.Context, path string, args []string, opts ...Option) (*Conn, error) {
	c, err := spawn(ctx, path, args, opts)
	if err != nil {
		return nil, &spawnError{path: path, cause: err}
	}
	return c, nil
}

func spawn(ctx context.Context, path string, args []string, list []Option) (*Conn, error) {
	if err := shm.Supported(); err != nil {
		return nil, err
	}
	o, err := newOptions(list)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, expired(ctx.Err())
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
	}
	socket, theirs, err := shm.SocketPair()
	if err != nil {
		return nil, err
	}
	child := newChildProcess(path, args, theirs, o)
	err = child.start()
	_ = theirs.Close() // only the child holds it now, so that its death is a hang-up
	if err != nil {
		_ = socket.Close()
		return nil, &execError{path: path, cause: err}
	}
	c, err := child.connect(ctx, socket, o)
	if err != nil {
		_ = socket.Close()
		return nil, child.discard(err)
	}
	c.child = child
	go c.supervise()
	return c, nil
}

// connect makes a session with a child that has just been started.
func (p *childProcess) connect(
	ctx context.Context, socket *net.UnixConn, o *options,
) (*Conn, error) {
	c, err := shakeHands(ctx, socket, o)
	if err != nil {
		return nil, handshakeFailed(ctx, err)
	}
	// Not earlier: before it a script may still have to exec the sidecar.
	if err := shm.CheckChild(p.command.Process.Pid); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// discard ends a child with which there is no session, and returns why: the
// cause, and what the child has said and done by itself.
func (p *childProcess) discard(cause error) error {
	failed := &startError{cause: cause}
	if errors.Is(cause, ErrPeerGone) {
		p.exitsWithin(hangupTimeout) // it hung up because it ends: how, says why
	}
	if p.hasExited() {
		failed.exit = &p.outcome
	}
	_ = p.command.Process.Kill()
	<-p.exited
	failed.said = strings.Join(p.output.last, "\n")
	return failed
}

// supervise sees to it that neither the session nor the child outlives the other.
func (c *Conn) supervise() {
	select {
	case <-c.gone:
	case <-c.child.exited:
		// The socket says so too, and before that all that the child has still said;
		// unless a child of its own holds it.
		c.expectHangup()
	}
	c.child.stop()
}

// spawnError is an error of Spawn.
type spawnError struct {
	path  string
	cause error
}

func (e *spawnError) Error() string {
	return "outrigger: spawn " + e.path + ": " + bare(e.cause)
}

func (e *spawnError) Unwrap() error { return e.cause }

// execError is why a program could not be started at all.
type execError struct {
	path  string
	cause error
}

// Error leaves out the path, which spawnError says, but for where it was looked for.
func (e *execError) Error() string {
	text := e.cause.Error()
	var failed *fs.PathError
	var search *exec.Error
	switch {
	case errors.As(e.cause, &failed):
		text = failed.Err.Error()
	case errors.As(e.cause, &search):
		text = search.Err.Error()
	}
	relative := strings.Contains(e.path, "/") && !filepath.IsAbs(e.path)
	if folder, err := os.Getwd(); err == nil && relative && errors.Is(e.cause, fs.ErrNotExist) {
		text += " (relative to the working directory, " + folder + ")"
	}
	return text
}

func (e *execError) Unwrap() error { return e.cause }

// startError is why a child did not get ready.
type startError struct {
	// cause is what this side saw.
	cause error
	// exit is how the child ended by itself, or nil if it had to be killed.
	exit *exitStatus
	// said is the end of what it wrote.
	said string
}

func (e *startError) Error() string {
	text := "not ready: " + bare(e.cause)
	switch {
	case e.exit != nil && errors.Is(e.cause, ErrPeerGone):
		text = e.exit.text + " before it was ready"
	case e.exit != nil:
		text += "; " + e.exit.text
	}
	if e.said != "" {
		text += fmt.Sprintf("; its last words: %q", e.said)
	}
	return text
}

func (e *startError) Unwrap() []error {
	if e.exit != nil && e.exit.failure != nil {
		return []error{e.cause, e.exit.failure}
	}
	return []error{e.cause}
}

// bare is the text of an error without the prefix that all of them have.
func bare(err error) string { return strings.TrimPrefix(err.Error(), "outrigger: ") }
