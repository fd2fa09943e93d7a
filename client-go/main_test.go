//go:build linux && (amd64 || arm64)

package outrigger

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

// fakeServerEnv makes the test binary a fake server on that path, until its
// standard input ends.
const fakeServerEnv = "OUTRIGGER_TEST_FAKE_SERVER"

// bareEnv makes that one a bare one.
const bareEnv = "OUTRIGGER_TEST_FAKE_SERVER_BARE"

// runnerEnv holds the words before the test binary where the system itself cannot run
// it: an emulator.
const runnerEnv = "OUTRIGGER_TEST_RUNNER"

// patience bounds every wait of the tests.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if path := os.Getenv(fakeServerEnv); path != "" {
		serveInChild(path)
		return
	}
	if path := os.Getenv(stormEnv); path != "" {
		stormInChild(path)
		return
	}
	os.Exit(m.Run())
}

func serveInChild(path string) {
	server, err := fakeserver.Start(path, fakeserver.Options{
		Credits: 64, Spin: time.Millisecond, Handlers: handlers(),
		Bare: os.Getenv(bareEnv) != "", Stock: true,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening")
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.Close()
}

// handlers are those that most tests use.
func handlers() map[string]fakeserver.Handler {
	return map[string]fakeserver.Handler{
		"echo": func(c *fakeserver.Call) { c.Reply(c.Payload) },
		"size": func(c *fakeserver.Call) { c.Reply(make([]byte, atoi(c.Payload))) },
		"fail": func(c *fakeserver.Call) {
			c.Fail(abi.CodeHandlerError, abi.CodeHandlerError.Message(string(c.Payload)))
		},
		"recall": func(c *fakeserver.Call) {
			c.Session().Recall()
			c.Reply(nil)
		},
		"panic": func(c *fakeserver.Call) {
			c.Fail(
				abi.CodePanic, abi.CodePanic.Message("kaboom"),
			)
		},
		// never answers only to its cancellation.
		"never": func(c *fakeserver.Call) {
			cancelled := c.Cancelled
			go func() {
				select {
				case <-cancelled:
					c.Fail(abi.CodeCancelled, abi.CodeCancelled.Message())
				case <-c.Session().Gone():
				}
			}()
		},
		"silent": func(*fakeserver.Call) {},
	}
}

func atoi(text []byte) (number int) {
	for _, digit := range text {
		number = number*10 + int(digit-'0')
	}
	return number
}

// start starts a fake server in this process, and fails the test at its end if
// the client broke the protocol.
func start(t testing.TB, options fakeserver.Options) *fakeserver.Server {
	t.Helper()
	if options.Handlers == nil {
		options.Handlers = handlers()
	}
	server, err := fakeserver.Start(filepath.Join(t.TempDir(), "s"), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		for _, violation := range server.Violations() {
			t.Errorf("the client broke the protocol: %s", violation)
		}
	})
	return server
}

// dialTest dials and closes at the end of the test.
func dialTest(t testing.TB, path string, options ...Option) *Conn {
	t.Helper()
	c, err := Dial(testContext(t), "unix://"+path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// pair is a server and a client of it.
func pair(
	t testing.TB, options fakeserver.Options, opts ...Option,
) (*fakeserver.Server, *fakeserver.Session, *Conn) {
	t.Helper()
	server := start(t, options)
	c := dialTest(t, server.Path, opts...)
	session, err := server.Session()
	if err != nil {
		t.Fatal(err)
	}
	return server, session, c
}

// testContext is done when the test's patience is.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// another is a command that runs this test binary once more.
func another(arguments ...string) *exec.Cmd {
	words := append(strings.Fields(os.Getenv(runnerEnv)), os.Args[0])
	words = append(words, arguments...)
	return exec.Command(words[0], words[1:]...)
}

// child starts a fake server in another process and returns its path.
func child(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	command := another()
	command.Env = append(os.Environ(), fakeServerEnv+"="+path)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	var line [10]byte
	if _, err := io.ReadFull(stdout, line[:]); err != nil {
		t.Fatal(err)
	}
	return path
}

// receive takes a value from a channel within the test's patience.
func receive[T any](t testing.TB, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatalf("nothing within %v", patience)
	}
	return value
}

// eventually waits for a condition within the test's patience.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if condition() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("not within %v: %s", patience, what)
}
