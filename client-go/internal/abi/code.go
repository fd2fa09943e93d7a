package abi

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns the code's name in lower case, as errors show it. A code that
// the table does not list is `error_<n>`: a later peer may send one.
func (c Code) String() string {
	if text := codeText(c); text != "" {
		return text
	}
	return "error_" + strconv.Itoa(int(c))
}

// Message fills the code's sentence: each `{}` takes the next detail in turn.
// Details that the sentence has no room for are dropped, and room that no
// detail fills stays empty.
func (c Code) Message(details ...any) string {
	parts := strings.Split(codeTemplate(c), "{}")
	var text strings.Builder
	for i, part := range parts {
		text.WriteString(part)
		if i < len(parts)-1 && i < len(details) {
			fmt.Fprint(&text, details[i])
		}
	}
	return text.String()
}
