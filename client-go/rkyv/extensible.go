package rkyv

import (
	"encoding/binary"
	"slices"
)

// An extensible message stands behind a pointer that ends the archive, so that the
// archive says how long it is:
//
//	older     [ … parts │ older struct ][ pointer ]
//	upgraded  [ … parts │ older struct │ zeros ][ pointer ]    None, None, …
//	newer     [ … parts │ our struct … │ more ][ pointer ]     we look at ours only

// pointerSize is the size of that pointer.
const pointerSize = 4

// Extent is how far an older version of an extensible message reaches, in bytes from
// its start.
type Extent struct {
	// End is where its last field ends.
	End int
	// Size is its size, with what fills it up to its alignment.
	Size int
}

// LeaveBox ends a root that is a pointer, behind what it points to.
func (e *Encoder) LeaveBox(mark int) {
	at, ok := e.Place(mark, 1, pointerSize, pointerSize)
	if ok {
		e.PutBox(e.Window(at, pointerSize), at)
	}
	e.Leave(mark, at)
}

// layoutPointer is that of the pointer.
var layoutPointer = Layout{Name: "pointer", Size: pointerSize, Align: pointerSize}

// BuildBoxed begins a message behind a root that is a pointer, as Build does.
func BuildBoxed(e *Encoder, layout *Layout) Builder {
	if len(e.frames) > 0 || e.position > 0 {
		return Build(e, layout) // which refuses it
	}
	root := Build(e, &layoutPointer)
	if root.e == nil {
		return Builder{}
	}
	return e.begin(frame{layout: layout, owner: e.frames[root.frame].at})
}

// BoxedRoot begins with an archive whose root is a pointer, and returns the position
// of the message. Whatever stands behind that, up to the pointer, came later than
// this version of it.
func (c *Checker) BoxedRoot(archive []byte, size, align, depth int) (at int, ok bool) {
	at, ok = c.Root(archive, pointerSize, pointerSize, depth)
	if !ok {
		return at, false
	}
	scope, ok := c.Box(at, size, align)
	return scope.At, ok
}

// Upgrade returns an archive in which an older version of a message has room for what
// came later, which is none of it. Every other archive it returns as it is.
//
// What the archive says of its length decides only whether room is made; the outcome
// is checked like any archive. It allocates for older ones only.
func Upgrade(archive []byte, size int, older []Extent) []byte {
	root := len(archive) - pointerSize
	if root < 0 {
		return archive
	}
	written := -int(int32(binary.LittleEndian.Uint32(archive[root:])))
	if written == size || written <= 0 || written > root {
		return archive
	}
	of := func(extent Extent) bool { return extent.Size == written }
	index := slices.IndexFunc(older, of)
	if index < 0 {
		return archive
	}
	start := root - written
	end := start + size
	memory := alignedBytes(end + pointerSize)[:end+pointerSize]
	// What fills the older struct up to its alignment may belong to a new field.
	copy(memory, archive[:start+older[index].End])
	binary.LittleEndian.PutUint32(memory[end:], uint32(-size))
	return memory
}
