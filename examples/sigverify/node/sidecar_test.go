package main

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/c2sp/wycheproof"
)

// These tests need what cargo builds, and say so where it is missing.
const build = "cargo build --release -p outrigger -p outrigger-example-sigverify"

// builtEnv names the folder of what another build made, which must be there then.
const builtEnv = "OUTRIGGER_BUILT"

// built returns the path of a command, or "" after saying that the test is not
// run.
func built(t *testing.T, name string) string {
	t.Helper()
	target := cmp.Or(os.Getenv("CARGO_TARGET_DIR"), "../../../target")
	folder := os.Getenv(builtEnv)
	path := filepath.Join(cmp.Or(folder, filepath.Join(target, "release")), name)
	if _, err := os.Stat(path); err != nil {
		if folder != "" {
			t.Fatalf("%s: %v", builtEnv, err)
		}
		t.Logf("not run: %v (made by %s)", err, build)
		return ""
	}
	return path
}

func TestGeneratedPackageIsFresh(t *testing.T) {
	outrigger, sidecar := built(t, "outrigger"), built(t, "sigverify-sidecar")
	if outrigger == "" || sidecar == "" {
		return
	}
	text, err := exec.Command(outrigger, "gen", "go", "--check", "--from", sidecar).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%sto mend it: %s && go -C examples/sigverify/node generate",
			outrigger, err, text, build)
	}
}

// Every vector over both codecs: the same verdict for the same reason, and the
// one that Wycheproof expects.
func TestCodecsBringTheSameVerdictOnEveryVector(t *testing.T) {
	sidecar := built(t, "sigverify-sidecar")
	if sidecar == "" {
		return
	}
	suites, err := loadSuites(wycheproof.TestVectors)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connect(t.Context(), options{sidecar: sidecar})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	archives, json := overArchives(conn), overJSON(conn)
	for _, from := range suites {
		for _, v := range from.vectors {
			first, err := archives(t.Context(), &v.request)
			if err != nil {
				t.Fatal(err)
			}
			second, err := json(t.Context(), &v.request)
			if err != nil {
				t.Fatal(err)
			}
			if first != second || compare(v.result, first.valid) == disagrees {
				t.Errorf("%s vector %d is %s: %v over archives, %v over JSON",
					from.file, v.id, v.result, first, second)
			}
		}
	}
}

func TestUnknownAlgorithmIsNoVerdictOverEitherCodec(t *testing.T) {
	sidecar := built(t, "sigverify-sidecar")
	if sidecar == "" {
		return
	}
	conn, err := connect(t.Context(), options{sidecar: sidecar})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	strange := signed(99, nil).request
	for _, by := range routes(conn, []string{"archive", "json"}) {
		if answer, err := by.verify(t.Context(), &strange); err == nil {
			t.Errorf("%s: %v", by.codec, answer)
		}
	}
}

// brief is the whole demo in short, over both codecs.
func brief() options {
	return options{codecs: []string{"archive", "json"}, goroutines: []int{1, 3}, duration: 1}
}

func TestWholeRunPassesWithASidecarOfItsOwn(t *testing.T) {
	opts := brief()
	if opts.sidecar = built(t, "sigverify-sidecar"); opts.sidecar == "" {
		return
	}
	if found, err := run(t.Context(), opts); err != nil || !found.passed() {
		t.Error(found, err)
	}
}

func TestWholeRunPassesWithASidecarThatRunsAlready(t *testing.T) {
	sidecar := built(t, "sigverify-sidecar")
	if sidecar == "" {
		return
	}
	folder, err := os.MkdirTemp("/tmp", "or") // a socket's path is 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	opts := brief()
	opts.socket = filepath.Join(folder, "s")

	var said bytes.Buffer
	command := exec.Command(sidecar, "serve", "--socket", opts.socket)
	command.Stderr = &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	found, err := run(t.Context(), opts)
	for tries := 0; errors.Is(err, os.ErrNotExist) && tries < 1000; tries++ {
		time.Sleep(10 * time.Millisecond)
		found, err = run(t.Context(), opts)
	}
	if err != nil || !found.passed() {
		t.Error(found, err)
	}
	_ = command.Process.Signal(os.Interrupt)
	if err := command.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said.String())
	}
}
