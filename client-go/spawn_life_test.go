//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// spawnerEnv makes TestSpawnerThatIsKilled spawn a command, one word in a line,
// and wait.
const spawnerEnv = "OUTRIGGER_TEST_SPAWNER"

func TestOutputOfTheSidecarIsLoggedLineByLine(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	option, text := logTo()
	c := spawnTest(t, binary, []string{"serve", "--log-level", "info"}, option)
	_, _ = c.Call(testContext(t), "test.panic", []byte("told on standard error"))
	_ = c.Close()
	lines := 0
	for line := range strings.Lines(text.String()) {
		if strings.Contains(line, `msg="outrigger: sidecar output" sidecar=`+binary) {
			lines++
		}
	}
	if lines < 3 {
		t.Errorf("%d lines of output", lines)
	}
	if !strings.Contains(text.String(), "outrigger: sidecar started") {
		t.Errorf("no word of its start in\n%s", text)
	}
	// The lines that it wrote, and its end after them. What this process says of
	// the start may come among them: the sidecar does not wait for it.
	before := -1
	for _, want := range []string{
		"server started for one client", "outrigger_server::control::handshake: session begins",
		"told on standard error", "server ends", `how="exit status 0"`,
	} {
		at := strings.Index(text.String(), want)
		if at <= before {
			t.Errorf("%q at %d, what comes before it at %d, in\n%s", want, at, before, text)
		}
		before = at
	}
}

func TestOutputIsCutIntoLinesOfBoundedLength(t *testing.T) {
	long := strings.Repeat("l", outputLineMax)
	for _, test := range []struct{ written, want []string }{
		{[]string{"a\nb", "c\r\n", "\n\nd"}, []string{"a", "bc", "d"}},
		{[]string{long + "\n" + long + "x\n"}, []string{long, long, "x"}},
		{[]string{long, long, "\xff"}, []string{long, long, "\uFFFD"}},
		{[]string{"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12"},
			strings.Fields("3 4 5 6 7 8 9 10 11 12")},
	} {
		o, err := newOptions(nil)
		if err != nil {
			t.Fatal(err)
		}
		output := &outputLines{log: o.log}
		for _, piece := range test.written {
			if count, err := output.Write([]byte(piece)); count != len(piece) || err != nil {
				t.Error(count, err)
			}
		}
		output.flush()
		if seen := strings.Join(output.last, "|"); seen != strings.Join(test.want, "|") {
			t.Errorf("%.100q gives %.100q", test.written, seen)
		}
	}
}

// quietProcess counts what this process holds: goroutines, descriptors, children.
func quietProcess(t *testing.T) (goroutines, descriptors, children int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		list, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children") // it may have ended
		children += len(strings.Fields(string(list)))
	}
	return runtime.NumGoroutine(), len(open), children
}

func TestFiftySpawnsLeaveNothing(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	round := func(kill bool) {
		c := spawnTest(t, binary, nil)
		wantEcho(t, c, 10)
		wantEcho(t, c, 10_000)
		if kill {
			_ = c.child.command.Process.Kill()
		}
		_ = c.Close()
		if exists(pidOf(c)) {
			t.Error("the sidecar is still there after Close")
		}
	}
	failed := func() {
		if _, err := Spawn(testContext(t), "/bin/false", nil); err == nil {
			t.Error("/bin/false serves")
		}
	}
	round(false) // whatever the runtime opens once
	round(true)
	failed()
	var goroutines, descriptors, children int
	eventually(t, "no child is left", func() bool {
		goroutines, descriptors, children = quietProcess(t)
		return children == 0 && settledMappings(t, nil) == 0
	})
	for index := range 50 {
		round(index%5 == 4)
		if index%10 == 0 {
			failed()
		}
	}
	spawnAtOnce(t, binary, 8)
	eventually(t, "all is as before", func() bool {
		g, d, n := quietProcess(t)
		return g <= goroutines && d <= descriptors && n == 0 && settledMappings(t, nil) == 0
	})
}

// spawnAtOnce spawns several sidecars at the same time, none of which may get to
// hold what is another's: its session would never end.
func spawnAtOnce(t *testing.T, binary string, count int) {
	t.Helper()
	ends := make(chan error, count)
	for range count {
		go func() {
			c, err := Spawn(testContext(t), binary, nil)
			if err == nil {
				_, err = c.Call(testContext(t), "outrigger.echo", nil)
				_ = c.Close()
				if !c.child.command.ProcessState.Success() {
					err = errors.New(c.child.outcome.text)
				}
			}
			ends <- err
		}()
	}
	for range count {
		if err := receive(t, ends); err != nil {
			t.Error(err)
		}
	}
}

// TestSpawnerThatIsKilled is no test by itself: it does nothing unless started by
// the one below.
func TestSpawnerThatIsKilled(t *testing.T) {
	command := strings.Split(os.Getenv(spawnerEnv), "\n")
	if command[0] == "" {
		return
	}
	c := spawnTest(t, command[0], command[1:])
	wantEcho(t, c, 10)
	fmt.Printf("spawned %d\n", pidOf(c))
	time.Sleep(patience)
	t.Fatal("nobody killed this process")
}

// The hang-up alone ends a sidecar; what does not heed it, nor any other signal,
// is ended by the kernel's.
func TestSidecarEndsWhenItsParentIsKilled(t *testing.T) {
	binary := spawnable(t)
	if binary == "" {
		return
	}
	stubborn := `exec 3<&0; "$0" "$@" <&3 & trap '' HUP TERM; while :; do sleep 0.05; done`
	for _, command := range [][]string{
		{binary, "serve"}, {"sh", "-c", stubborn, binary, "serve"},
	} {
		parent, pid := spawner(t, command)
		_ = parent.Process.Kill()
		_ = parent.Wait()
		eventually(t, command[0]+" has ended", func() bool { return !runs(pid) })
	}
}

// spawner is another process that has spawned a command, and the pid of that.
func spawner(t *testing.T, command []string) (*exec.Cmd, int) {
	t.Helper()
	parent := another("-test.run=^TestSpawnerThatIsKilled$")
	parent.Env = append(os.Environ(), spawnerEnv+"="+strings.Join(command, "\n"))
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parent.Process.Kill() })
	line, err := bufio.NewReader(output).ReadString('\n')
	pid, parseErr := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "spawned "))
	if err != nil || parseErr != nil {
		t.Fatalf("%q: %v, %v", line, err, parseErr)
	}
	if !exists(pid) {
		t.Fatal("the sidecar does not run")
	}
	return parent, pid
}

// runs says that a process is there and no zombie: who adopts it may be slow to
// reap.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, found := strings.Cut(string(stat), ") ")
	return err == nil && found && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}
