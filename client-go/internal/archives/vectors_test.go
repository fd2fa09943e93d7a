package archives

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// vector is an archive that rkyv wrote, and what rkyv says to it and to mutants of
// it. (layout/tests/archives writes them.)
type vector struct {
	Type, Name, Hex, Verdicts string
	// Again is the archive of what was read, if another version of the type wrote
	// the first one.
	Again string
	Valid bool

	index    int
	archive  []byte
	verdicts []byte
	// again is what the value that was read encodes to.
	again []byte
}

// vectors returns all golden archives, aligned.
func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("../../../layout/tests/archives/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		v := &all[i]
		archive, err1 := hex.DecodeString(v.Hex)
		verdicts, err2 := hex.DecodeString(v.Verdicts)
		if err1 != nil || err2 != nil {
			t.Fatal(v.Type, v.Name, err1, err2)
		}
		v.index, v.archive, v.verdicts = i, rkyv.Aligned(archive), verdicts
		v.again = v.archive
		if v.Again != "" {
			if v.again, err = hex.DecodeString(v.Again); err != nil {
				t.Fatal(v.Type, v.Name, err)
			}
		}
	}
	return all
}
