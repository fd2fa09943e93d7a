package rkyv

import (
	"encoding/binary"
	"fmt"
)

// A Builder writes a value field by field, without a struct of it before. Generated
// code wraps it in types with a method for each field:
//
//	order := BuildOrder(&encoder)
//	order.SetID(7)
//	items := order.BeginItems()
//	for _, name := range names {
//		item := items.Next()
//		item.SetName(name)
//	}
//	order.SetNote(note)
//	n, err := encoder.Finish()
//
// Fields are set in the order of their declaration, each once; that is the order in
// which an archive holds what they point to. A value is complete when one that
// encloses it goes on, or at Finish. A field that is left out or set out of order, and
// a value that is written to after it was complete, make the message invalid: Finish
// returns an *EncodeError, and there is no archive.
//
// What fields point to is written to the buffer at once. The fixed parts wait in
// memory of the encoder, until all that they point to is written:
//
//	buffer   | text of item 1 | text of item 2 |          items' fixed parts go here,
//	                                                      once the list is complete
//	stage    | order: id, …   | item 1 | item 2 |
//	                              ▲ pointers says where offsets stand: they change
//	                                with the place of the value that holds them
//
// The zero Builder writes nothing.
type Builder struct {
	e      *Encoder
	frame  int
	serial uint64
}

// A Layout describes a value that can be built, or the elements of a list.
type Layout struct {
	// Name is what errors call it.
	Name string
	// Size and Align are those of the value, or of one element, in bytes.
	Size, Align int
	// Fields are the names of the fields, in their order; none of a list.
	Fields []string
}

const (
	// Element is, in place of a field's index, the next element of a list.
	Element = -1
	// NoTag is, in place of a tag's offset, that there is none.
	NoTag = -1
)

// frame is a value that is being built.
type frame struct {
	layout *Layout
	// serial is what builders of this value have, and no others.
	serial uint64
	// next is the index of the field to be set; of a list, how many elements it has.
	next int
	// at is where in the stage the value stands, or the last element.
	at int
	// start is where in the stage begins what is to be placed; of a part, the
	// same as at.
	start int
	// pointers is how many pointers stood in the stage before.
	pointers int
	// owner is where in the stage the pointer to it stands, or one of these.
	owner int
	// isList says that its count stands behind the pointer.
	isList bool
}

const (
	// ownerNone is the owner of the root.
	ownerNone = -1
	// ownerPart is the owner of what stands inside of another value.
	ownerPart = -2
)

// Build begins the root of an archive.
//
// Preconditions: nothing was written since Reset.
func Build(e *Encoder, layout *Layout) Builder {
	if len(e.frames) > 0 || e.position > 0 {
		e.fail(layout.Name+" begins inside of another message", "one message after Reset")
		return Builder{}
	}
	return e.begin(frame{layout: layout, owner: ownerNone})
}

// Field begins to set the field of this index, or an Element. It returns nil if that
// is not to be done.
func (b Builder) Field(index int) *Encoder {
	e := b.e
	if e == nil || e.err != nil {
		return nil
	}
	if b.frame >= len(e.frames) || e.frames[b.frame].serial != b.serial {
		e.fail("a value is written to after it was complete", "one value after the other")
		return nil
	}
	for len(e.frames) > b.frame+1 {
		e.complete()
	}
	f := &e.frames[b.frame]
	if index == Element {
		f.at = e.extend(f.layout.Size)
	} else if f.next != index {
		e.orderError(f, index)
	}
	f.next++
	if e.err != nil {
		return nil
	}
	e.positions = e.positions[:0] // of a message that was encoded meanwhile
	return e
}

// Inline begins a field that is a value with fields. tag is the offset of a byte that
// is to be 1, before it, or NoTag; so for all that begin.
func (b Builder) Inline(index, tag, offset int, layout *Layout) Builder {
	e, at := b.slot(index, tag, offset)
	if e == nil {
		return Builder{}
	}
	return e.push(frame{layout: layout, at: at, owner: ownerPart})
}

// Box begins what a field that is a Box holds.
func (b Builder) Box(index, tag, offset int, layout *Layout) Builder {
	e, at := b.slot(index, tag, offset)
	if e == nil {
		return Builder{}
	}
	return e.begin(frame{layout: layout, owner: at})
}

// List begins the elements of a field that is a Vec. layout is that of an element.
func (b Builder) List(index, tag, offset int, layout *Layout) Builder {
	e, at := b.slot(index, tag, offset)
	if e == nil {
		return Builder{}
	}
	return e.begin(frame{layout: layout, owner: at, isList: true})
}

