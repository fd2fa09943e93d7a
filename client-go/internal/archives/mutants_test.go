package archives

import (
	"errors"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/differential"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// source gives the numbers of sample.rs in layout/tests/archives.
type source struct{ state uint64 }

func newSource(seed uint64) *source { return &source{0x9e3779b97f4a7c15 * (seed + 1)} }

func (s *source) next() uint32 {
	s.state ^= s.state >> 12
	s.state ^= s.state << 25
	s.state ^= s.state >> 27
	return uint32(s.state * 0x2545f4914f6cdd1d >> 32)
}

func (s *source) below(bound int) int { return int(int64(s.next()) % int64(bound)) }

// mutant makes the errors of sample.rs, with the same numbers in the same order.
func mutant(s *source, archive []byte) []byte {
	memory := rkyv.Aligned(append(make([]byte, 0, len(archive)+16), archive...))
	for range 1 + s.below(3) {
		length := len(memory)
		if length == 0 {
			break
		}
		at := s.below(length)
		if s.below(2) == 0 {
			at = length - 1 - s.below(min(length, 96))
		}
		switch s.below(5) {
		case 0:
			memory[at] = byte(s.next())
		case 1:
			memory[at] += byte(s.below(17)) - 8
		case 2:
			value := uint32(s.below(64) - 32)
			if at &^= 3; at+4 <= length {
				for i := range 4 {
					memory[at+i] = byte(value >> (8 * i))
				}
			}
		case 3:
			from := s.below(length)
			if from+8 <= length && at+8 <= length {
				copy(memory[at:at+8], memory[from:from+8])
			}
		default:
			if s.below(4) == 0 {
				memory = memory[:length-s.below(min(length, 12))]
			} else {
				memory[at] ^= 1 << s.below(8)
			}
		}
	}
	return memory
}

func TestEveryMutantIsJudgedAsRkyvJudgesIt(t *testing.T) {
	accepted, refused := 0, 0
	for _, v := range vectors(t) {
		s := newSource(uint64(v.index))
		for i := range 8 * len(v.verdicts) {
			archive := mutant(s, v.archive)
			want := v.verdicts[i/8]>>(i%8)&1 == 1
			view, err := Kinds[v.Type].Parse(archive)
			if (err == nil) != want {
				t.Fatalf("%s %s, mutant %d: %v, and rkyv says %v\n%x",
					v.Type, v.Name, i, err, want, archive)
			}
			if err != nil {
				var invalid *rkyv.InvalidError
				if !errors.As(err, &invalid) || !errors.Is(err, rkyv.ErrInvalid) {
					t.Fatal(err)
				}
				refused++
				continue
			}
			accepted++
			if i%16 == 0 {
				if err := differential.Walk(view); err != nil {
					t.Fatal(v.Type, v.Name, i, err)
				}
				if _, err := rkyv.Marshal(Kinds[v.Type].Load(view)); err != nil {
					t.Fatalf("%s %s, mutant %d: %v\n%x", v.Type, v.Name, i, err, archive)
				}
			}
		}
	}
	t.Logf("%d mutants accepted, %d refused", accepted, refused)
	if accepted < 1000 || refused < 1000 {
		t.Error("too few of one sort")
	}
}
