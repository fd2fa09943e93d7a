package differential

import "golang.org/x/sys/unix"

// guard is memory between pages that cannot be read.
//
//	| no access | room, a number of pages | no access |
type guard struct {
	mapping []byte
	page    int
}

// roomBytes is the longest archive that is placed.
const roomBytes = 1 << 20

func newGuard() (*guard, error) {
	page := unix.Getpagesize()
	mapping, err := unix.Mmap(-1, 0, roomBytes+2*page, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	g := &guard{mapping, page}
	for _, forbidden := range [][]byte{mapping[:page], mapping[page+roomBytes:]} {
		if err := unix.Mprotect(forbidden, unix.PROT_NONE); err != nil {
			g.close()
			return nil, err
		}
	}
	return g, nil
}

// place copies an archive to where its start, or its end, is at the border. Behind
// its end there is capacity, which must not be used. It is false if there is no room.
func (g *guard) place(archive []byte, atEnd bool) (placed []byte, ok bool) {
	if len(archive) > roomBytes {
		return nil, false
	}
	start := g.page
	if atEnd {
		start += roomBytes - len(archive)
	}
	placed = g.mapping[start : start+len(archive)]
	copy(placed, archive)
	return placed, true
}

func (g *guard) close() { _ = unix.Munmap(g.mapping) }
