package documents

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/dustin/go-humanize"

	"archive/zip"

	"github.com/gleitzeit/gleitzeit/internal/documents/pdf"
	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// cost counts what the reading of one document takes. Once a limit is passed, every reader stops at its next check.
type cost struct {
	*xmlarchive.Budget
	limits Limits
	text   int64 // Bytes left.
	tags   int   // Of HTML, read so far.
}

func newCost(ctx context.Context, o Options, size int) *cost {
	limits := o.Limits.withDefaults()
	return &cost{Budget: xmlarchive.NewBudget(ctx, xmlarchive.Unpacked(int64(size), limits.Unpacked)), limits: limits, text: limits.Text}
}

func (c *cost) spendText(size int) {
	if c.text -= int64(size); c.text < 0 {
		c.Fail(tooMuchText(c.limits))
	}
}

// archive is a document that is a ZIP archive of files.
type archive struct {
	*xmlarchive.Archive
	cost   *cost
	called string
}

const saveAnew = "save it anew with the program that made it"

func damaged(called, what string) *Problem {
	return &Problem{Text: fmt.Sprintf("is damaged, or not really %s: %s", called, what), Hint: saveAnew}
}

// openArchive reads the directory of an archive, and refuses what unpacks to more than the limits allow.
func openArchive(c *cost, called string, data []byte) (*archive, error) {
	if files := bytes.Count(data, []byte("PK\x01\x02")); files > xmlarchive.MaxFiles {
		return nil, &Problem{Text: fmt.Sprintf("has %d files in it, and the limit is %d", files, xmlarchive.MaxFiles), Hint: "split it into smaller documents"}
	}
	a, err := xmlarchive.Open(bytes.NewReader(data), int64(len(data)), called, c.Budget)
	return &archive{Archive: a, cost: c, called: called}, err
}

// asProblem returns an error of an archive as a problem of the document; other errors are returned as they are.
func asProblem(err error) error {
	if of, is := errors.AsType[*pdf.Problem](err); is {
		return &Problem{Text: of.Text, Hint: of.Hint}
	}
	e, is := errors.AsType[*xmlarchive.Error](err)
	if !is {
		return err
	}
	switch e.Kind {
	case xmlarchive.Missing:
		return damaged(e.Called, fmt.Sprintf("%q is missing", e.File))
	case xmlarchive.NotXML:
		return damaged(e.Called, fmt.Sprintf("%q cannot be read as XML", e.File))
	case xmlarchive.TooLarge:
		return &Problem{Text: fmt.Sprintf("unpacks to %s, and the limit is %s", humanize.IBytes(e.Size), humanize.IBytes(uint64(e.Limit))), Hint: "split it into smaller documents"}
	case xmlarchive.TooLong:
		return &Problem{Text: fmt.Sprintf("has a piece of more than %d bytes in its XML", e.Limit), Hint: "split it into smaller documents"}
	case xmlarchive.TooDeep:
		return &Problem{Text: fmt.Sprintf("has more than %d elements within each other in %q", e.Limit, e.File), Hint: saveAnew}
	}
	if e.File == "" {
		return damaged(e.Called, "its ZIP archive cannot be read")
	}
	return damaged(e.Called, fmt.Sprintf("%q cannot be unpacked", e.File))
}

// officeDocument returns the name of the main file of an Office document, and its title and properties.
func (a *archive) officeDocument() (main string, d Document, err error) {
	all, err := a.Relations("")
	if err != nil {
		return "", d, err
	}
	if found := xmlarchive.Related(all, "officeDocument"); len(found) > 0 {
		main = found[0]
	}
	if !a.Has(main) {
		return "", d, damaged(a.called, "its main part is missing")
	}
	if found := xmlarchive.Related(all, "core-properties"); len(found) > 0 {
		d, err = a.properties(found[0], map[string]string{"creator": "author", "created": "created", "modified": "modified", "subject": "subject", "keywords": "keywords"})
	}
	return main, d, err
}

