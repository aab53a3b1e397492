// Package documents reads the files that people have as text: a format, a file. What it returns is Markdown in the order in which a
// person reads it, with the place of each part.
//
// Documents are data: nothing in them is run, and nothing that they refer to is fetched.
package documents

import (
	"context"
	"time"
)

// Document is what a person reads in a file.
type Document struct {
	Format string // Name in Formats: "pdf".
	Title  string // As the document says; empty if it does not.
	// Parts are its pages, slides, sheets, chapters, or attachments, in order; one without a name where a format has no such thing.
	Parts    []Part
	Metadata []Property
	Images   []Image // In order of appearance. A PDF document has none: RenderPDF makes an image of a page, with what is drawn on it.
	Warnings []string
}

// Part is a piece of a document with a place of its own.
type Part struct {
	Kind string // "page", "slide", "sheet", "chapter", "attachment"; empty where the format has none.
	Name string // As people call it: "3", "Budget", "invoice.pdf".
	Text string // Markdown. Without a line break at the end.
}

// Property is something that a document says about itself, such as its author.
type Property struct {
	Name, Value string
}

// Image is a picture in a document, in the format in which it is there.
type Image struct {
	Part int    // Number of its part, from 0.
	Type string // Media type: "image/png".
	Data []byte
}

// Text returns all parts as one text, with a blank line between them.
func (d Document) Text() string {
	size := 0
	for _, p := range d.Parts {
		size += len(p.Text) + 2
	}
	text := make([]byte, 0, size)
	for _, p := range d.Parts {
		if p.Text == "" {
			continue
		}
		if len(text) > 0 {
			text = append(text, "\n\n"...)
		}
		text = append(text, p.Text...)
	}
	return string(text)
}

// Options says what is read of a document, and how much it may cost.
type Options struct {
	Pages    []Range // Parts to read; none is all.
	Encoding string  // Of plain text and tables without a mark of their own, as the WHATWG names encodings; empty is UTF-8 or UTF-16.
	Images   bool    // Whether images are wanted, where a format has them.
	Limits   Limits
}

// Range is the first and the last part of a range, from 1; 0 for Last is the end of the document.
type Range struct {
	First, Last int
}

// Limits are what a document may cost. Zero values are the defaults.
type Limits struct {
	Time     time.Duration // Default 60 s.
	Memory   int64         // Bytes beyond those of the file; default 300 MB.
	Unpacked int64         // Bytes of what is packed in it; default 1 GB, and at most 200 times the file's size above 10 MB.
	Parts    int           // Pages, sheets, attachments; default 10,000.
	Depth    int           // Documents within documents; default 5.
	Text     int64         // Bytes of text; default 64 MiB.
}

// Problem is why a file cannot be read.
type Problem struct {
	Text, Hint string // Text follows the name of the file: "is a PDF document with a password".
}

// Error implements error.
func (p *Problem) Error() string { return p.Text }

// format is how documents of one kind are recognised and read.
type format struct {
	name       string   // "pdf".
	called     string   // "a PDF document".
	extensions []string // With a dot, in lower case.
	// is reports whether data is of this format, whatever its name; nil for a format that only its name shows.
	is func(data []byte) bool
	// prepare starts what the reader needs, before the time of a document begins; nil if that is nothing.
	prepare func(ctx context.Context) error
	read    func(ctx context.Context, name string, data []byte, o Options) (Document, error)
}
