package outrigger

import (
	"strings"
	"testing"
)

func TestWordsOfAServerAreBoundedUTF8(t *testing.T) {
	for told, want := range map[string]bool{
		"": false, "struct Put: …": true, "\xff": false,
		strings.Repeat("x", mismatchWordsMax):   true,
		strings.Repeat("x", mismatchWordsMax+1): false,
	} {
		if got := isMismatchWords([]byte(told)); got != want {
			t.Errorf("%d bytes %.10q: %v", len(told), told, got)
		}
	}
}
