package outrigger

import (
	"bytes"
	"log/slog"
	"strings"
)

// Bounds of what is kept of a child's output: bytes of a line, a longer one is
// divided; lines that an error shows.
const (
	outputLineMax  = 4096
	outputLinesMax = 10
)

// outputLines is the output of a child, cut into lines. Each is logged when it
// is whole, and the last ones are kept.
//
// One goroutine of os/exec writes; it is gone before Wait returns, and flush and
// the readers of last come after that.
type outputLines struct {
	log     *slog.Logger
	partial []byte
	last    []string
}

// Write takes whatever has arrived. It never fails.
func (o *outputLines) Write(written []byte) (int, error) {
	count := len(written)
	for {
		line, rest, whole := bytes.Cut(written, []byte{'\n'})
		for len(o.partial)+len(line) > outputLineMax {
			room := outputLineMax - len(o.partial)
			o.partial = append(o.partial, line[:room]...)
			line = line[room:]
			o.flush()
		}
		o.partial = append(o.partial, line...)
		if !whole {
			return count, nil
		}
		o.flush()
		written = rest
	}
}

// flush ends the line that has begun, if any.
func (o *outputLines) flush() {
	text := strings.ToValidUTF8(strings.TrimSuffix(string(o.partial), "\r"), "\uFFFD")
	o.partial = o.partial[:0]
	if text == "" {
		return
	}
	if len(o.last) == outputLinesMax {
		o.last = append(o.last[:0], o.last[1:]...)
	}
	o.last = append(o.last, text)
	o.log.Info("outrigger: sidecar output", "line", text)
}
