package documents

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/text/encoding/htmlindex"
	textunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	maxPackedFiles = 65_535   // Each takes memory before any is read.
	maxXMLDepth    = 1_000    // Elements within elements.
	maxXMLToken    = 16 << 20 // Bytes of one tag, comment or text, which the decoder holds.
	stepsPerCheck  = 1_024
)

// cost counts what the reading of one document takes. Once a limit is passed, err stays set, and every reader stops at its next check.
type cost struct {
	ctx      context.Context
	limits   Limits
	unpacked int64 // Bytes left.
	text     int64 // Bytes left.
	steps    int
	err      error
}

func newCost(ctx context.Context, o Options, size int) *cost {
	limits := o.Limits.withDefaults()
	return &cost{ctx: ctx, limits: limits, unpacked: limits.unpacked(size), text: limits.Text}
}

// check returns why reading stops. It is cheap enough for every token.
func (c *cost) check() error {
	if c.steps++; c.steps%stepsPerCheck == 0 && c.err == nil {
		c.err = c.ctx.Err()
	}
	return c.err
}

func (c *cost) spendText(size int) {
	if c.text -= int64(size); c.text < 0 && c.err == nil {
		c.err = tooMuchText(c.limits)
	}
}

// archive is a document that is a ZIP archive of files.
type archive struct {
	cost   *cost
	called string
	files  map[string]*zip.File // By name in lower case: Office reads names in any case.
}

func damaged(called, what string) *Problem {
	return &Problem{Text: fmt.Sprintf("is damaged, or not really %s: %s", called, what), Hint: "save it anew with the program that made it"}
}

// openArchive reads the directory of an archive, and refuses what unpacks to more than the limits allow.
func openArchive(c *cost, called string, data []byte) (*archive, error) {
	if files := bytes.Count(data, []byte("PK\x01\x02")); files > maxPackedFiles {
		return nil, &Problem{Text: fmt.Sprintf("has %d files in it, and the limit is %d", files, maxPackedFiles), Hint: "split it into smaller documents"}
	}
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // Names are not paths here: nothing is written.
		return nil, damaged(called, "its ZIP archive cannot be read")
	}
	a := &archive{cost: c, called: called, files: map[string]*zip.File{}}
	var unpacked uint64
	for _, file := range reader.File {
		if unpacked += file.UncompressedSize64; unpacked > uint64(c.unpacked) || file.UncompressedSize64 > uint64(c.unpacked) {
			return nil, tooPacked(max(unpacked, file.UncompressedSize64), c.unpacked)
		}
		a.files[strings.ToLower(strings.TrimPrefix(file.Name, "/"))] = file
	}
	return a, nil
}

func tooPacked(size uint64, limit int64) *Problem {
	return &Problem{Text: fmt.Sprintf("unpacks to %s, and the limit is %s", humanize.IBytes(size), humanize.IBytes(uint64(limit))), Hint: "split it into smaller documents"}
}

func (a *archive) has(name string) bool { return a.files[strings.ToLower(name)] != nil }

// bytes returns the content of a small file, empty if it is not there.
func (a *archive) bytes(name string, limit int64) ([]byte, error) {
	file := a.files[strings.ToLower(name)]
	if file == nil {
		return nil, nil
	}
	if file.UncompressedSize64 > uint64(limit) {
		return nil, tooPacked(file.UncompressedSize64, limit)
	}
	reader, err := file.Open()
	if err != nil {
		return nil, damaged(a.called, fmt.Sprintf("%q cannot be unpacked", name))
	}
	defer func() { _ = reader.Close() }() // It was only read.
	content, err := io.ReadAll(io.LimitReader(reader, limit))
	if err != nil {
		return nil, damaged(a.called, fmt.Sprintf("%q cannot be unpacked", name))
	}
	a.cost.unpacked -= int64(len(content))
	return content, nil
}