// Variant begins the variant of an enum; layout is nil if it has no fields.
func (b Builder) Variant(tag uint8, layout *Layout) Builder {
	e := b.Field(0)
	if e == nil {
		return Builder{}
	}
	at := e.frames[b.frame].at
	e.stage[at] = tag
	if layout == nil {
		return Builder{}
	}
	return e.push(frame{layout: layout, at: at, owner: ownerPart})
}

// slot begins to set a field, and returns where in the stage it stands.
func (b Builder) slot(index, tag, offset int) (e *Encoder, at int) {
	if e = b.Field(index); e == nil {
		return nil, 0
	}
	at = e.frames[b.frame].at
	if tag != NoTag {
		e.stage[at+tag] = 1
	}
	return e, at + offset
}

// Stage begins to write the fixed part of the field that is being set. w is the memory
// of the value that it belongs to, and at its position. It is not ok if nothing is to
// be written.
func (e *Encoder) Stage() (w []byte, at int, ok bool) {
	if e.err != nil {
		return nil, 0, false
	}
	f := &e.frames[len(e.frames)-1]
	end := f.at + f.layout.Size
	e.target, e.buf, e.isStaging, e.cursor = e.buf, e.stage, true, 0
	return e.stage[f.at:end:end], f.at, true
}

// Unstage ends what Stage began.
func (e *Encoder) Unstage() {
	e.buf, e.target, e.isStaging, e.positions = e.target, nil, false, e.positions[:0]
}

// begin pushes a frame with a place of its own.
func (e *Encoder) begin(f frame) Builder {
	if !e.nest() {
		return Builder{}
	}
	e.depth++
	f.start, f.pointers = len(e.stage), len(e.pointers)
	f.at = f.start
	if !f.isList {
		e.extend(f.layout.Size)
	}
	return e.push(f)
}

func (e *Encoder) push(f frame) Builder {
	e.serial++
	f.serial = e.serial
	e.frames = append(e.frames, f)
	return Builder{e: e, frame: len(e.frames) - 1, serial: f.serial}
}

// extend appends zeros to the stage and returns where they begin.
func (e *Encoder) extend(size int) int {
	at := len(e.stage)
	end := at + size
	if end > cap(e.stage) {
		e.stage = append(make([]byte, 0, 2*end), e.stage...)
	}
	e.stage = e.stage[:end]
	clear(e.stage[at:])
	return at
}

// complete ends the innermost value.
func (e *Encoder) complete() {
	last := len(e.frames) - 1
	f := &e.frames[last]
	if f.next < len(f.layout.Fields) {
		e.fail(fmt.Sprintf("%s without %s", f.layout.Name, f.layout.Fields[f.next]),
			"every field must be set")
	}
	if f.owner != ownerPart {
		e.place(f)
	}
	e.frames = e.frames[:last]
}

// place writes what waits in the stage, all of whose parts are written.
func (e *Encoder) place(f *frame) {
	e.align(f.layout.Align)
	at, fixed := e.position, e.stage[f.start:]
	e.position += len(fixed)
	if e.position <= len(e.buf) {
		moved := uint32(at - f.start)
		for _, pointer := range e.pointers[f.pointers:] {
			offset := e.stage[pointer : pointer+4]
			binary.LittleEndian.PutUint32(offset, binary.LittleEndian.Uint32(offset)-moved)
		}
		copy(e.buf[at:], fixed)
	}
	e.stage, e.pointers = e.stage[:f.start], e.pointers[:f.pointers]
	e.depth--
	if f.owner == ownerNone {
		return
	}
	binary.LittleEndian.PutUint32(e.stage[f.owner:], uint32(at-f.owner))
	e.pointers = append(e.pointers, uint32(f.owner))
	if f.isList {
		binary.LittleEndian.PutUint32(e.stage[f.owner+4:], uint32(f.next))
	}
}

// abandonFrames forgets what was begun and never completed. Without frames there is
// nothing in the stage.
func (e *Encoder) abandonFrames() {
	e.stage, e.pointers, e.frames = e.stage[:0], e.pointers[:0], e.frames[:0]
	e.target, e.isStaging = nil, false
}

// completeAll ends the root, and all that is inside of it.
func (e *Encoder) completeAll() {
	for len(e.frames) > 0 {
		e.complete()
	}
}

func (e *Encoder) orderError(f *frame, index int) {
	fields := f.layout.Fields
	seen := fmt.Sprintf("%s.%s is set twice", f.layout.Name, fields[index])
	if f.next < index {
		seen = fmt.Sprintf("%s.%s is set before %s", f.layout.Name, fields[index], fields[f.next])
	}
	e.fail(seen, "each field once, in their order")
}
