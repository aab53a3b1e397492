package documents

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

const docxCalled = "a Word document"

// docx reads a Word document.
type docx struct {
	*archive
	d         *Document
	styles    map[string]docxStyle
	numbering docxNumbering
	relations map[string]xmlarchive.Relation
	pictures  distinct        // Names of the files of images.
	notes     []docxNote      // In order of their references.
	sections  distinct        // Names of the files of headers and footers.
	left      map[string]bool // What is left out, for warnings.
	joined    bool            // The mark that ends the paragraph is deleted: the next one continues it.
	fields    []docxField
}

type docxStyle struct {
	name, basedOn string
	level         int // Of a heading, from 1.
	number, depth string
}

type docxNote struct{ kind, id string }

// docxField is a field whose result follows its code.
type docxField struct {
	code   strings.Builder
	result bool
	linked bool
}

func readDOCX(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	c := newCost(ctx, o, len(data))
	a, err := openArchive(c, docxCalled, data)
	if err != nil {
		return Document{}, err
	}
	main, d, err := a.officeDocument()
	if err != nil {
		return Document{}, err
	}
	r := &docx{archive: a, d: &d, left: map[string]bool{}}
	if r.relations, err = a.Relations(main); err != nil {
		return Document{}, err
	}
	if err := r.readStyles(); err != nil {
		return Document{}, err
	}
	if r.numbering, err = a.docxNumbering(xmlarchive.Related(r.relations, "numbering")); err != nil {
		return Document{}, err
	}
	body := newMarkdown(c)
	if err := r.file(main, body, true); err != nil {
		return Document{}, err
	}
	if err := r.writeNotes(body); err != nil {
		return Document{}, err
	}
	headers, footers, err := r.headersAndFooters()
	if err != nil {
		return Document{}, err
	}
	for _, what := range []string{"comments", "charts", "embedded documents"} {
		if r.left[what] {
			d.Warnings = append(d.Warnings, "its "+what+" are not read")
		}
	}
	d.Parts = []Part{{Text: around(headers, footers, body.String())}}
	if o.Images {
		err = r.images(&d)
	}
	if c.Err != nil {
		err = c.Err
	}
	return d, err
}

// images appends the pictures of the text once each. Part numbers count from 0, and there is one part.
func (r *docx) images(d *Document) error {
	parts := d.Parts
	d.Parts = nil
	for _, target := range r.pictures.texts {
		if err := r.picture(d, target); err != nil {
			return err
		}
	}
	d.Parts = parts
	return nil
}

func (r *docx) file(name string, m *markdown, required bool) error {
	outer := r.relations
	var err error
	if r.relations, err = r.archive.Relations(name); err != nil {
		return err
	}
	err = r.Walk(name, required, func(x *xmlarchive.Reader, token xml.Token) error { return r.block(x, token, m) })
	r.endParagraph(m)
	r.relations = outer
	return err
}

// block handles a token outside of paragraphs.
func (r *docx) block(x *xmlarchive.Reader, token xml.Token, m *markdown) error {
	switch t := token.(type) {
	case xml.StartElement:
		switch t.Name.Local {
		case "p":
			return r.paragraph(x, m)
		case "tbl":
			r.endParagraph(m)
			m.openTable()
		case "tr":
			m.openRow()
		case "trPr":
			return r.row(x, m)
		case "tc":
			m.openCell()
		case "gridSpan":
			span, _ := strconv.Atoi(xmlarchive.Attribute(t, "val"))
			m.span(span - 1)
		case "del", "moveFrom", "Fallback", "sdtPr", "tblPr", "tblGrid":
			return x.Skip()
		case "sectPr":
			return r.section(x)
		case "altChunk":
			r.left["embedded documents"] = true
		}
	case xml.EndElement:
		switch t.Name.Local {
		case "tc":
			r.endParagraph(m)
			m.closeCell()
		case "tr":
			m.closeRow()
		case "tbl":
			m.closeTable()
		}
	}
	return nil
}

