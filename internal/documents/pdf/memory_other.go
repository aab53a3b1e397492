//go:build !unix

package pdf

// linearMemory is the memory of an instance.
type linearMemory struct {
	pages []byte
	most  uint64
}

func reserve(most uint64) *linearMemory { return &linearMemory{most: most} }

// Reallocate implements experimental.LinearMemory.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.most {
		return nil
	}
	if size > uint64(cap(m.pages)) {
		grown := make([]byte, size, min(m.most, size+size/4))
		copy(grown, m.pages)
		m.pages = grown
	}
	m.pages = m.pages[:size]
	return m.pages
}

// Free implements experimental.LinearMemory.
func (m *linearMemory) Free() {}

func (m *linearMemory) release() {}
