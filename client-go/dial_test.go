//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

func TestDialSaysWhatIsWrongWithItsArguments(t *testing.T) {
	for _, test := range []struct {
		target string
		option Option
		text   string
	}{
		{"tcp://host:1", nil, `target "tcp://host:1" (allowed: unix:///path)`},
		{"unix://", nil, "target"},
		{"", nil, "target"},
		{"unix:///x", WithLanes(17), "17 lanes (allowed: 0 to 16)"},
		{"unix:///x", WithLanes(-1), "-1 lanes"},
		{"unix:///x", WithWait(9), "wait policy 9"},
	} {
		var options []Option
		if test.option != nil {
			options = append(options, test.option)
		}
		_, err := Dial(context.Background(), test.target, options...)
		if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v", test.target, err)
		}
	}
}

func TestDialOfNoServerKeepsTheSystemsError(t *testing.T) {
	_, err := Dial(context.Background(), "unix://"+filepath.Join(t.TempDir(), "nobody"))
	if !errors.Is(err, fs.ErrNotExist) ||
		!strings.HasPrefix(err.Error(), "outrigger: dial unix:///") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Dial(ctx, "unix:///x"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestVersionIsTheServersFB19(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{Version: "1.2.3-rc.4"})
	if c.Version() != "1.2.3-rc.4" {
		t.Errorf("%q", c.Version())
	}
}

func TestLanesAreAskedFor(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{}, WithLanes(3))
	if len(c.lanes) != 3 {
		t.Errorf("%d lanes", len(c.lanes))
	}
}

func TestLoggerHearsOfBeginAndEnd(t *testing.T) {
	var text safeBuffer
	log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	_, _, c := pair(t, fakeserver.Options{}, WithLogger(log))
	_ = c.Close()
	for _, want := range []string{"session begun", "session ended"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in %s", want, text.String())
		}
	}
}

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}
