package table

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// bufferSize is how much of a file is read at once.
const bufferSize = 64 << 10

// encoded is how the text of a file is encoded.
type encoded struct {
	name string // As protocol.CSV has it.
	mark bool   // It begins with a byte order mark.
}

// openText returns the text of a file as UTF-8, without a byte order mark: UTF-16 is known by one, or by the zeros in its first characters.
func openText(from io.ReaderAt, size int64) (*bufio.Reader, encoded) {
	raw := bufio.NewReaderSize(io.NewSectionReader(from, 0, size), bufferSize)
	start, _ := raw.Peek(4)
	order, as := unicode.LittleEndian, encoded{name: protocol.UTF16LE, mark: true}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = raw.Discard(3)
		return raw, encoded{mark: true}
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		order, as.name = unicode.BigEndian, protocol.UTF16BE
	case len(start) == 4 && start[0] != 0 && start[1] == 0 && start[2] != 0 && start[3] == 0:
		as.mark = false
	case len(start) == 4 && start[0] == 0 && start[1] != 0 && start[2] == 0 && start[3] != 0:
		order, as = unicode.BigEndian, encoded{name: protocol.UTF16BE}
	default:
		return raw, encoded{}
	}
	marks := unicode.IgnoreBOM
	if as.mark {
		marks = unicode.UseBOM
	}
	return bufio.NewReaderSize(transform.NewReader(raw, unicode.UTF16(order, marks).NewDecoder()), bufferSize), as
}
