// Package xmlarchive reads files that are ZIP archives of XML, as those of office programs and EPUB books are: within bounds of size,
// depth and time, and nothing outside of the archive.
package xmlarchive

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
)

const (
	// MaxFiles is the maximum number of files in an archive. Each takes memory before any is read.
	MaxFiles = 65_535
	// MaxPiece is the maximum size in bytes of one tag, comment or text, which the decoder holds.
	MaxPiece = 16 << 20
	// Small is the limit of XML that lists what else is in an archive.
	Small = 16 << 20

	maxDirectory  = 16 << 20 // Bytes of the list of files.
	maxDepth      = 1_000    // Elements within elements.
	stepsPerCheck = 1_024
)

// Budget is what the reading of one file may take. Once it is exceeded, Err stays set, and every reader stops at its next check.
type Budget struct {
	Unpacked int64 // Bytes left of what is packed in the file.
	Err      error

	ctx   context.Context
	most  int64 // What Unpacked was.
	steps int
}

// Unlimited is the budget of bytes of a caller that limits each part of what it reads.
const Unlimited = math.MaxInt64

// NewBudget returns a budget of so many unpacked bytes, until the context ends.
func NewBudget(ctx context.Context, unpacked int64) *Budget {
	return &Budget{Unpacked: unpacked, ctx: ctx, most: unpacked}
}

// Unpacked returns how many bytes a file of this size may unpack to: small files may unpack to much in proportion, but not without end.
func Unpacked(size, most int64) int64 { return min(most, max(10<<20, 200*size)) }

// Check returns why reading stops. It is cheap enough for every token.
func (b *Budget) Check() error {
	if b.steps++; b.steps%stepsPerCheck == 0 && b.Err == nil {
		b.Err = b.ctx.Err()
	}
	return b.Err
}

// Fail stops reading, unless something has stopped it before.
func (b *Budget) Fail(err error) {
	if b.Err == nil {
		b.Err = err
	}
}

// Kind is what is wrong with an archive.
type Kind uint8

// The first three are of damaged archives, the others of those that exceed a limit.
const (
	Broken   Kind = iota // It cannot be unpacked.
	Missing              // A file is not in it.
	NotXML               // A file in it cannot be read as XML.
	TooLarge             // It unpacks to more than Limit bytes.
	TooLong              // A file, or a piece of one, has more than Limit bytes.
	TooDeep              // A file has more than Limit elements within each other.
)

// Error is why an archive, or a file in it, cannot be read.
type Error struct {
	Kind   Kind
	Called string // What the archive should be: "an Excel workbook".
	File   string // Name in the archive; empty is all of it.
	Size   uint64 // Of what is too large.
	Limit  int64
	Err    error // Of what cannot be unpacked, or is not XML.
}

// Error implements error.
func (e *Error) Error() string {
	switch e.Kind {
	case Missing:
		return e.File + " is missing"
	case TooLarge:
		return fmt.Sprintf("it unpacks to %d bytes, and the limit is %d", e.Size, e.Limit)
	case TooLong:
		return fmt.Sprintf("%s is larger than %d MiB", e.File, e.Limit>>20)
	case TooDeep:
		return fmt.Sprintf("%s has more than %d elements within each other", e.File, e.Limit)
	}
	return strings.TrimPrefix(e.File+": ", ": ") + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Archive is a ZIP archive of XML files.
type Archive struct {
	budget *Budget
	called string
	files  map[string]*zip.File // By name in lower case: Office reads names in any case.
}

// Open reads the directory of an archive, and rejects one that says that it unpacks to more than the budget.
func Open(from io.ReaderAt, size int64, called string, b *Budget) (*Archive, error) {
	directory := &directoryReader{from: from, left: maxDirectory}
	reader, err := zip.NewReader(directory, size)
	directory.left = math.MaxInt
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // Names are not paths here: nothing is written.
		return nil, &Error{Kind: Broken, Called: called, Err: err}
	}
	a := &Archive{budget: b, called: called, files: map[string]*zip.File{}}
	var unpacked uint64
	for _, file := range reader.File {
		if unpacked += file.UncompressedSize64; unpacked > uint64(b.Unpacked) || file.UncompressedSize64 > uint64(b.Unpacked) {
			return nil, a.tooLarge(max(unpacked, file.UncompressedSize64), b.Unpacked)
		}
		a.files[key(file.Name)] = file
	}
	return a, nil
}

func key(name string) string { return strings.ToLower(strings.TrimPrefix(name, "/")) }

func (a *Archive) tooLarge(size uint64, limit int64) *Error {
	return &Error{Kind: TooLarge, Called: a.called, Size: size, Limit: limit}
}

// directoryReader limits what is read of an archive while its files are listed.
type directoryReader struct {
	from io.ReaderAt
	left int
}

// ReadAt implements io.ReaderAt.
func (d *directoryReader) ReadAt(to []byte, at int64) (int, error) {
	if d.left -= len(to); d.left < 0 {
		return 0, fmt.Errorf("its list of files is larger than %d MiB", maxDirectory>>20)
	}
	return d.from.ReadAt(to, at)
}

// Has reports whether a file is in the archive.
func (a *Archive) Has(name string) bool { return a.files[key(name)] != nil }

// Bytes returns the content of a file of at most so many bytes, empty if it is not there.
func (a *Archive) Bytes(name string, limit int64) ([]byte, error) {
	file := a.files[key(name)]
	if file == nil {
		return nil, nil
	}
	if file.UncompressedSize64 > uint64(limit) {
		if limit >= a.budget.Unpacked { // What is unpacked already counts: the limit is that of all files.
			return nil, a.tooLarge(uint64(a.budget.most-a.budget.Unpacked)+file.UncompressedSize64, a.budget.most)
		}
		return nil, a.tooLarge(file.UncompressedSize64, limit)
	}
	reader, err := file.Open()
	if err != nil {
		return nil, &Error{Kind: Broken, Called: a.called, File: name, Err: err}
	}
	defer func() { _ = reader.Close() }() // It was only read.
	content, err := io.ReadAll(io.LimitReader(reader, limit))
	if err != nil {
		return nil, &Error{Kind: Broken, Called: a.called, File: name, Err: err}
	}
	a.budget.Unpacked -= int64(len(content))
	return content, nil
}

// Walk calls each for every token of an XML file. A file that is not there has none, unless it is required.
func (a *Archive) Walk(name string, required bool, each func(*Reader, xml.Token) error) error {
	return a.walk(Unlimited, name, required, each)
}

// Elements calls each for the start of every element of an XML file of at most so many bytes, as Walk does.
func (a *Archive) Elements(limit int64, name string, required bool, each func(*Reader, xml.StartElement) error) error {
	return a.walk(limit, name, required, func(x *Reader, token xml.Token) error {
		if element, is := token.(xml.StartElement); is {
			return each(x, element)
		}
		return nil
	})
}

func (a *Archive) walk(limit int64, name string, required bool, each func(*Reader, xml.Token) error) error {
	x, err := a.Read(name)
	if !required && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer x.Close()
	x.meter.left, x.meter.limit = limit, limit
	for {
		token, err := x.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = each(x, token)
		}
		if err != nil {
			return err
		}
	}
}

// Read opens an XML file, which is closed by its reader.
func (a *Archive) Read(name string) (*Reader, error) {
	file := a.files[key(name)]
	if file == nil {
		return nil, &Error{Kind: Missing, Called: a.called, File: name, Err: fs.ErrNotExist}
	}
	content, err := file.Open()
	if err != nil {
		return nil, &Error{Kind: Broken, Called: a.called, File: name, Err: err}
	}
	return newReader(a, name, content), nil
}
