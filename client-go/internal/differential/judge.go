// Package differential is Go's side of the differential test of package rkyv:
// rkyv's own verdicts come in through a pipe, and what Go writes goes out.
//
//	rkyv ── values, mutants, verdicts ──▶ Judge ── archives ──▶ rkyv
//
// Of each archive that rkyv accepts, Go must make the value that rkyv makes: that is
// so if both write the same archive of it. Archives that rkyv refuses are read all
// the same, between pages that cannot be read.
package differential

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// Counts is what was judged.
type Counts struct {
	// Values are archives that rkyv wrote.
	Values int
	// Accepted and Refused are mutants, and archives of other types.
	Accepted, Refused int
	// Unchecked are reads of archives that were not validated, Panics how many of
	// them ended in a panic.
	Unchecked, Panics int
	// Written are archives that Go wrote.
	Written int
}

// String returns the counts as the command differential reads them.
func (c *Counts) String() string {
	return fmt.Sprintf("values %d accepted %d refused %d unchecked %d panics %d written %d",
		c.Values, c.Accepted, c.Refused, c.Unchecked, c.Panics, c.Written)
}

// Of so many archives one is looked at by each accessor, and of so many that are
// refused one is read without validation: reflection is slow.
const (
	walkedOf    = 16
	uncheckedOf = 4
)

// Judge judges what comes in and sends what Go writes out.
type Judge struct {
	kinds  []Kind
	names  []string
	sizes  []int
	in     *bufio.Reader
	out    *bufio.Writer
	random *rand.Rand
	guard  *guard
	memory []byte
	counts Counts
}

// Run judges all that comes in. What it varies at random, it varies by the seed.
//
// Errors: the first disagreement, with the archive; what is wrong with the pipes.
func Run(in io.Reader, out io.Writer, seed uint64, kinds map[string]Kind) (Counts, error) {
	j := &Judge{
		in: bufio.NewReaderSize(in, 1<<18), out: bufio.NewWriterSize(out, 1<<18),
		random: rand.New(rand.NewPCG(seed, 1)),
	}
	guard, err := newGuard()
	if err != nil {
		return j.counts, err
	}
	j.guard = guard
	defer guard.close()
	if err := j.readNames(kinds); err != nil {
		return j.counts, err
	}
	for number := 0; ; number++ {
		c, err := j.readCase()
		if err == io.EOF {
			return j.counts, j.end(number, int(c.length))
		}
		if err != nil {
			return j.counts, err
		}
		if err := j.judge(&c, number); err != nil {
			return j.counts, fmt.Errorf("%s, case %d, origin %d: %w\n%x",
				j.names[c.kind], number, c.origin, err, c.archive)
		}
	}
}

// Main runs with standard input and output and a seed from the command line, and
// ends the process: the counts, or what is wrong, go to standard error.
func Main(kinds map[string]Kind) {
	seed := uint64(0)
	if len(os.Args) > 1 {
		seed, _ = strconv.ParseUint(os.Args[1], 10, 64)
	}
	counts, err := Run(os.Stdin, os.Stdout, seed, kinds)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, &counts)
}

func (j *Judge) judge(c *testCase, number int) error {
	kind := &j.kinds[c.kind]
	view, err := kind.Parse(c.archive)
	if (err == nil) != c.valid {
		return fmt.Errorf("rkyv says %v, and Go %v", c.valid, err)
	}
	switch {
	case c.origin == originValue:
		j.counts.Values++
	case err == nil:
		j.counts.Accepted++
	default:
		j.counts.Refused++
	}
	if err != nil {
		var invalid *rkyv.InvalidError
		if !errors.As(err, &invalid) || !errors.Is(err, rkyv.ErrInvalid) {
			return err
		}
		if kind.Unchecked != nil && number%uncheckedOf == 0 {
			return j.readUnchecked(kind, c.archive, j.sizes[c.kind], number/uncheckedOf)
		}
		return nil
	}
	value := kind.Load(view)
	if err := j.write(c, value); err != nil {
		return err
	}
	if number%walkedOf == 0 {
		if err := Walk(view); err != nil {
			return err
		}
	}
	if c.origin == originValue {
		return j.writeVaried(c.kind, kind, value)
	}
	return nil
}

// write encodes a value, compares it with what rkyv made of the same archive, and
// sends it.
func (j *Judge) write(c *testCase, value rkyv.Encodable) error {
	written, err := j.encode(value)
	if err != nil {
		return err
	}
	if !bytes.Equal(written, c.canonical) {
		return fmt.Errorf("written by Go\n%x\nand by rkyv\n%x\nof", written, c.canonical)
	}
	if c.origin == originValue {
		return j.send(c.kind, written)
	}
	return nil
}

// writeVaried sends values that only Go made.
func (j *Judge) writeVaried(index int, kind *Kind, value rkyv.Encodable) error {
	const rounds = 4
	for range rounds {
		vary(j.random, reflect.ValueOf(value))
		written, err := j.encode(value)
		if errors.Is(err, rkyv.ErrEncode) {
			continue // it became what no archive can hold
		}
		if err != nil {
			return err
		}
		view, err := kind.Parse(written)
		if err != nil {
			return fmt.Errorf("refused by Go, which wrote it: %w\n%x", err, written)
		}
		again, err := rkyv.Marshal(kind.Load(view))
		if err != nil || !bytes.Equal(again, written) {
			return fmt.Errorf("written by Go\n%x\nand then\n%x (%v)", written, again, err)
		}
		if err := j.send(index, written); err != nil {
			return err
		}
	}
	return nil
}

// encode writes a value's archive into the judge's memory.
func (j *Judge) encode(value rkyv.Encodable) ([]byte, error) {
	written, err := rkyv.AppendMarshal(j.memory[:0], value)
	j.memory = written
	return written, err
}

// readUnchecked reads an archive that may be anything by means of a view. It may
// panic; what it must not do is look at a byte outside.
func (j *Judge) readUnchecked(kind *Kind, archive []byte, size, turn int) error {
	for _, atEnd := range []bool{false, true} {
		placed, ok := j.guard.place(archive, atEnd)
		if !ok {
			return nil
		}
		j.counts.Unchecked++
		panicked, err := walkUnchecked(kind, placed, size, turn)
		if err != nil {
			return err
		}
		if panicked {
			j.counts.Panics++
		}
	}
	return nil
}
