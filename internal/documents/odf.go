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

const odfType = "application/vnd.oasis.opendocument."

func isODT(data []byte) bool { return holds(data, odfType+"text") }
func isODS(data []byte) bool { return holds(data, odfType+"spreadsheet") }
func isODP(data []byte) bool { return holds(data, odfType+"presentation") }

// odf reads an OpenDocument file: a text, a spreadsheet or a presentation.
type odf struct {
	*archive
	d        *Document
	o        Options
	m        *markdown
	notes    []string
	lists    []odfList
	opened   bool                // An item is, and has no text yet: one that only has a list within it does not count.
	levels   map[string]odfLevel // By the name of a style of lists and a level: "L1 1".
	counters map[string][]int    // Of the items of lists, by style.
	raised   map[string]bool     // Styles of raised text.
	titles   map[string]bool     // Styles of the title of a text.
	hidden   map[string]bool     // Styles of tables and pages that are not shown.
	left     map[string]bool
	count    int // Of sheets or slides.
}

type odfList struct {
	style string
}

func readODF(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	o.Limits = o.Limits.withDefaults()
	c := newCost(ctx, o, len(data))
	a, err := openArchive(c, "an OpenDocument file", data)
	if err != nil {
		return Document{}, err
	}
	err = a.Elements(xmlarchive.Unlimited, "META-INF/manifest.xml", false, func(_ *xmlarchive.Reader, t xml.StartElement) error {
		if t.Name.Local == "encryption-data" {
			return &Problem{Text: "is an OpenDocument file with a password", Hint: "remove the password and save it again"}
		}
		return nil
	})
	if err != nil {
		return Document{}, err
	}
	d, err := a.properties("meta.xml", map[string]string{"initial-creator": "author", "creation-date": "created", "date": "modified", "subject": "subject", "keyword": "keywords"})
	if err != nil {
		return Document{}, err
	}
	r := &odf{archive: a, d: &d, o: o, m: newMarkdown(c), levels: map[string]odfLevel{}, counters: map[string][]int{}, raised: map[string]bool{}, titles: map[string]bool{}, hidden: map[string]bool{}, left: map[string]bool{}}
	headers, footers, err := r.masters()
	if err == nil {
		err = a.Walk("content.xml", true, r.content)
	}
	if err != nil {
		return Document{}, err
	}
	if len(d.Parts) == 0 && r.count == 0 {
		body := r.m
		for i, note := range r.notes {
			body.begin(fmt.Sprintf("[^%d]: ", i+1))
			body.write(note)
			body.end()
		}
		d.Parts = []Part{{Text: around(headers, footers, body.String())}}
	} else if _, err := o.selected(r.count); err != nil {
		return Document{}, err
	}
	for _, what := range []string{"comments", "charts and embedded documents"} {
		if r.left[what] {
			d.Warnings = append(d.Warnings, "its "+what+" are not read")
		}
	}
	return d, c.Err
}

// masters reads the texts above and below the pages of a text, each different one once, and the styles of lists.
func (r *odf) masters() (headers, footers distinct, err error) {
	err = r.Walk("styles.xml", false, func(x *xmlarchive.Reader, token xml.Token) error {
		t, is := token.(xml.StartElement)
		if !is {
			return nil
		}
		if to := map[string]*distinct{"header": &headers, "header-first": &headers, "header-left": &headers, "footer": &footers, "footer-first": &footers, "footer-left": &footers}[t.Name.Local]; to != nil && xmlarchive.Attribute(t, "display") != "false" {
			text, err := r.apart(x)
			to.add(text)
			return err
		}
		return r.style(x, t)
	})
	return headers, footers, err
}