// properties returns the title and what else an XML file of properties says, by the names of its elements.
func (a *archive) properties(file string, names map[string]string) (d Document, err error) {
	err = a.Elements(xmlarchive.Unlimited, file, false, func(x *xmlarchive.Reader, element xml.StartElement) error {
		name := names[element.Name.Local]
		if name == "" && element.Name.Local != "title" {
			return nil
		}
		value, err := x.Text()
		switch value = strings.TrimSpace(value); {
		case value == "":
		case name != "":
			d.Metadata = append(d.Metadata, Property{name, value})
		case d.Title == "":
			d.Title = value
		}
		return err
	})
	return d, err
}

// picture appends an image of the archive to a document, if images are wanted and it is there.
func (a *archive) picture(d *Document, name string) error {
	kinds := map[string]string{".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff"}
	kind := kinds[strings.ToLower(path.Ext(name))]
	if kind == "" || !a.Has(name) {
		return nil
	}
	data, err := a.Bytes(name, min(a.cost.Unpacked, a.cost.limits.Memory/2))
	if err != nil {
		return err
	}
	a.cost.limits.Memory -= int64(len(data))
	d.Images = append(d.Images, Image{Part: len(d.Parts), Type: kind, Data: data})
	return nil
}

func isDOCX(data []byte) bool { return packs(data, "word/") }
func isXLSX(data []byte) bool { return packs(data, "xl/") }
func isPPTX(data []byte) bool { return packs(data, "ppt/") }

// packs reports whether data is a ZIP archive with files in a folder. A broken archive is if the names are there.
func packs(data []byte, folder string) bool {
	if !isZIP(data) {
		return false
	}
	if bytes.Count(data, []byte("PK\x01\x02")) <= xmlarchive.MaxFiles {
		if reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
			for _, file := range reader.File {
				if strings.HasPrefix(strings.TrimPrefix(file.Name, "/"), folder) {
					return true
				}
			}
			return false
		}
	}
	return bytes.Contains(data, []byte("[Content_Types].xml")) && bytes.Contains(data, []byte(folder))
}

func isZIP(data []byte) bool { return bytes.HasPrefix(data, []byte("PK\x03\x04")) }

// holds reports whether a ZIP archive says with its first file of what type it is, as OpenDocument files and EPUB books do.
func holds(data []byte, mediaType string) bool {
	const header = 30 // Bytes before the name of a file.
	return isZIP(data) && len(data) > header && bytes.HasPrefix(data[header:], []byte("mimetype"+mediaType))
}

// isOLE reports whether data is a container as Office wrote them until 2003, and still does for what is encrypted.
func isOLE(data []byte) bool {
	return bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
}

// oleKinds are what such containers hold, by the names of their streams.
var oleKinds = []struct {
	stream  string
	problem Problem
}{
	{"EncryptedPackage", Problem{"is an Office document with a password", "remove the password and save it again"}},
	{"WordDocument", Problem{"is a Word 97 document", "save it as DOCX"}},
	{"Workbook", Problem{"is an Excel 97 workbook", "save it as XLSX"}},
	{"Book", Problem{"is an Excel 95 workbook", "save it as XLSX"}},
	{"PowerPoint Document", Problem{"is a PowerPoint 97 presentation", "save it as PPTX"}},
	{"__substg1.0_", Problem{"is an Outlook message", "save it as EML"}},
}

// readOLE says what a container holds. None is read.
func readOLE(_ context.Context, _ string, data []byte, _ Options) (Document, error) {
	for _, kind := range oleKinds {
		var name []byte
		for _, letter := range []byte(kind.stream) {
			name = append(name, letter, 0)
		}
		if bytes.Contains(data, name) {
			problem := kind.problem
			return Document{}, &problem
		}
	}
	return Document{}, &Problem{Text: "is a document of an old Office program", Hint: "save it in a format of today: DOCX, XLSX or PPTX"}
}
