package rkyv

import (
	"bytes"
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
