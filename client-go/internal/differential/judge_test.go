package differential_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/archives"
	"github.com/outrigger-ipc/outrigger/client-go/internal/differential"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// testCase is what rkyv would say of an archive of a Chain.
type testCase struct {
	valid, origin      byte
	archive, canonical []byte
}

// run judges one case, as if rkyv had sent it.
func run(c testCase, sent uint32) (differential.Counts, []byte, error) {
	var in, out bytes.Buffer
	in.WriteString("\x01\x00\x05Chain\x10\x00\x00\x00\x00\x00")
	in.Write([]byte{c.valid, c.origin})
	_ = binary.Write(&in, binary.LittleEndian, [2]uint32{
		uint32(len(c.archive)), uint32(len(c.canonical)),
	})
	in.Write(c.archive)
	in.Write(c.canonical)
	_ = binary.Write(&in, binary.LittleEndian, [3]uint32{0xffff, sent, 0})
	counts, err := differential.Run(&in, &out, 1, archives.Kinds)
	return counts, out.Bytes(), err
}

// chain is the archive of a Chain of one link, 16 bytes.
func chain(t *testing.T, name string) []byte {
	archive, err := rkyv.Marshal(&archives.Chain{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func TestAValueIsReadAndSentBack(t *testing.T) {
	archive := chain(t, "Ada")
	counts, out, err := run(testCase{1, 0, archive, archive}, 1)
	if err != nil || counts.Values != 1 || counts.Written < 1 {
		t.Fatal(counts, err)
	}
	sent := append([]byte{0, 0, byte(len(archive)), 0, 0, 0}, archive...)
	last := []byte{0xff, 0xff, byte(counts.Written), 0, 0, 0}
	if !bytes.HasPrefix(out, sent) || !bytes.HasSuffix(out, last) {
		t.Errorf("%x", out)
	}
}

func TestWhereTheSidesDifferTheRunEnds(t *testing.T) {
	archive, other := chain(t, "Ada"), chain(t, "Bob")
	wrong := bytes.Clone(archive)
	wrong[0] = 0xc3
	for want, c := range map[string]testCase{
		"rkyv says false, and Go <nil>":                      {0, 1, archive, nil},
		"rkyv says true, and Go archive position 0":          {1, 1, wrong, wrong},
		"Chain, case 0, origin 1: written by Go\n416461ffff": {1, 1, archive, other},
	} {
		if _, _, err := run(c, 1); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, _, err := run(testCase{1, 0, archive, archive}, 2); fmt.Sprint(err) != "1 cases of 2" {
		t.Error(err)
	}
	cut := strings.NewReader("\x01\x00\x05Chain\x10\x00\x00\x00\x00")
	_, err := differential.Run(cut, io.Discard, 1, archives.Kinds)
	if !strings.Contains(fmt.Sprint(err), "broke off") {
		t.Error(err)
	}
}

func TestARefusedArchiveIsReadAndNotLookedBeyond(t *testing.T) {
	// A name of 900 bytes, 16 bytes behind the end and 16 bytes before the start.
	for _, offset := range []int32{16, -16} {
		archive := make([]byte, 16)
		binary.LittleEndian.PutUint32(archive, 900&0x3f|0x80|900&^0x3f<<2)
		binary.LittleEndian.PutUint32(archive[4:], uint32(offset))
		counts, _, err := run(testCase{0, 1, archive, nil}, 1)
		if err != nil || counts.Unchecked != 2 || counts.Panics != 2 {
			t.Error(offset, counts, err)
		}
	}
}