// row reads the properties of a row. One that is deleted is not shown.
func (r *docx) row(x *xmlarchive.Reader, m *markdown) error {
	return x.Elements(func(t xml.StartElement) error {
		if t.Name.Local == "del" {
			m.dropRow()
		}
		return nil
	})
}

func (r *docx) section(x *xmlarchive.Reader) error {
	return x.Elements(func(t xml.StartElement) error {
		if t.Name.Local == "headerReference" || t.Name.Local == "footerReference" {
			if target := r.relations[xmlarchive.Attribute(t, "id")]; !target.External {
				r.sections.add(target.Target)
			}
		}
		return nil
	})
}

// paragraph reads to the end of a paragraph. Text boxes at it follow it.
func (r *docx) paragraph(x *xmlarchive.Reader, m *markdown) error {
	var boxes []string
	if !r.joined {
		m.begin("")
	}
	r.joined = false
	err := x.Within(func(token xml.Token) error {
		t, is := token.(xml.StartElement)
		if is && t.Name.Local == "pPr" {
			prefix, err := r.paragraphProperties(x)
			if len(m.line) == 0 {
				m.prefix = prefix
			}
			return err
		}
		if is && t.Name.Local == "txbxContent" {
			box := newMarkdown(r.cost)
			joined := r.joined
			err := x.Within(func(token xml.Token) error { return r.block(x, token, box) })
			r.joined = joined
			if text := box.String(); text != "" {
				boxes = append(boxes, text)
			}
			return err
		}
		return r.inline(x, token, m)
	})
	if !r.joined {
		r.endParagraph(m)
	}
	for _, box := range boxes {
		m.end()
		m.block(box, false)
	}
	return err
}

func (r *docx) endParagraph(m *markdown) {
	m.end()
	r.joined = false
}

// inline handles a token within a paragraph.
func (r *docx) inline(x *xmlarchive.Reader, token xml.Token, m *markdown) error {
	t, is := token.(xml.StartElement)
	if !is {
		if end, ends := token.(xml.EndElement); ends && end.Name.Local == "hyperlink" {
			m.closeLink()
		}
		return nil
	}
	switch t.Name.Local {
	case "t":
		text, err := x.Text()
		if n := len(r.fields); n == 0 || !r.fields[n-1].result || !isPageNumber(r.fields[n-1].code.String()) {
			m.write(text)
		}
		return err
	case "tab", "ptab":
		m.write("\t")
	case "br", "cr":
		if kind := xmlarchive.Attribute(t, "type"); kind == "" || kind == "textWrapping" {
			m.lineBreak()
		}
	case "noBreakHyphen":
		m.write("-")
	case "sym":
		if code, err := strconv.ParseUint(xmlarchive.Attribute(t, "char"), 16, 32); err == nil && (code < 0xE000 || code > 0xF8FF) {
			m.write(string(rune(code)))
		}
	case "footnoteReference", "endnoteReference":
		r.notes = append(r.notes, docxNote{strings.TrimSuffix(t.Name.Local, "Reference") + "s", xmlarchive.Attribute(t, "id")})
		m.write(fmt.Sprintf("[^%d]", len(r.notes)))
	case "commentReference":
		r.left["comments"] = true
	case "blip", "imagedata":
		id := xmlarchive.Attribute(t, "embed")
		if id == "" {
			id = xmlarchive.Attribute(t, "id")
		}
		if image := r.relations[id]; image.Kind == "image" && !image.External {
			r.pictures.add(image.Target)
		}
	case "chart":
		r.left["charts"] = true
	case "OLEObject":
		r.left["embedded documents"] = true
	case "hyperlink":
		if target := r.relations[xmlarchive.Attribute(t, "id")]; target.External {
			m.openLink(target.Target)
		}
	case "docPr":
		if text := strings.TrimSpace(xmlarchive.Attribute(t, "descr")); text != "" {
			m.write("![" + text + "]")
		}
	case "sup":
		m.raised = true // In a formula.
	case "fldSimple":
		if isPageNumber(xmlarchive.Attribute(t, "instr")) {
			return x.Skip()
		}
	case "fldChar":
		r.field(xmlarchive.Attribute(t, "fldCharType"), m)
	case "instrText":
		text, err := x.Text()
		if len(r.fields) > 0 {
			r.fields[len(r.fields)-1].code.WriteString(text)
		}
		return err
	case "rPr":
		return r.run(x, m)
	case "del", "moveFrom", "Fallback", "sdtPr", "rt", "delText", "pPr":
		return x.Skip()
	}
	return nil
}

