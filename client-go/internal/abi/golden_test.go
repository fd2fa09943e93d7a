package abi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// goldenFolder holds the byte vectors that Rust and Go must agree on.
const goldenFolder = "../../../layout/golden"

// codec is what every generated struct is.
type codec interface {
	Decode([]byte)
	Encode([]byte)
}

// structs makes an empty struct for each name of a vector's type.
var structs = map[string]func() codec{
	"HandshakePrefix": func() codec { return &HandshakePrefix{} },
	"Hello":           func() codec { return &Hello{} },
	"Welcome":         func() codec { return &Welcome{} },
	"Refused":         func() codec { return &Refused{} },
	"ControlHeader":   func() codec { return &ControlHeader{} },
	"BindBody":        func() codec { return &BindBody{} },
	"BoundBody":       func() codec { return &BoundBody{} },
	"ExtentBody":      func() codec { return &ExtentBody{} },
	"SegmentHeader":   func() codec { return &SegmentHeader{} },
	"RingDescriptor":  func() codec { return &RingDescriptor{} },
	"ConsumerControl": func() codec { return &ConsumerControl{} },
	"SlotHeader":      func() codec { return &SlotHeader{} },
	"TraceContext":    func() codec { return &TraceContext{} },
	"DetailPrefix":    func() codec { return &DetailPrefix{} },
	"BufferTable":     func() codec { return &BufferTable{} },
	"BufferRef":       func() codec { return &BufferRef{} },
	"AllocRequest":    func() codec { return &AllocRequest{} },
	"Refusal":         func() codec { return &Refusal{} },
}

// vector is one row of a golden file. A field is a decimal text, an array of
// them, or an object for a struct inside the struct.
type vector struct {
	Type, Name, Hex string
	Fields          map[string]any
}

func TestGoldenVectorsDecodeAndEncodeToTheSameBytes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenFolder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var vectors []vector
		if err := json.Unmarshal(text, &vectors); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range vectors {
			count++
			t.Run(v.Type+"/"+v.Name, func(t *testing.T) { checkVector(t, v) })
		}
	}
	if count == 0 {
		t.Fatalf("no vectors in %s", goldenFolder)
	}
}

func checkVector(t *testing.T, v vector) {
	if structs[v.Type] == nil {
		t.Fatalf("no decoder for type %s", v.Type)
	}
	want, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	value := structs[v.Type]()
	value.Decode(want)
	got := make([]byte, len(want))
	value.Encode(got)
	if !bytes.Equal(got, want) {
		t.Errorf("encoded %x, want %x", got, want)
	}
	compare(t, v.Type, reflect.ValueOf(value).Elem(), v.Fields)
}

// compare wants every field of the struct named, and equal.
func compare(t *testing.T, path string, got reflect.Value, want map[string]any) {
	t.Helper()
	if len(want) != got.NumField() {
		t.Errorf("%s: %d fields in the vector, %d in the struct", path, len(want), got.NumField())
	}
	for name, wanted := range want {
		field := got.FieldByName(goName(name))
		if !field.IsValid() {
			t.Errorf("%s has no field %s", path, name)
			continue
		}
		compareField(t, path+"."+name, field, wanted)
	}
}

func compareField(t *testing.T, path string, got reflect.Value, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		compare(t, path, got, want)
	case []any:
		if got.Len() != len(want) {
			t.Errorf("%s: %d elements, want %d", path, got.Len(), len(want))
			return
		}
		for i, element := range want {
			compareField(t, fmt.Sprintf("%s[%d]", path, i), got.Index(i), element)
		}
	default:
		if text := fmt.Sprint(got.Interface()); text != fmt.Sprint(want) {
			t.Errorf("%s is %s, want %v", path, text, want)
		}
	}
}

// goName turns a name of a Rust field into that of the Go field.
func goName(name string) string {
	parts := strings.Split(name, "_")
	for i, part := range parts {
		parts[i] = strings.ToUpper(part[:1]) + part[1:]
	}
	return strings.Join(parts, "")
}
