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

// kind is what the tests do with a type of message.
type kind struct {
	// parse makes a view, as the generated function does.
	parse func(archive []byte) (view any, err error)
	// load makes a value of a view.
	load func(view any) rkyv.Encodable
}

// loader is a generated view.
type loader[T any] interface{ Load() T }

// structKind is a message whose pointer is encoded.
func structKind[V loader[T], T any, P interface {
	*T
	rkyv.Encodable
}](parse func([]byte) (V, error)) kind {
	return kind{
		parse: func(archive []byte) (any, error) { return parse(archive) },
		load: func(view any) rkyv.Encodable {
			value := view.(V).Load()
			return P(&value)
		},
	}
}

// enumKind is a message that is encoded as it is.
func enumKind[V loader[T], T rkyv.Encodable](parse func([]byte) (V, error)) kind {
	return kind{
		parse: func(archive []byte) (any, error) { return parse(archive) },
		load:  func(view any) rkyv.Encodable { return view.(V).Load() },
	}
}

var kinds = map[string]kind{
	"Scalars":    structKind(ParseScalars),
	"Point":      structKind(ParsePoint),
	"Pair":       structKind(ParsePair),
	"Meters":     structKind(ParseMeters),
	"Empty":      structKind(ParseEmpty),
	"Texts":      structKind(ParseTexts),
	"Lists":      structKind(ParseLists),
	"Options":    structKind(ParseOptions),
	"Arrays":     structKind(ParseArrays),
	"Tree":       structKind(ParseTree),
	"Chain":      structKind(ParseChain),
	"Awkward":    structKind(ParseAwkward),
	"Compound":   structKind(ParseCompound),
	"Item":       structKind(ParseItem),
	"Order":      structKind(ParseOrder),
	"Client":     structKind(ParseFixtureClient),
	"PointView":  structKind(ParseFixturePointView),
	"Kitchen":    structKind(ParseKitchen),
	"Tuples":     structKind(ParseTuples),
	"Results":    structKind(ParseResults),
	"Times":      structKind(ParseTimes),
	"Wides":      structKind(ParseWides),
	"Boxes":      structKind(ParseBoxes),
	"Maps":       structKind(ParseMaps),
	"Niches":     structKind(ParseNiches),
	"Ids":        structKind(ParseIDs),
	"Shelf":      structKind(ParseShelf),
	"Unit":       structKind(ParseUnit),
	"Signal":     enumKind(ParseSignal),
	"Visit1":     structKind(ParseVisit1),
	"Visit2":     structKind(ParseVisit2),
	"Visit3":     structKind(ParseVisit3),
	"Wide1":      structKind(ParseWide1),
	"Wide2":      structKind(ParseWide2),
	"Mood1":      enumKind(ParseMood1),
	"Mood2":      enumKind(ParseMood2),
	"Shape":      enumKind(ParseShape),
	"Expression": enumKind(ParseExpression),
	"Color": {
		parse: func(archive []byte) (any, error) { return ParseColor(archive) },
		load:  func(view any) rkyv.Encodable { return view.(Color) },
	},
}
