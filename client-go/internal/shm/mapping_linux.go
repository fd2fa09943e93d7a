//go:build amd64 || arm64

package shm

import (
	"math"

	"golang.org/x/sys/unix"
)

// requiredSeals are those that keep a mapping safe: nobody can truncate the
// file under it, nor, for the server's memory, map it writable.
var requiredSeals = map[Access]int{
	ReadOnly: unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE |
		unix.F_SEAL_SEAL,
	ReadWrite: unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL,
}

// Map checks seals and size of a memfd and maps all of it. The fd may be closed
// afterwards; the memory stays until Unmap.
//
// Errors: UntrustedError, or what the kernel said.
func Map(fd int, length uint64, access Access) ([]byte, error) {
	if err := check(fd, length, access); err != nil {
		return nil, err
	}
	protection := unix.PROT_READ
	if access == ReadWrite {
		protection |= unix.PROT_WRITE
	}
	return unix.Mmap(fd, 0, int(length), protection, unix.MAP_SHARED)
}

// Unmap ends a mapping. The slice that Map returned, and everything derived
// from it, must not be touched any more.
func Unmap(memory []byte) error { return unix.Munmap(memory) }

// Protect changes how whole pages of a mapping may be used. It is for finding
// mistakes: where it fails, for pages larger than a buffer, nothing changes.
func Protect(memory []byte, access Access) {
	protection := unix.PROT_NONE
	switch access {
	case ReadOnly:
		protection = unix.PROT_READ
	case ReadWrite:
		protection = unix.PROT_READ | unix.PROT_WRITE
	}
	_ = unix.Mprotect(memory, protection)
}

// Populate maps all pages of memory in advance, so that the first lap of a ring
// costs no page faults. It is a hint: kernels before 5.14 refuse it.
func Populate(memory []byte, access Access) {
	advice := unix.MADV_POPULATE_READ
	if access == ReadWrite {
		advice = unix.MADV_POPULATE_WRITE
	}
	_ = unix.Madvise(memory, advice)
}

func check(fd int, length uint64, access Access) error {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return untrusted("not a sealable memfd: %v", err)
	}
	if required := requiredSeals[access]; seals&required != required {
		return untrusted("seals %#x (required %#x)", seals, required)
	}
	var status unix.Stat_t
	if err := unix.Fstat(fd, &status); err != nil {
		return untrusted("no size: %v", err)
	}
	if length == 0 || length > math.MaxInt || uint64(status.Size) != length {
		return untrusted("file of %d bytes (announced %d)", status.Size, length)
	}
	return nil
}

// Yield lets another thread of this processor run, if one waits.
func Yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
