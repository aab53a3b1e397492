package documents

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/documents/pdf"
)

const pdfCalled = "a PDF document"

// steps is how many pages that take as long as they may are as much as a document may take. A page of text takes some 10 ms.
const steps = 40

// renderTime returns what may be computed for a page that is rendered, by the size of the file: a small one can be made to take any time,
// and scans that take seconds have megabytes.
func renderTime(size int) time.Duration {
	const least, most, ofMegabyte, small = 1700 * time.Millisecond, 20 * time.Second, 4 * time.Second, 2
	return min(least+max(time.Duration(size>>20)-small, 0)*ofMegabyte, most)
}

// SetCache names the folder in which the PDF reader keeps what it compiles, about 22 MB. Without one every process compiles anew, which
// takes seconds. It has no effect once a PDF has been read.
func SetCache(folder string) { pdf.SetCache(folder) }

// readPDF reads the text of pages. What a PDF would do (scripts, links, files within it) is not looked at.
func readPDF(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	var d Document
	err := pdf.Open(ctx, data, pdf.Limits{Memory: o.Limits.Memory, Step: o.Limits.Time / steps}, func(p pdf.Document) error {
		numbers, err := o.selected(p.Pages)
		if err != nil {
			return err
		}
		title, properties := p.Metadata()
		d.Title = title
		for _, of := range properties {
			d.Metadata = append(d.Metadata, Property(of))
		}
		var size int64
		for _, n := range numbers {
			text, err := p.Text(n - 1)
			switch {
			case errors.Is(err, pdf.ErrPage):
				d.Warnings = append(d.Warnings, fmt.Sprintf("page %d cannot be read", n))
			case err != nil:
				return err
			case text == "":
				d.Warnings = append(d.Warnings, fmt.Sprintf("page %d has no text", n))
			}
			if size += int64(len(text)); size > o.Limits.Text {
				return tooMuchText(o.Limits)
			}
			d.Parts = append(d.Parts, Part{Kind: "page", Name: strconv.Itoa(n), Text: text})
		}
		return nil
	})
	return d, err
}

// RenderPDF returns a page, from 1, as a PNG image with so many dots per inch. A page too large for memory gets fewer.
func RenderPDF(ctx context.Context, data []byte, page, dpi int) (image []byte, err error) {
	if !pdf.Is(data) {
		return nil, &Problem{Text: "is not a PDF document", Hint: "only pages of PDF documents are rendered"}
	}
	if page < 1 || dpi < 1 || dpi > 1200 {
		return nil, fmt.Errorf("page %d at %d dpi: pages count from 1, and dpi goes from 1 to 1200", page, dpi)
	}
	if err := pdf.Prepare(ctx); err != nil {
		return nil, err
	}
	limits := Limits{}.withDefaults()
	limited, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	err = pdf.Open(limited, data, pdf.Limits{Memory: limits.Memory, Step: renderTime(len(data))}, func(p pdf.Document) error {
		if page > p.Pages {
			return &Problem{Text: fmt.Sprintf("has no page %d: it has %d", page, p.Pages), Hint: fmt.Sprintf("name pages from 1 to %d", p.Pages)}
		}
		image, err = p.Render(page-1, dpi)
		return err
	})
	if err != nil && ctx.Err() == nil {
		return nil, problemOf(err, format{called: pdfCalled}, limits)
	}
	return image, err
}
