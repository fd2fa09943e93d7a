package outrigger

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// schemaMethod is the server's method that tells what another method's messages
// look like: its canonical description for a method's name.
const schemaMethod = "outrigger.schema"

func isMismatch(err error) bool { return errors.Is(err, ErrVersionMismatch) }

// explain completes the server's refusal of a method by what this side knows: the
// types of both sides, and the first line in which their descriptions differ. If
// the server's description cannot be had, the error stays as it is.
func (c *Conn) explain(ctx context.Context, method *Method, refusal error) error {
	theirs, err := c.Call(ctx, schemaMethod, []byte(method.Name))
	var refused *Error
	if err != nil || !errors.As(refusal, &refused) {
		return refusal
	}
	return &Error{
		Code:    refused.Code,
		Message: refused.Message + difference(method.Schema, string(theirs)),
	}
}

// difference says in words how two canonical descriptions differ, ours first.
//
//	; client: Greeting -> Answer; server: Greeting -> Reply; first difference in
//	"type 0 struct Greeting size 8 align 4": client "…", server "…"
func difference(ours, theirs string) string {
	if ours == theirs {
		return ""
	}
	text := fmt.Sprintf("; client: %s; server: %s", signature(ours), signature(theirs))
	left, right := strings.Split(ours, "\n"), strings.Split(theirs, "\n")
	within := ""
	for i := range max(len(left), len(right)) {
		a, b := lineOf(left, i), lineOf(right, i)
		if a == b {
			if strings.HasPrefix(a, "type ") {
				within = a
			}
			continue
		}
		text += "; first difference"
		if within != "" && !(strings.HasPrefix(a, "type ") && strings.HasPrefix(b, "type ")) {
			text += fmt.Sprintf(" in %q", within)
		}
		return text + fmt.Sprintf(": client %q, server %q",
			strings.TrimSpace(a), strings.TrimSpace(b))
	}
	return text + "; they differ in line ends only"
}

// lineOf returns a line, or "(nothing)" behind the last.
func lineOf(lines []string, i int) string {
	if i < len(lines) && (lines[i] != "" || i < len(lines)-1) {
		return lines[i]
	}
	return "(nothing)"
}

// signature returns the names of request, reply and error of a description.
func signature(canonical string) string {
	roles := map[string]string{}
	for line := range strings.Lines(canonical) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(words) == 3 {
			if _, seen := roles[words[0]]; !seen {
				roles[words[0]] = words[2]
			}
		}
	}
	text := roles["request"] + " -> " + roles["reply"]
	if failed, ok := roles["error"]; ok {
		text += " or " + failed
	}
	return text
}