// style reads what a style says of lists, and of what is hidden.
func (r *odf) style(x *xmlarchive.Reader, t xml.StartElement) error {
	name := xmlarchive.Attribute(t, "name")
	switch t.Name.Local {
	case "list-style", "outline-style":
		return x.Elements(func(t xml.StartElement) error {
			if t.Name.Local == "list-level-style-number" || t.Name.Local == "outline-level-style" {
				r.levels[name+" "+xmlarchive.Attribute(t, "level")] = odfLevelOf(t)
			}
			return nil
		})
	case "style":
		r.titles[name] = xmlarchive.Attribute(t, "parent-style-name") == "Title"
		return x.Elements(func(t xml.StartElement) error {
			if t.Name.Local == "table-properties" && xmlarchive.Attribute(t, "display") == "false" || t.Name.Local == "drawing-page-properties" && xmlarchive.Attribute(t, "visibility") == "hidden" {
				r.hidden[name] = true
			}
			if t.Name.Local == "text-properties" {
				r.hidden[name] = r.hidden[name] || xmlarchive.Attribute(t, "display") == "none"
				r.raised[name] = strings.HasPrefix(xmlarchive.Attribute(t, "text-position"), "super")
			}
			return nil
		})
	}
	return nil
}

// content handles a token of the content outside of paragraphs.
func (r *odf) content(x *xmlarchive.Reader, token xml.Token) error {
	m := r.m
	switch t := token.(type) {
	case xml.StartElement:
		switch t.Name.Local {
		case "tracked-changes", "forms", "sequence-decls", "shapes", "title", "desc", "event-listeners", "named-expressions", "database-ranges":
			return x.Skip()
		case "style", "list-style", "outline-style":
			return r.style(x, t)
		case "spreadsheet":
			return x.Within(func(token xml.Token) error { return r.sheet(x, token) })
		case "presentation":
			return x.Within(func(token xml.Token) error { return r.slide(x, token) })
		case "h":
			level, _ := strconv.Atoi(xmlarchive.Attribute(t, "outline-level"))
			return r.paragraph(x, strings.Repeat("#", min(max(level, 1), maxHeading))+" ")
		case "p":
			if style := xmlarchive.Attribute(t, "style-name"); style == "Title" || r.titles[style] {
				return r.paragraph(x, "# ")
			}
			return r.paragraph(x, "")
		case "list":
			style := xmlarchive.Attribute(t, "style-name")
			if n := len(r.lists); style == "" && n > 0 {
				style = r.lists[n-1].style
			}
			r.opened = false
			r.openList(style, xmlarchive.Attribute(t, "continue-numbering") == "true" || xmlarchive.Attribute(t, "continue-list") != "")
		case "list-item":
			m.end()
			r.opened = true
		case "table":
			m.openTable()
		case "table-row":
			m.openRow()
		case "table-cell", "covered-table-cell":
			m.openCell()
			if repeated, _ := strconv.Atoi(xmlarchive.Attribute(t, "number-columns-repeated")); repeated > 1 {
				m.span(repeated - 1)
			}
		case "object", "image":
			return r.embedded(x, t)
		}
	case xml.EndElement:
		switch t.Name.Local {
		case "list-item":
			r.opened = false
		case "list":
			if len(r.lists) > 0 {
				r.lists = r.lists[:len(r.lists)-1]
			}
		case "table-cell", "covered-table-cell":
			m.closeCell()
		case "table-row":
			m.closeRow()
		case "table":
			m.closeTable()
		}
	}
	return nil
}

// embedded reads what is embedded in a text or beside it.
func (r *odf) embedded(x *xmlarchive.Reader, t xml.StartElement) error {
	if t.Name.Local == "object" {
		r.left["charts and embedded documents"] = true
		return x.Skip()
	}
	if r.o.Images {
		return r.picture(r.d, xmlarchive.Attribute(t, "href"))
	}
	return nil
}