// walk calls each for every token of an XML file. A file that is not there has none, unless it is required.
func (a *archive) walk(name string, required bool, each func(*xmlReader, xml.Token) error) error {
	file := a.files[strings.ToLower(name)]
	if file == nil {
		if required {
			return damaged(a.called, fmt.Sprintf("%q is missing", name))
		}
		return nil
	}
	content, err := file.Open()
	if err != nil {
		return damaged(a.called, fmt.Sprintf("%q cannot be unpacked", name))
	}
	defer func() { _ = content.Close() }() // It was only read.
	x := newXMLReader(a.cost, a.called, name, content)
	for {
		token, err := x.next()
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

// xmlReader reads XML within limits. Entities of a document's own are an error, so that none expands.
type xmlReader struct {
	cost         *cost
	called, name string
	meter        *meter
	decoder      *xml.Decoder
	depth        int
}

func newXMLReader(c *cost, called, name string, content io.Reader) *xmlReader {
	x := &xmlReader{cost: c, called: called, name: name, meter: &meter{from: transform.NewReader(content, textunicode.BOMOverride(transform.Nop)), cost: c}}
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

// next returns the next token, io.EOF after the last.
func (x *xmlReader) next() (xml.Token, error) {
	if err := x.cost.check(); err != nil {
		return nil, err
	}
	x.meter.token = 0
	token, err := x.decoder.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, err
	case x.cost.err != nil:
		return nil, x.cost.err
	case err != nil:
		return nil, damaged(x.called, fmt.Sprintf("%q cannot be read as XML", x.name))
	}
	switch token.(type) {
	case xml.StartElement:
		if x.depth++; x.depth > maxXMLDepth {
			return nil, &Problem{Text: fmt.Sprintf("has more than %d elements within each other in %q", maxXMLDepth, x.name), Hint: "save it anew with the program that made it"}
		}
	case xml.EndElement:
		x.depth--
	}
	return token, nil
}

// within calls each for every token up to the end of the element whose start was read last.
func (x *xmlReader) within(each func(xml.Token) error) error {
	for outer := x.depth; ; {
		token, err := x.next()
		if errors.Is(err, io.EOF) {
			return damaged(x.called, fmt.Sprintf("%q ends too early", x.name))
		}
		if err != nil || x.depth < outer {
			return err
		}
		if err := each(token); err != nil {
			return err
		}
	}
}

// skip reads to the end of the element whose start was read last.
func (x *xmlReader) skip() error {
	return x.within(func(xml.Token) error { return nil })
}

// text returns the text of the element whose start was read last.
func (x *xmlReader) text() (string, error) {
	var text strings.Builder
	err := x.within(func(token xml.Token) error {
		if characters, is := token.(xml.CharData); is {
			text.Write(characters)
		}
		return nil
	})
	return text.String(), err
}

// meter counts what is read, in all and for one token.
type meter struct {
	from  io.Reader
	cost  *cost
	token int
}

func (m *meter) Read(to []byte) (int, error) {
	n, err := m.from.Read(to)
	m.token += n
	m.cost.unpacked -= int64(n)
	switch {
	case m.cost.err != nil:
	case m.cost.unpacked < 0:
		m.cost.err = tooPacked(uint64(m.cost.limits.Unpacked)+1, m.cost.limits.Unpacked)
	case m.token > maxXMLToken:
		m.cost.err = &Problem{Text: fmt.Sprintf("has a piece of more than %d bytes in its XML", maxXMLToken), Hint: "split it into smaller documents"}
	}
	if m.cost.err != nil {
		return n, m.cost.err
	}
	return n, err
}

// attribute returns the value of an attribute by its name without a namespace; empty if it has none.
func attribute(element xml.StartElement, name string) string {
	for _, a := range element.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// relation is a reference of one file of an Office document to another, or to something outside.
type relation struct {
	kind, target string // The kind is the last word of its type: "hyperlink".
	external     bool
}

// relations returns the references of a file by their ids. Targets within the document are names in the archive.
func (a *archive) relations(of string) (map[string]relation, error) {
	all := map[string]relation{}
	folder, base := path.Split(of)
	err := a.walk(folder+"_rels/"+base+".rels", false, func(_ *xmlReader, token xml.Token) error {
		if element, is := token.(xml.StartElement); is && element.Name.Local == "Relationship" {
			r := relation{kind: path.Base(attribute(element, "Type")), target: attribute(element, "Target"), external: attribute(element, "TargetMode") == "External"}
			switch {
			case r.external:
			case strings.HasPrefix(r.target, "/"):
				r.target = path.Clean(r.target[1:])
			default:
				r.target = path.Join(folder, r.target)
			}
			all[attribute(element, "Id")] = r
		}
		return nil
	})
	return all, err
}

// related returns the targets of a kind, in the order of their ids.
func related(all map[string]relation, kind string) []string {
	var targets []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if all[id].kind == kind && !all[id].external {
			targets = append(targets, all[id].target)
		}
	}
	return targets
}

// officeDocument returns the name of the main file of an Office document, and its title and properties.
func (a *archive) officeDocument() (main string, d Document, err error) {
	all, err := a.relations("")
	if err != nil {
		return "", d, err
	}
	if found := related(all, "officeDocument"); len(found) > 0 {
		main = found[0]
	}
	if !a.has(main) {
		return "", d, damaged(a.called, "its main part is missing")
	}
	if found := related(all, "core-properties"); len(found) > 0 {
		d, err = a.properties(found[0], map[string]string{"creator": "author", "created": "created", "modified": "modified", "subject": "subject", "keywords": "keywords"})
	}
	return main, d, err
}

// properties returns the title and what else an XML file of properties says, by the names of its elements.
func (a *archive) properties(file string, names map[string]string) (d Document, err error) {
	err = a.walk(file, false, func(x *xmlReader, token xml.Token) error {
		element, is := token.(xml.StartElement)
		name := names[element.Name.Local]
		if !is || name == "" && element.Name.Local != "title" {
			return nil
		}
		value, err := x.text()
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
	if kind == "" || !a.has(name) {
		return nil
	}
	data, err := a.bytes(name, min(a.cost.unpacked, a.cost.limits.Memory/2))
	if err != nil {
		return err
	}
	a.cost.limits.Memory -= int64(len(data))
	d.Images = append(d.Images, Image{Part: len(d.Parts), Type: kind, Data: data})
	return nil
}
