//go:build unix

package pdf

import "golang.org/x/sys/unix"

// linearMemory is the memory of an instance: reserved as a whole, so that it never moves, and given back to the system with the document
// and not at some time by the garbage collector.
type linearMemory struct{ pages []byte }

func reserve(most uint64) *linearMemory {
	pages, err := unix.Mmap(-1, 0, int(most), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return &linearMemory{}
	}
	return &linearMemory{pages}
}

// Reallocate implements experimental.LinearMemory.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.pages)) {
		return nil
	}
	return m.pages[:size]
}

// Free implements experimental.LinearMemory. Code may still run in the memory: release frees it.
func (m *linearMemory) Free() {}

func (m *linearMemory) release() {
	if m == nil || m.pages == nil {
		return
	}
	_ = unix.Munmap(m.pages)
	m.pages = nil
}