// paragraph reads to the end of a paragraph. Text boxes at it follow it.
func (r *odf) paragraph(x *xmlarchive.Reader, prefix string) error {
	m := r.m
	if r.opened {
		m.begin(r.item())
		r.opened = false
	}
	// The first paragraph of an item is the item. A heading can be one too, and has its number.
	if label := strings.TrimSpace(m.prefix); prefix != "" && len(m.line) == 0 && label != "" && label != "-" {
		prefix += label + " "
	}
	if len(m.line) > 0 || m.prefix == "" || prefix != "" {
		m.begin(prefix)
	}
	var boxes []string
	err := x.Within(func(token xml.Token) error {
		if t, is := token.(xml.StartElement); is && t.Name.Local == "text-box" {
			text, err := r.apart(x)
			if text != "" {
				boxes = append(boxes, text)
			}
			return err
		}
		return r.inline(x, token)
	})
	m.end()
	for _, box := range boxes {
		m.block(box, false)
	}
	return err
}

// apart returns the text of an element as one of its own.
func (r *odf) apart(x *xmlarchive.Reader) (string, error) {
	outer, lists := r.m, r.lists
	r.m, r.lists = newMarkdown(r.cost), nil
	err := x.Within(func(token xml.Token) error { return r.content(x, token) })
	text := r.m.String()
	r.m, r.lists = outer, lists
	return text, err
}

// inline handles a token within a paragraph. Blanks and line ends of the file are one blank.
func (r *odf) inline(x *xmlarchive.Reader, token xml.Token) error {
	m := r.m
	switch t := token.(type) {
	case xml.CharData:
		m.write(singleBlanks(string(t), len(m.line) == 0 || m.line[len(m.line)-1] == ' '))
	case xml.StartElement:
		switch t.Name.Local {
		case "s":
			count, err := strconv.Atoi(xmlarchive.Attribute(t, "c"))
			if err != nil {
				count = 1
			}
			const most = 1000
			m.write(strings.Repeat(" ", min(max(count, 1), most)))
		case "tab":
			m.write("\t")
		case "line-break":
			m.lineBreak()
		case "span":
			if r.hidden[xmlarchive.Attribute(t, "style-name")] {
				return x.Skip()
			}
			m.raised = r.raised[xmlarchive.Attribute(t, "style-name")]
		case "a":
			m.openLink(xmlarchive.Attribute(t, "href"))
		case "note":
			return r.note(x)
		case "annotation":
			r.left["comments"] = true
			return x.Skip()
		case "title", "desc", "ruby-text", "tracked-changes", "page-number", "page-count":
			return x.Skip()
		case "object", "image":
			return r.embedded(x, t)
		}
	case xml.EndElement:
		switch t.Name.Local {
		case "a":
			m.closeLink()
		case "span":
			m.raised = false
		}
	}
	return nil
}

// singleBlanks returns text with one blank for each run of white space.
func singleBlanks(text string, afterBlank bool) string {
	var to strings.Builder
	for _, letter := range text {
		isBlank := letter == ' ' || letter == '\n' || letter == '\t' || letter == '\r' || letter == '\f'
		switch {
		case isBlank && !afterBlank:
			to.WriteByte(' ')
		case !isBlank:
			to.WriteRune(letter)
		}
		afterBlank = isBlank
	}
	return to.String()
}

func (r *odf) note(x *xmlarchive.Reader) error {
	return x.Elements(func(t xml.StartElement) error {
		switch t.Name.Local {
		case "note-citation":
			return x.Skip()
		case "note-body":
			text, err := r.apart(x)
			r.notes = append(r.notes, text)
			r.m.write(fmt.Sprintf("[^%d]", len(r.notes)))
			return err
		}
		return nil
	})
}

// isWanted counts a sheet or a slide, and reports whether it is to be read.
func (r *odf) isWanted() (bool, error) {
	r.count++
	if r.count > r.cost.limits.Parts && len(r.o.Pages) == 0 {
		_, err := r.o.selected(r.count)
		return false, err
	}
	return len(r.o.Pages) == 0 || slices.ContainsFunc(r.o.Pages, func(p Range) bool { return r.count >= p.First && (p.Last == 0 || r.count <= p.Last) }), nil
}

func cmpError(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}
