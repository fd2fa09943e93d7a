package measure

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Serve says `ready`, then answers each `run MILLISECONDS` on standard input by a
// Slice in JSON, or by a line that begins with `error: `. It returns when the
// input ends.
func (d *Driver) Serve() error {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := d.answer(lines.Text())
		if err != nil {
			answer = []byte("error: " + err.Error())
		}
		fmt.Printf("%s\n", answer)
	}
	return lines.Err()
}

func (d *Driver) answer(line string) ([]byte, error) {
	text, ok := strings.CutPrefix(line, "run ")
	millis, err := strconv.Atoi(text)
	if !ok || err != nil {
		return nil, fmt.Errorf("line %q (allowed: run MILLISECONDS)", line)
	}
	slice, err := d.Run(time.Duration(millis) * time.Millisecond)
	if err != nil {
		return nil, err
	}
	return json.Marshal(slice)
}
