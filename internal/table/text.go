package table

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// bufferSize is how much of a file is read at once.
const bufferSize = 64 << 10

// openText returns the text of a file as UTF-8, without a byte order mark: UTF-16 is known by one, or by the zeros in its first characters.
func openText(from io.ReaderAt, size int64) *bufio.Reader {
	raw := bufio.NewReaderSize(io.NewSectionReader(from, 0, size), bufferSize)
	start, _ := raw.Peek(4)
	order := unicode.LittleEndian
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = raw.Discard(3)
		return raw
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		order = unicode.BigEndian
	case len(start) == 4 && start[0] != 0 && start[1] == 0 && start[2] != 0 && start[3] == 0:
	case len(start) == 4 && start[0] == 0 && start[1] != 0 && start[2] == 0 && start[3] != 0:
		order = unicode.BigEndian
	default:
		return raw
	}
	decoded := transform.NewReader(raw, unicode.UTF16(order, unicode.UseBOM).NewDecoder())
	if len(start) > 0 && start[0] < 0xfe {
		decoded = transform.NewReader(raw, unicode.UTF16(order, unicode.IgnoreBOM).NewDecoder())
	}
	return bufio.NewReaderSize(decoded, bufferSize)
}
