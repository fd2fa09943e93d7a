package rkyv

import (
	"bytes"
	"errors"
	"testing"
)

// An archive often lies in a buffer that held a longer one.
func TestWhatLiesBehindAnArchiveIsOutOfReach(t *testing.T) {
	buffer := bytes.Repeat([]byte("secret  "), 8)
	root := []byte{0x89, 0, 0, 0, 8, 0, 0, 0} // a string of 9 bytes behind itself
	copy(buffer, root)
	list := []byte{8, 0, 0, 0, 9, 0, 0, 0} // a Vec of 9 bytes behind itself
	for _, read := range []func(r Ref){
		func(r Ref) { _ = r.StringView(0) },
		func(r Ref) { _ = r.String(0) },
		func(r Ref) { copy(buffer, list); _ = SliceView[byte](r, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("read what is not the archive's")
				}
			}()
			read(NewRef(buffer[:8], 0))
		}()
	}
}

func TestEveryReadOfAnEmptyViewSaysSo(t *testing.T) {
	for name, read := range map[string]func(r Ref){
		"U8":         func(r Ref) { r.U8(0) },
		"U16":        func(r Ref) { r.U16(2) },
		"I32":        func(r Ref) { r.I32(0) },
		"U64":        func(r Ref) { r.U64(8) },
		"U128":       func(r Ref) { r.U128(16) },
		"Bool":       func(r Ref) { r.Bool(1) },
		"F64":        func(r Ref) { r.F64(0) },
		"Duration":   func(r Ref) { r.Duration(0) },
		"String":     func(r Ref) { _ = r.String(0) },
		"StringView": func(r Ref) { _ = r.StringView(8) },
		"BoxStr":     func(r Ref) { _ = r.BoxStr(0) },
		"Box":        func(r Ref) { r.Box(4) },
		"Vec":        func(r Ref) { r.Vec(0) },
		"SliceView":  func(r Ref) { SliceView[uint32](r, 0) },
		"ArrayView":  func(r Ref) { ArrayView[uint32](r, 0, 3) },
	} {
		err := func() (err error) {
			defer Recover(&err)
			read(Ref{})
			return nil
		}()
		if err != ErrEmptyView {
			t.Errorf("%s: %v", name, err)
		}
		func() {
			defer func() {
				cause, ok := recover().(error)
				if !ok || cause.Error() != ErrEmptyView.Error() || !errors.Is(cause, ErrEmptyView) {
					t.Errorf("%s: panic %v", name, cause)
				}
			}()
			read(Ref{})
		}()
	}
}

func TestAPlainRootIsWhatACheckerTakes(t *testing.T) {
	memory := make([]byte, 64)
	for length := range len(memory) {
		for size := range 40 {
			for _, align := range []int{1, 2, 4, 8, 16} {
				var c Checker
				archive := memory[:length]
				want, wanted := c.Root(archive, size, align, 2)
				at, ok := PlainRoot(archive, size, align)
				if ok != wanted || ok && at != want {
					t.Fatalf("%d, %d, %d: %d, %v", length, size, align, at, ok)
				}
				err := PlainRootError(archive, size, align)
				if !ok && (err == nil || err.Error() != c.Err().Error()) {
					t.Fatalf("error %v, want %v", err, c.Err())
				}
			}
		}
	}
}
