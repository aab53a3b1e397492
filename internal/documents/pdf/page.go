// Package pdf reads the text of PDF documents in the order in which a person reads it, and makes images of their pages. PDFium does so in
// a sandbox with limits of memory and time; what it reads is ordered and repaired here.
package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// Bounds of one page. A printed page has some 5,000 characters.
const (
	pageGlyphs = 200_000  // Above this the text is taken in the order in which it was written.
	pagePixels = 16 << 20 // Of a rendered page; a larger one is rendered more coarsely.
	pageInches = 250      // Of a side that is rendered; the format ends at 200.
)

// Is reports whether data has the mark of a PDF, which may stand behind up to a kilobyte of something else.
func Is(data []byte) bool {
	return bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-"))
}

// Problem is why a document cannot be read. Its text follows the name of the file.
type Problem struct{ Text, Hint string }

// Error implements error.
func (p *Problem) Error() string { return p.Text }

const saveAnew = "save it anew, for instance by printing it to a PDF"

var (
	// ErrDamaged is a document in which the reader itself fails.
	ErrDamaged = &Problem{"is damaged, or needs more memory than a PDF document may", saveAnew}

	errNotPDF = &Problem{"is not a complete PDF document", "save it anew, or look whether all of it was copied"}

	// ErrPage is the error of a page that cannot be read; others can.
	ErrPage = errors.New("the page cannot be read")
)

// isTrap reports whether the module stopped for good, as it does when its memory is used up.
func isTrap(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "wasm error") || strings.Contains(err.Error(), "panic occurred") || strings.Contains(err.Error(), "module closed"))
}

// Limits are what a document may cost.
type Limits struct {
	Memory int64         // In bytes, without the file itself.
	Step   time.Duration // What may be computed for a page.
}

// Document is an open document.
type Document struct {
	Pages int // How many there are.

	reader   pdfium.Pdfium
	document references.FPDF_DOCUMENT
	next     func() // Begins a step.
}

// Property is something that a document says about itself.
type Property struct{ Name, Value string }

// Open opens a document in an instance of its own and calls f with it. An error that concerns the document is a *Problem.
func Open(ctx context.Context, data []byte, l Limits, f func(Document) error) error {
	// A sixth is left to what is ours. The module holds the file, which is not to count.
	memory := l.Memory - l.Memory/6 + int64(len(data))
	if memory > mostMemory {
		return &Problem{fmt.Sprintf("has %d MB, which is too much for a PDF document", len(data)>>20), "split it into smaller documents"}
	}
	err := pdfEngine.with(ctx, memory, l.Step, func(reader pdfium.Pdfium, next func()) error {
		opened, err := reader.OpenDocument(&requests.OpenDocument{File: &data})
		if err != nil {
			return err
		}
		count, err := reader.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
		if err != nil {
			return err
		}
		if count.PageCount < 1 {
			return errNotPDF
		}
		return f(Document{count.PageCount, reader, opened.Document, next})
	})
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.Is(err, errSlowStep):
		return &Problem{fmt.Sprintf("has a page that takes more than %s", l.Step), "leave that page out, or allow more time"}
	case errors.Is(err, pdferrors.ErrPassword):
		return &Problem{"is a PDF document with a password", "save it without one: qpdf --decrypt --password=... IN OUT"}
	case errors.Is(err, pdferrors.ErrSecurity):
		return &Problem{"is a PDF document with an encryption that cannot be read", "save it without one, for instance by printing it to a PDF"}
	case errors.Is(err, pdferrors.ErrFormat), errors.Is(err, pdferrors.ErrFile), errors.Is(err, pdferrors.ErrPage), errors.Is(err, pdferrors.ErrUnknown):
		return errNotPDF
	case isTrap(err):
		return ErrDamaged
	}
	return err
}

// Metadata returns the title, and what else the document says about itself.
func (p Document) Metadata() (string, []Property) {
	tags := []string{"Title", "Author", "Subject", "Keywords", "CreationDate", "ModDate", "Creator", "Producer"}
	found, err := p.reader.GetMetaData(&requests.GetMetaData{Document: p.document, Tags: &tags})
	if err != nil {
		return "", nil // A document without them can be read.
	}
	title := ""
	var all []Property
	for _, t := range found.Tags {
		value := strings.TrimSpace(strings.ToValidUTF8(t.Value, "\uFFFD"))
		switch {
		case value == "":
		case t.Tag == "Title":
			title = value
		default:
			all = append(all, Property{t.Tag, value})
		}
	}
	return title, all
}

// Text returns the text of a page, from 0, with the values of form fields and notes in their places. Its error is ErrPage if others can be
// read.
func (p Document) Text(index int) (string, error) {
	p.next()
	text, err := p.text(index)
	if err != nil && !isTrap(err) {
		err = ErrPage
	}
	return text, err
}

