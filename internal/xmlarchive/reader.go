package xmlarchive

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Reader reads an XML file within limits. Entities of a document's own are an error, so that none expands.
type Reader struct {
	Depth int // Elements that are open.

	archive *Archive
	name    string
	content io.ReadCloser
	meter   *meter
	decoder *xml.Decoder
	marks   bool // The caller says where a piece begins.
}

func newReader(a *Archive, name string, content io.ReadCloser) *Reader {
	x := &Reader{archive: a, name: name, content: content}
	x.meter = &meter{from: transform.NewReader(content, unicode.BOMOverride(transform.Nop)), of: x, left: math.MaxInt64}
	x.decoder = xml.NewDecoder(x.meter)
	x.decoder.Entity = xml.HTMLEntity
	x.decoder.CharsetReader = func(label string, from io.Reader) (io.Reader, error) {
		if strings.HasPrefix(strings.ToLower(label), "utf-16") {
			return from, nil // Decoded above, by its byte order mark.
		}
		encoding, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return encoding.NewDecoder().Reader(from), nil
	}
	return x
}

// Close closes the file, which was only read.
func (x *Reader) Close() { _ = x.content.Close() }

// Mark begins a piece of at most MaxPiece bytes, which ends at the next mark. Without marks each token is one.
func (x *Reader) Mark() { x.marks, x.meter.piece = true, 0 }

// Next returns the next token, io.EOF after the last.
func (x *Reader) Next() (xml.Token, error) {
	if err := x.archive.budget.Check(); err != nil {
		return nil, err
	}
	if !x.marks {
		x.meter.piece = 0
	}
	token, err := x.decoder.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, err
	case x.archive.budget.Err != nil:
		return nil, x.archive.budget.Err
	case err != nil:
		return nil, x.failure(NotXML, 0, err)
	}
	switch token.(type) {
	case xml.StartElement:
		if x.Depth++; x.Depth > maxDepth {
			return nil, x.failure(TooDeep, maxDepth, nil)
		}
	case xml.EndElement:
		x.Depth--
	}
	return token, nil
}

func (x *Reader) failure(kind Kind, limit int64, err error) *Error {
	return &Error{Kind: kind, Called: x.archive.called, File: x.name, Limit: limit, Err: err}
}

// Within calls each for every token up to the end of the element whose start was read last.
func (x *Reader) Within(each func(xml.Token) error) error {
	for outer := x.Depth; ; {
		token, err := x.Next()
		if errors.Is(err, io.EOF) {
			return x.failure(NotXML, 0, io.ErrUnexpectedEOF)
		}
		if err != nil || x.Depth < outer {
			return err
		}
		if err := each(token); err != nil {
			return err
		}
	}
}

// Elements calls each for the start of every element up to the end of the one whose start was read last.
func (x *Reader) Elements(each func(xml.StartElement) error) error {
	return x.Within(func(token xml.Token) error {
		if element, is := token.(xml.StartElement); is {
			return each(element)
		}
		return nil
	})
}

// Skip reads to the end of the element whose start was read last.
func (x *Reader) Skip() error {
	return x.Within(func(xml.Token) error { return nil })
}

// Text returns the text of the element whose start was read last.
func (x *Reader) Text() (string, error) {
	var text strings.Builder
	err := x.Within(func(token xml.Token) error {
		if characters, is := token.(xml.CharData); is {
			text.Write(characters)
		}
		return nil
	})
	return text.String(), err
}

// meter counts what is read: of all files, of this one, and of one piece.
type meter struct {
	from        io.Reader
	of          *Reader
	left, limit int64
	piece       int
}

// Read implements io.Reader.
func (m *meter) Read(to []byte) (int, error) {
	n, err := m.from.Read(to)
	budget := m.of.archive.budget
	m.piece += n
	m.left -= int64(n)
	budget.Unpacked -= int64(n)
	switch {
	case budget.Unpacked < 0:
		budget.Fail(m.of.archive.tooLarge(uint64(budget.most)+1, budget.most))
	case m.left < 0:
		budget.Fail(m.of.failure(TooLong, m.limit, nil))
	case m.piece > MaxPiece:
		budget.Fail(m.of.failure(TooLong, MaxPiece, nil))
	}
	if budget.Err != nil {
		return n, budget.Err
	}
	return n, err
}

// Attribute returns the value of an attribute by its name without a namespace; empty if it has none.
func Attribute(element xml.StartElement, name string) string {
	for _, a := range element.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
