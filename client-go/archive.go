package outrigger

// An Archive is the reply of a typed call as bytes: an rkyv archive, aligned to 16.
// A small one is in memory of this process; a large one is read where the server
// wrote it, in memory that this process cannot write. It is the caller's until
// Release, which gives the memory to another call. Copies of an Archive share it; the
// first Release counts.
//
// A small one that is never released is collected as any memory is. A large one is
// then out of use until the session ends, which is reported; see WithLogger.
//
// The zero Archive holds no bytes.
type Archive struct {
	cell       *cell
	generation uint64
	length     int
}

func archiveIn(m *cell, length int) Archive {
	return Archive{cell: m, generation: m.generation.Load(), length: length}
}

// Bytes returns the archive, or nil after Release. They are valid until Release,
// also after the session has ended, and must not be changed.
func (a Archive) Bytes() []byte {
	if !a.cell.current(a.generation) {
		return nil
	}
	return a.cell.bytes(a.length)
}

// Release gives the memory back. It may be called again, and on copies.
func (a Archive) Release() { a.cell.release(a.generation) }

// fetchSpare takes memory for a reply that fits in a slot, unless the record has some
// left of a call that failed. It is done while the call is under way.
func (r *record) fetchSpare() {
	if r.spare == nil {
		r.spare = newCell(cellBytes)
	}
}

// takeSpare returns the memory that fetchSpare took, or else takes it now.
func (r *record) takeSpare() *cell {
	m := r.spare
	r.spare = nil
	if m == nil {
		m = newCell(cellBytes)
	}
	return m
}
