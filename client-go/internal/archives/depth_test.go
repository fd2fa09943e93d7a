package archives

import (
	"strings"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

func TestTheDepthLimitOfATypeIsExact(t *testing.T) {
	texts := &Texts{Names: []string{"above eight bytes"}, Boxed: pointer("")}
	archive, err := rkyv.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	// Two pointers below the root, one behind the other: 4, as in rkyv (see depth.rs
	// in layout/tests/archives).
	for limit := 1; limit < 6; limit++ {
		var c rkyv.Checker
		at, ok := c.Root(archive, 64, 4, limit)
		if got, want := ok && checkTexts(&c, at), limit >= 4; got != want {
			t.Errorf("limit %d: %t, %v", limit, got, c.Err())
		} else if !want && !strings.Contains(c.Err().Error(), "nested too deep (depth limit") {
			t.Error(c.Err())
		}
	}
	if _, err := ParseTexts(archive); err != nil {
		t.Error(err)
	}
}

func TestATypeThatRecursesHasTheLimitOfAllMessages(t *testing.T) {
	deepest := map[bool]int{}
	for _, v := range vectors(t) {
		if v.Type != "Chain" || !strings.HasSuffix(v.Name, " links") {
			continue
		}
		_, err := ParseChain(v.archive)
		if (err == nil) != v.Valid {
			t.Errorf("%s: %v, and rkyv says %t", v.Name, err, v.Valid)
		}
		deepest[v.Valid]++
	}
	if deepest[true] == 0 || deepest[false] == 0 {
		t.Errorf("archives that are accepted and refused: %v", deepest)
	}
}
