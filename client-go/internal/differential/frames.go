package differential

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// The frames are those of fuzz/differential/src/frames.rs.

// end stands in place of a kind when nothing follows.
const end = 0xffff

// lengthMax is the longest archive that is taken, in bytes.
const lengthMax = 64 << 20

// originValue says that rkyv wrote the archive as it is.
const originValue = 0

// testCase is an archive, and what rkyv says to it.
type testCase struct {
	kind   int
	valid  bool
	origin byte
	length uint32
	// archive is aligned.
	archive []byte
	// canonical is what rkyv writes of the value in the archive.
	canonical []byte
}

func (j *Judge) readNames(kinds map[string]Kind) error {
	var count [2]byte
	if _, err := io.ReadFull(j.in, count[:]); err != nil {
		return err
	}
	for range binary.LittleEndian.Uint16(count[:]) {
		length, err := j.in.ReadByte()
		if err != nil {
			return err
		}
		name := make([]byte, length)
		if _, err := io.ReadFull(j.in, name); err != nil {
			return err
		}
		kind, ok := kinds[string(name)]
		if !ok {
			return fmt.Errorf("no type %s in Go", name)
		}
		var size [4]byte
		if _, err := io.ReadFull(j.in, size[:]); err != nil {
			return err
		}
		j.kinds, j.names = append(j.kinds, kind), append(j.names, string(name))
		j.sizes = append(j.sizes, int(binary.LittleEndian.Uint32(size[:])))
	}
	return nil
}

// readCase returns io.EOF, and the number of cases as the length, at the end.
func (j *Judge) readCase() (c testCase, err error) {
	var header [12]byte
	if _, err := io.ReadFull(j.in, header[:]); err != nil {
		return c, fmt.Errorf("the stream of archives broke off: %v", err)
	}
	c.kind = int(binary.LittleEndian.Uint16(header[:]))
	c.valid, c.origin = header[2] == 1, header[3]
	c.length = binary.LittleEndian.Uint32(header[4:])
	canonical := binary.LittleEndian.Uint32(header[8:])
	if c.kind == end {
		return c, io.EOF
	}
	if c.kind >= len(j.kinds) || c.length > lengthMax || canonical > lengthMax {
		return c, fmt.Errorf("kind %d of %d, lengths %d and %d (maximum %d)",
			c.kind, len(j.kinds), c.length, canonical, lengthMax)
	}
	c.archive = rkyv.Aligned(make([]byte, c.length, c.length+16))[:c.length]
	c.canonical = make([]byte, canonical)
	for _, part := range [][]byte{c.archive, c.canonical} {
		if _, err := io.ReadFull(j.in, part); err != nil {
			return c, fmt.Errorf("the stream of archives broke off: %v", err)
		}
	}
	return c, nil
}

// send writes an archive that Go wrote.
func (j *Judge) send(kind int, archive []byte) error {
	j.counts.Written++
	return j.frame(uint16(kind), uint32(len(archive)), archive)
}

// end compares the numbers of cases and says how many archives there were.
func (j *Judge) end(seen, sent int) error {
	if seen != sent {
		return fmt.Errorf("%d cases of %d", seen, sent)
	}
	if err := j.frame(end, uint32(j.counts.Written), nil); err != nil {
		return err
	}
	return j.out.Flush()
}

func (j *Judge) frame(kind uint16, length uint32, archive []byte) error {
	var header [6]byte
	binary.LittleEndian.PutUint16(header[:], kind)
	binary.LittleEndian.PutUint32(header[2:], length)
	if _, err := j.out.Write(header[:]); err != nil {
		return err
	}
	_, err := j.out.Write(archive)
	return err
}
