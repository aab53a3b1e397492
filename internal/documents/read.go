package documents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"github.com/gleitzeit/gleitzeit/internal/documents/pdf"
)

// formats is the one list of what can be read. Where two formats recognise the same content, the earlier one is taken. A function and
// not a variable, because readers of what contains documents call Read.
func formats() []format {
	return []format{
		{name: "pdf", called: pdfCalled, extensions: []string{".pdf"}, is: pdf.Is, prepare: pdf.Prepare, read: readPDF},
		{name: "docx", called: docxCalled, extensions: []string{".docx", ".docm", ".dotx"}, is: isDOCX, read: readDOCX},
		{name: "pptx", called: "a PowerPoint presentation", extensions: []string{".pptx", ".pptm", ".ppsx"}, is: isPPTX, read: readPPTX},
		{name: "xlsx", called: "an Excel workbook", extensions: []string{".xlsx", ".xlsm", ".xltx"}, is: isXLSX, read: readXLSX},
		{name: "odt", called: "an OpenDocument text", extensions: []string{".odt", ".ott"}, is: isODT, read: readODF},
		{name: "ods", called: "an OpenDocument spreadsheet", extensions: []string{".ods", ".ots"}, is: isODS, read: readODF},
		{name: "odp", called: "an OpenDocument presentation", extensions: []string{".odp", ".otp"}, is: isODP, read: readODF},
		{name: "epub", called: epubCalled, extensions: []string{".epub"}, is: isEPUB, read: readEPUB},
		{name: "rtf", called: "an RTF document", extensions: []string{".rtf"}, is: isRTF, read: readRTF},
		{name: "ole", called: "a document of an old Office program", is: isOLE, read: readOLE}, // Without extensions: it is not read.
		{name: "eml", called: "a mail", extensions: []string{".eml"}, read: readEML},
		{name: "html", called: "an HTML page", extensions: []string{".html", ".htm", ".xhtml"}, read: readHTML},
		{name: "markdown", called: "Markdown", extensions: []string{".md", ".markdown"}, read: readMarkdown},
		{name: "csv", called: "a table", extensions: []string{".csv", ".tsv", ".tab"}, read: readCSV},
		{name: "text", called: "plain text", extensions: []string{".txt", ".text", ".log"}, read: readText},
	}
}

// Format is what is known of a format without a document.
type Format struct {
	Name       string   // "pdf".
	Called     string   // "a PDF document".
	Extensions []string // With a dot, in lower case.
}

// Formats returns the formats that Read knows, in the order of the list.
func Formats() []Format {
	var known []Format
	for _, f := range formats() {
		known = append(known, Format{Name: f.name, Called: f.called, Extensions: f.extensions})
	}
	return known
}