// run reads the properties of a run, and what follows in it if it is hidden.
func (r *docx) run(x *xmlarchive.Reader, m *markdown) error {
	hidden := false
	m.raised = false
	err := x.Elements(func(t xml.StartElement) error {
		switch t.Name.Local {
		case "vanish":
			hidden = isOn(xmlarchive.Attribute(t, "val"))
		case "vertAlign":
			m.raised = xmlarchive.Attribute(t, "val") == "superscript"
		}
		return nil
	})
	if err != nil || !hidden {
		return err
	}
	return x.Skip() // To the end of the run, within which the properties stand.
}

func isOn(value string) bool { return value != "0" && value != "false" && value != "off" }

// isPageNumber reports whether a field shows where on paper it stands, which says nothing here.
func isPageNumber(code string) bool {
	words := strings.Fields(strings.ToUpper(code))
	return len(words) > 0 && slices.Contains([]string{"PAGE", "NUMPAGES", "SECTIONPAGES"}, words[0])
}

// field follows the codes of fields, of which only links matter: their results are in the text.
func (r *docx) field(kind string, m *markdown) {
	switch kind {
	case "begin":
		r.fields = append(r.fields, docxField{})
	case "separate":
		if len(r.fields) == 0 {
			return
		}
		f := &r.fields[len(r.fields)-1]
		f.result = true
		if words := strings.Fields(f.code.String()); len(words) > 1 && words[0] == "HYPERLINK" && strings.HasPrefix(words[1], `"`) {
			m.openLink(strings.Trim(words[1], `"`))
			f.linked = true
		}
	case "end":
		if len(r.fields) == 0 {
			return
		}
		if r.fields[len(r.fields)-1].linked {
			m.closeLink()
		}
		r.fields = r.fields[:len(r.fields)-1]
	}
}

// writeNotes appends the footnotes and endnotes that the text refers to.
func (r *docx) writeNotes(m *markdown) error {
	texts := map[docxNote]string{}
	for _, kind := range []string{"footnotes", "endnotes"} {
		for _, file := range xmlarchive.Related(r.relations, kind) {
			err := r.Walk(file, false, func(x *xmlarchive.Reader, token xml.Token) error {
				t, is := token.(xml.StartElement)
				if !is || t.Name.Local != strings.TrimSuffix(kind, "s") {
					return nil
				}
				note := newMarkdown(r.cost)
				err := x.Within(func(token xml.Token) error { return r.block(x, token, note) })
				r.endParagraph(note)
				texts[docxNote{kind, xmlarchive.Attribute(t, "id")}] = note.String()
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	// A note within a note is numbered, and has no text.
	for i, note := range r.notes {
		if text := texts[note]; text != "" {
			m.begin(fmt.Sprintf("[^%d]: ", i+1))
			m.write(text)
			m.end()
		}
	}
	return nil
}

// headersAndFooters returns the texts above and below pages, each different one once.
func (r *docx) headersAndFooters() (headers, footers distinct, err error) {
	isHeader := map[string]bool{}
	for _, file := range xmlarchive.Related(r.relations, "header") {
		isHeader[file] = true
	}
	for _, file := range r.sections.texts {
		m := newMarkdown(r.cost)
		if err := r.file(file, m, false); err != nil {
			return headers, footers, err
		}
		if isHeader[file] {
			headers.add(m.String())
		} else {
			footers.add(m.String())
		}
	}
	return headers, footers, nil
}
