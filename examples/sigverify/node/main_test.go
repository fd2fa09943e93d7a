package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// nodeEnv makes the test binary be the node.
const nodeEnv = "OUTRIGGER_TEST_NODE"

func TestMain(m *testing.M) {
	if os.Getenv(nodeEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// node is the node as a command.
func node(t *testing.T, flags ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, flags...)
	command.Env = append(os.Environ(), nodeEnv+"=1")
	return command
}

// wantStatus says how a node should have ended.
func wantStatus(t *testing.T, err error, status int) {
	t.Helper()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != status {
		t.Errorf("%v; want status %d", err, status)
	}
}

func TestNodeWithoutASidecarFailsInWords(t *testing.T) {
	out, err := node(t).CombinedOutput()
	wantStatus(t, err, 2)
	if !strings.Contains(string(out), "one of --sidecar PATH and --socket PATH") {
		t.Errorf("%s", out)
	}
	const unfinished = "verdict: FAIL (the run did not finish)\n"
	for _, flags := range [][]string{{"--sidecar", "/bin/false"}, {"--socket", "/no/socket"}} {
		out, err := node(t, flags...).Output()
		wantStatus(t, err, 1)
		if string(out) != unfinished {
			t.Errorf("%q: %s", flags, out)
		}
	}
}

// What Ctrl-C does: the verdict is no pass, and the sidecar has ended in order,
// which the node has waited for.
func TestInterruptedNodeSaysSoAndEndsItsSidecar(t *testing.T) {
	sidecar := built(t, "sigverify-sidecar")
	if sidecar == "" {
		return
	}
	var out strings.Builder
	command := node(t, "--sidecar", sidecar, "--seconds", "600")
	command.Stdout = &out
	pipe, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(pipe)
	for line := ""; !strings.Contains(line, "node: timing"); {
		if line, err = said.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	_ = command.Process.Signal(os.Interrupt)
	rest, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, command.Wait(), 1)
	if out.String() != "verdict: FAIL (the run did not finish)\n" {
		t.Error(out.String())
	}
	if !strings.Contains(string(rest), `how="exit status 0"`) {
		t.Errorf("%s", rest)
	}
}