func (p Document) text(index int) (string, error) {
	page, err := p.load(index)
	if err != nil {
		return "", err
	}
	turned, err := p.reader.FPDFPage_GetRotation(&requests.FPDFPage_GetRotation{Page: page})
	if err != nil {
		return "", err
	}
	if turned.PageRotation != 0 {
		// PDFium orders lines by the turned page, also where the text is turned with it.
		if _, err := p.reader.FPDFPage_SetRotation(&requests.FPDFPage_SetRotation{Page: page, Rotate: 0}); err != nil {
			return "", err
		}
		if page, err = p.reload(page, index); err != nil {
			return "", err
		}
	}
	count, err := p.count(page)
	if err != nil {
		return "", err
	}
	if count > pageGlyphs {
		return p.unordered(page)
	}
	filled := count
	var unpainted []glyph
	if notes, err := p.reader.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: page}); err == nil && notes.Count > 0 {
		if unpainted, err = p.unpainted(page, notes.Count); err != nil {
			return "", err
		}
		// Makes what fields and notes show a part of the page, behind the rest.
		if _, err := p.reader.FPDFPage_Flatten(&requests.FPDFPage_Flatten{Page: page, Usage: requests.FPDFPage_FlattenUsageNormalDisplay}); err != nil {
			return "", err
		}
		if page, err = p.reload(page, index); err != nil {
			return "", err
		}
		if count, err = p.count(page); err != nil {
			return "", err
		}
		if count > pageGlyphs {
			return p.unordered(page)
		}
	}
	read, err := p.reader.GetPageTextStructured(&requests.GetPageTextStructured{Page: page, Mode: requests.GetPageTextStructuredModeChars})
	if err != nil {
		return "", err
	}
	box, err := p.reader.FPDF_GetPageBoundingBox(&requests.FPDF_GetPageBoundingBox{Page: page})
	if err != nil {
		return "", err
	}
	glyphs := make([]glyph, 0, len(read.Chars))
	before := 0 // How many are of the page itself.
	for i, c := range read.Chars {
		char, _ := utf8.DecodeRuneInString(c.Text)
		if c.Text == "" {
			char = 0
		}
		at := c.PointPosition
		if x, y := (at.Left+at.Right)/2, (at.Bottom+at.Top)/2; !unicode.IsSpace(char) && (x < float64(box.Rect.Left) || x > float64(box.Rect.Right) || y < float64(box.Rect.Bottom) || y > float64(box.Rect.Top)) {
			continue // Outside of what is shown of the page: nobody reads it there.
		}
		if i < filled {
			before++
		}
		quarter := int(math.Round(c.Angle/(math.Pi/2))) % 4
		glyphs = append(glyphs, glyph{char: char, left: at.Left, right: at.Right, bottom: at.Bottom, top: at.Top, turns: (4 - quarter) % 4})
	}
	_, err = p.reader.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: *page.ByReference})
	return pageText(append(glyphs, unpainted...), before), err
}

func (p Document) load(index int) (requests.Page, error) {
	loaded, err := p.reader.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: p.document, Index: index})
	if err != nil {
		return requests.Page{}, err
	}
	return requests.Page{ByReference: &loaded.Page}, nil
}

func (p Document) reload(page requests.Page, index int) (requests.Page, error) {
	if _, err := p.reader.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: *page.ByReference}); err != nil {
		return requests.Page{}, err
	}
	return p.load(index)
}

// count returns how many characters a page has.
func (p Document) count(page requests.Page) (int, error) {
	text, err := p.reader.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: page})
	if err != nil {
		return 0, err
	}
	count, err := p.reader.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: text.TextPage})
	if err != nil {
		return 0, err
	}
	_, err = p.reader.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: text.TextPage})
	return count.Count, err
}

// unordered returns the text of a page as it was written.
func (p Document) unordered(page requests.Page) (string, error) {
	read, err := p.reader.GetPageText(&requests.GetPageText{Page: page})
	if err != nil {
		return "", err
	}
	return unhyphenated(strings.TrimSpace(strings.ReplaceAll(read.Text, "\r\n", "\n"))), nil
}

// Render returns a page, from 0, as a PNG image with so many dots per inch. A page too large for memory gets fewer.
func (p Document) Render(page, dpi int) ([]byte, error) {
	at := requests.Page{ByIndex: &requests.PageByIndex{Document: p.document, Index: page}}
	size, err := p.reader.GetPageSize(&requests.GetPageSize{Page: at})
	if err != nil {
		return nil, err
	}
	if size.Width > 72*pageInches || size.Height > 72*pageInches {
		return nil, &Problem{fmt.Sprintf("has a page %d that is too large for an image", page+1), saveAnew}
	}
	inches := size.Width / 72 * size.Height / 72
	if most := int(math.Sqrt(pagePixels / max(inches, 0.01))); dpi > most {
		dpi = max(most, 1)
	}
	rendered, err := p.reader.RenderPageInDPI(&requests.RenderPageInDPI{Page: at, DPI: dpi, RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT})
	if err != nil {
		return nil, err
	}
	defer rendered.Cleanup()
	var image bytes.Buffer
	err = png.Encode(&image, rendered.Result.RenderedImage)
	return image.Bytes(), err
}
