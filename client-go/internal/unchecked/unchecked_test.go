package unchecked

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// loader is a generated view.
type loader[T any] interface{ Load() T }

// again parses an archive, loads it, and encodes it again.
func again[V loader[T], T any, P interface {
	*T
	rkyv.Encodable
}](parse func([]byte) (V, error)) func([]byte) ([]byte, error) {
	return func(archive []byte) ([]byte, error) {
		view, err := parse(archive)
		if err != nil {
			return nil, err
		}
		value := view.Load()
		return rkyv.Marshal(P(&value))
	}
}

func TestUncheckedViewsReadWhatCheckedOnesDo(t *testing.T) {
	text, err := os.ReadFile("../../../layout/tests/archives/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Type, Name, Hex string }
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]func([]byte) ([]byte, error){
		"Order": again(ParseOrder), "Texts": again(ParseTexts), "Arrays": again(ParseArrays),
		"Tuples": again(ParseTuples), "Wides": again(ParseWides), "Boxes": again(ParseBoxes),
	}
	seen := 0
	for _, v := range vectors {
		kind, ok := kinds[v.Type]
		if !ok {
			continue
		}
		seen++
		archive, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		got, err := kind(archive)
		if err != nil || !bytes.Equal(got, archive) {
			t.Errorf("%s %s: %v\n got %x\nwant %x", v.Type, v.Name, err, got, archive)
		}
		runtime.GC() // no pointer may lead outside
		if _, err := kind(archive[:len(archive)/2]); !errors.Is(err, rkyv.ErrInvalid) {
			t.Errorf("%s %s, half of it: %v", v.Type, v.Name, err)
		}
	}
	if seen < 4*len(kinds) {
		t.Errorf("%d archives of %d types", seen, len(kinds))
	}
}

func TestUncheckedViewsOfWhatIsEmptyAreEmpty(t *testing.T) {
	archive, err := rkyv.Marshal(&Boxes{Boxed: new(string)})
	if err != nil {
		t.Fatal(err)
	}
	boxes, err := ParseBoxes(archive)
	if err != nil {
		t.Fatal(err)
	}
	if boxes.Text() != "" || boxes.TextView() != "" || len(boxes.BytesView()) != 0 ||
		boxes.Points().Len() != 0 || boxes.MaybeList().Valid {
		t.Errorf("%+v", boxes.Load())
	}
	defer func() {
		if recover() == nil {
			t.Error("an index that is out of range was not refused")
		}
	}()
	boxes.Points().At(0)
}

func BenchmarkView(b *testing.B) {
	order := &Order{Customer: "somebody of note", Note: make([]byte, 40), Shape: ShapeCircle{}}
	for range 16 {
		order.Items = append(order.Items, Item{Name: "item number one"})
	}
	archive, _ := rkyv.Marshal(order)
	view, _ := ParseOrder(archive)
	sum := 0
	for b.Loop() {
		sum += int(view.ID()) + len(view.CustomerView()) + len(view.NoteView())
		limit, _ := view.Limit().Get()
		sum += int(limit) + int(view.Shape().Tag())
		for _, item := range view.Items().All() {
			sum += int(item.ID()) + len(item.NameView())
		}
	}
	runtime.KeepAlive(sum)
}