// Read reads a file. The name serves recognition, where the content does not say what it is, and is not opened. An error that concerns
// the file is a *Problem; the context's own end is returned as it is.
//
// Read returns when the time of the limits is over, even if a reader does not.
func Read(ctx context.Context, name string, data []byte, o Options) (Document, error) {
	o.Limits = o.Limits.withDefaults()
	f, err := recognise(name, data)
	if err != nil {
		return Document{}, err
	}
	if f.prepare != nil {
		if err := f.prepare(ctx); err != nil {
			return Document{}, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, o.Limits.Time)
	defer cancel()
	type result struct {
		document Document
		err      error
	}
	done := make(chan result, 1)
	go func() {
		d, err := readRecovered(limited, f, name, data, o)
		done <- result{d, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-limited.Done():
		r.err = limited.Err()
	}
	if ctx.Err() != nil {
		return Document{}, ctx.Err()
	}
	if r.err != nil {
		return Document{}, problemOf(r.err, f, o.Limits)
	}
	return bounded(r.document, f, o.Limits)
}

// readRecovered turns a panic of a reader into a problem of the document: the readers are of many authors, and what they read is hostile
// at times.
func readRecovered(ctx context.Context, f format, name string, data []byte, o Options) (d Document, err error) {
	defer func() {
		if p := recover(); p != nil {
			d, err = Document{}, &Problem{Text: fmt.Sprintf("is damaged, or not really %s", f.called), Hint: saveAnew}
		}
	}()
	return f.read(ctx, name, data, o)
}

// problemOf translates what a reader returned.
func problemOf(err error, f format, l Limits) error {
	var p *Problem
	switch err = asProblem(err); {
	case errors.As(err, &p):
		return p
	case errors.Is(err, context.DeadlineExceeded):
		return &Problem{Text: fmt.Sprintf("could not be read within %s", l.Time), Hint: "read fewer pages, or allow more time"}
	}
	return &Problem{Text: fmt.Sprintf("cannot be read as %s: %v", f.called, err), Hint: saveAnew}
}

// bounded enforces the limits that hold for every format on what a reader returned.
func bounded(d Document, f format, l Limits) (Document, error) {
	d.Format = f.name
	if len(d.Parts) > l.Parts {
		return Document{}, &Problem{Text: fmt.Sprintf("has %d parts, and the limit is %d", len(d.Parts), l.Parts), Hint: "name the pages to read"}
	}
	var size int64
	for i, p := range d.Parts {
		size += int64(len(p.Text))
		d.Parts[i].Text = strings.ToValidUTF8(p.Text, "\uFFFD")
	}
	if size > l.Text {
		return Document{}, tooMuchText(l)
	}
	return d, nil
}

func tooMuchText(l Limits) *Problem {
	return &Problem{Text: fmt.Sprintf("has more than %d bytes of text", l.Text), Hint: "name the pages to read"}
}

// recognise finds the format of a file: content that only one format has decides, then the extension, then whether it is text at all.
func recognise(name string, data []byte) (format, error) {
	extension := strings.ToLower(filepath.Ext(name))
	known := formats()
	named := slices.IndexFunc(known, func(f format) bool { return slices.Contains(f.extensions, extension) })
	// Formats that are text (a table, Markdown) are known by name alone, and an extension outweighs a guess at text.
	if named >= 0 && known[named].is == nil && isText(data) {
		return known[named], nil
	}
	for i, f := range known {
		if f.is != nil && i == named && f.is(data) {
			return f, nil
		}
	}
	for _, f := range known {
		if f.is != nil && f.is(data) {
			return f, nil
		}
	}
	switch {
	case named >= 0 && known[named].is != nil && len(bytes.TrimSpace(data)) == 0:
		return format{}, emptyFile()
	case named >= 0 && known[named].is == nil:
		return known[named], nil // Its reader knows encodings.
	case named >= 0:
		return format{}, &Problem{Text: fmt.Sprintf("is not %s, as its name says", known[named].called), Hint: saveAnew}
	}
	// The reader of text knows encodings, and names what is not text.
	return known[slices.IndexFunc(known, func(f format) bool { return f.name == "text" })], nil
}

func emptyFile() *Problem {
	return &Problem{Text: "is empty", Hint: "look whether all of it was copied"}
}

// isText reports whether data is text in UTF-8, or marked as UTF-16.
func isText(data []byte) bool {
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		return true
	}
	return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0
}

// Empty reports whether no part has text, as in a scan.
func (d Document) Empty() bool {
	return !slices.ContainsFunc(d.Parts, func(p Part) bool { return strings.TrimSpace(p.Text) != "" })
}

// withDefaults replaces zero values.
func (l Limits) withDefaults() Limits {
	if l.Time == 0 {
		l.Time = 60 * time.Second
	}
	if l.Memory == 0 {
		l.Memory = 300 << 20
	}
	if l.Unpacked == 0 {
		l.Unpacked = 1 << 30
	}
	if l.Parts == 0 {
		l.Parts = 10_000
	}
	if l.Depth == 0 {
		l.Depth = 5
	}
	if l.Text == 0 {
		l.Text = 64 << 20
	}
	return l
}

// deeper returns the options for a document within a document, and whether one more level may be read.
func (o Options) deeper() (Options, bool) {
	o.Limits = o.Limits.withDefaults()
	o.Limits.Depth--
	o.Pages = nil
	return o, o.Limits.Depth > 0
}

// selected returns the numbers, from 1 and in order, of the parts to read out of count. A range that names no part is a problem.
func (o Options) selected(count int) ([]int, error) {
	if count > o.Limits.Parts && len(o.Pages) == 0 {
		return nil, &Problem{Text: fmt.Sprintf("has %d parts, and the limit is %d", count, o.Limits.Parts), Hint: "name the pages to read"}
	}
	wanted := o.Pages
	if len(wanted) == 0 {
		wanted = []Range{{First: 1}}
	}
	var numbers []int
	for _, r := range wanted {
		last := r.Last
		if last == 0 || last > count {
			last = count
		}
		first := max(r.First, 1)
		if first > count && len(o.Pages) > 0 {
			return nil, &Problem{Text: fmt.Sprintf("has no page %d: it has %d", first, count), Hint: fmt.Sprintf("name pages from 1 to %d", count)}
		}
		if last-first >= o.Limits.Parts {
			return nil, &Problem{Text: fmt.Sprintf("pages %d-%d are more than the limit of %d", first, last, o.Limits.Parts), Hint: "name fewer pages"}
		}
		for n := first; n <= last; n++ {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

// formatNames are the names of formats by their media types.
var formatNames = map[string]string{
	"application/pdf": pdfCalled, "application/postscript": "a PostScript document",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   "a Word document",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         "an Excel workbook",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": "a PowerPoint presentation",
	"application/msword": "a Word document", "application/vnd.ms-excel": "an Excel workbook", "application/vnd.ms-powerpoint": "a PowerPoint presentation",
	"application/x-ole-storage": "an Office document", "application/vnd.ms-outlook": "an Outlook message",
	"application/vnd.oasis.opendocument.text": "an OpenDocument text", "application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet",
	"application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation", "application/epub+zip": "an EPUB book",
	"application/zip": "a ZIP archive", "application/gzip": "a gzip archive", "application/x-tar": "a tar archive", "application/x-7z-compressed": "a 7z archive",
	"application/x-rar-compressed": "a RAR archive", "application/x-xz": "an xz archive", "application/x-bzip2": "a bzip2 archive", "application/zstd": "a Zstandard archive",
	"application/vnd.sqlite3": "an SQLite database", "application/x-elf": "a program", "application/vnd.microsoft.portable-executable": "a Windows program",
	"application/x-mach-binary": "a program", "application/wasm": "a WebAssembly module", "application/x-java-applet": "a Java class", "application/vnd.apache.parquet": "a Parquet file",
	"image/png": "a PNG image", "image/jpeg": "a JPEG image", "image/gif": "a GIF image", "image/webp": "a WebP image", "image/bmp": "a BMP image", "image/tiff": "a TIFF image",
	"image/heic": "an HEIC image", "image/avif": "an AVIF image", "image/jxl": "a JPEG XL image", "image/jp2": "a JPEG 2000 image", "image/vnd.adobe.photoshop": "a Photoshop image",
	"audio/mpeg": "an MP3 file", "audio/wav": "a WAV file", "audio/flac": "a FLAC file", "video/mp4": "an MP4 video", "video/quicktime": "a QuickTime video",
}

// families are names of formats that have none of their own.
var families = []struct{ prefix, name string }{{"image/", "an image"}, {"audio/", "an audio file"}, {"video/", "a video"}, {"font/", "a font"}}

// FormatOf returns the name of a binary format with its article; empty if it is not known. A text can begin as one of them does.
func FormatOf(data []byte) string {
	detected := mimetype.Detect(data)
	for kind := detected; kind != nil; kind = kind.Parent() {
		if name, known := formatNames[kind.String()]; known {
			return name
		}
	}
	kind := detected.String()
	for _, family := range families {
		if strings.HasPrefix(kind, family.prefix) && !detected.Is("image/svg+xml") {
			return family.name + " (" + kind + ")"
		}
	}
	return ""
}

func hintFor(format string) string {
	switch {
	case format == pdfCalled:
		return "convert it to text: `pdftotext FILE`"
	case strings.Contains(format, " image"):
		return "add --vision to `gleitzeit batch`, or write image_path instead of file_path; the model must see images"
	case strings.HasSuffix(format, " archive"):
		return "unpack it, or exclude it"
	}
	return "convert it to text, or exclude it"
}
