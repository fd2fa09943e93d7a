package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/c2sp/wycheproof"
	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

func TestEveryVectorOfTheNamedFilesIsLoaded(t *testing.T) {
	suites, err := loadSuites(wycheproof.TestVectors)
	if err != nil {
		t.Fatal(err)
	}
	// The module's version is pinned, so the counts are too.
	for index, want := range []struct{ vectors, valid int }{{151, 88}, {484, 174}, {476, 168}} {
		from := suites[index]
		valid := 0
		for _, v := range from.vectors {
			if v.result == resultValid {
				valid++
			}
			if v.request.Algorithm != suiteFiles[index].algorithm {
				t.Errorf("%s vector %d asks for %s", from.file, v.id, v.request.Algorithm)
			}
		}
		if len(from.vectors) != want.vectors || valid != want.valid {
			t.Errorf("%s: %d vectors, %d valid; want %v", from.file, len(from.vectors), valid, want)
		}
	}
}

func TestVectorsThatLookWrongAreAnError(t *testing.T) {
	const good = `{"numberOfTests": 1, "testGroups": [{"publicKey": {"pk": "00ff"},
		"tests": [{"tcId": 1, "msg": "", "sig": "01", "result": "valid"}]}]}`
	spoil := func(old, new string) string { return strings.Replace(good, old, new, 1) }

	for _, test := range []struct{ name, text, want string }{
		{"good", good, ""},
		{"count", spoil(`s": 1`, `s": 2`), "1 vectors (file says 2)"},
		{"empty", `{"numberOfTests": 0}`, "0 vectors (file says 0)"},
		{"result", spoil("valid", "perhaps"), `vector 1: unknown result "perhaps"`},
		{"key", spoil(`"pk"`, `"uncompressed"`), "vector 1: no public key"},
		{"hex", spoil("00ff", "0"), "odd length hex"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := fstest.MapFS{"file.json": {Data: []byte(test.text)}}
			_, err := loadVectors(files, "file.json", sigverify.AlgorithmEd25519)
			if test.want == "" && err != nil {
				t.Fatal(err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("%v, want %q", err, test.want)
			}
		})
	}
}
