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

	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// cost counts what the reading of one document takes. Once a limit is passed, every reader stops at its next check.
type cost struct {
	*xmlarchive.Budget
	limits Limits
	text   int64 // Bytes left.
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
