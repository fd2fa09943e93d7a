// Command go-rkyv is the Go half of bench-rkyv: archives, and what else writes
// messages in Go, over the same orders. It says `ready` and answers lines; see
// benches/src/contest.rs.
//
//	archive ITEMS                          the archive of the order, in hex
//	run FORMAT STEP ITEMS MILLISECONDS     a cost in JSON
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orders"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// formats makes the steps of each format.
var formats = map[string]func(*orders.Order) (map[string]operation, error){
	"rkyv":        overRkyv,
	"protobuf":    overProtobuf,
	"flatbuffers": overFlatBuffers,
	"json":        overJSON,
}

// bench keeps what was made for an order, for the next slice.
type bench struct {
	steps map[string]map[string]operation
}

func main() {
	fmt.Println("ready")
	b := bench{steps: map[string]map[string]operation{}}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := b.answer(strings.Fields(lines.Text()))
		if err != nil {
			answer = "error: " + err.Error()
		}
		fmt.Println(answer)
	}
}

func (b *bench) answer(words []string) (string, error) {
	switch {
	case len(words) == 2 && words[0] == "archive":
		items, err := strconv.Atoi(words[1])
		if err != nil {
			return "", err
		}
		archive, err := rkyv.Marshal(orderOf(items))
		return hex.EncodeToString(archive), err
	case len(words) == 5 && words[0] == "run":
		millis, err := strconv.Atoi(words[4])
		if err != nil {
			return "", err
		}
		step, err := b.step(words[1], words[2], words[3])
		if err != nil {
			return "", err
		}
		slice, err := step.measure(time.Duration(millis) * time.Millisecond)
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(slice)
		return string(text), err
	}
	return "", fmt.Errorf("line %q (allowed: archive ITEMS, run FORMAT STEP ITEMS MILLISECONDS)",
		strings.Join(words, " "))
}

// step returns the operation of a format on the order of so many items.
func (b *bench) step(format, name, items string) (operation, error) {
	key := format + " " + items
	if b.steps[key] == nil {
		count, err := strconv.Atoi(items)
		if err != nil {
			return operation{}, err
		}
		steps, ok := formats[format]
		if !ok {
			return operation{}, fmt.Errorf("no format %s", format)
		}
		if b.steps[key], err = steps(orderOf(count)); err != nil {
			return operation{}, err
		}
	}
	step, ok := b.steps[key][name]
	if !ok {
		return operation{}, fmt.Errorf("no step %s of %s", name, format)
	}
	return step, nil
}
