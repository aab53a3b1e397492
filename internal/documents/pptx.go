package documents

import (
	"context"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// pptx reads a PowerPoint presentation.
type pptx struct {
	*archive
	d        *Document
	footers  distinct // Texts at the foot of slides, once each.
	left     map[string]bool
	pictures distinct // Names of the files of images on the slide.
	wanted   bool     // Images are.
}

func readPPTX(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	c := newCost(ctx, o, len(data))
	a, err := openArchive(c, "a PowerPoint presentation", data)
	if err != nil {
		return Document{}, err
	}
	main, d, err := a.officeDocument()
	if err != nil {
		return Document{}, err
	}
	all, err := a.Relations(main)
	if err != nil {
		return Document{}, err
	}
	var slides []string
	err = a.Elements(xmlarchive.Unlimited, main, true, func(_ *xmlarchive.Reader, t xml.StartElement) error {
		if t.Name.Local == "sldId" {
			if slide := all[relationID(t)]; slide.Kind == "slide" && !slide.External {
				slides = append(slides, slide.Target)
			}
		}
		return nil
	})
	if err != nil {
		return Document{}, err
	}
	numbers, err := o.selected(len(slides))
	if err != nil {
		return Document{}, err
	}
	r := &pptx{archive: a, d: &d, left: map[string]bool{}, wanted: o.Images}
	for _, n := range numbers {
		text, err := r.slide(slides[n-1], n)
		if err != nil {
			return Document{}, err
		}
		d.Parts = append(d.Parts, Part{Kind: "slide", Name: strconv.Itoa(n), Text: text})
	}
	for _, what := range []string{"comments", "charts"} {
		if r.left[what] {
			d.Warnings = append(d.Warnings, "its "+what+" are not read")
		}
	}
	return d, c.Err
}

// relationID returns the id of a reference. An element can have an id of its own beside it.
func relationID(element xml.StartElement) string {
	for _, a := range element.Attr {
		if a.Name.Local == "id" && strings.HasSuffix(a.Name.Space, "/relationships") {
			return a.Value
		}
	}
	return ""
}

// slide returns the text of a slide, with its notes.
func (r *pptx) slide(name string, number int) (string, error) {
	all, err := r.Relations(name)
	if err != nil {
		return "", err
	}
	m := newMarkdown(r.cost)
	r.pictures = distinct{}
	err = r.Walk(name, true, func(x *xmlarchive.Reader, token xml.Token) error {
		if t, is := token.(xml.StartElement); is && t.Name.Local == "sld" && xmlarchive.Attribute(t, "show") == "0" {
			r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("slide %d is hidden in the presentation", number))
		}
		return r.shapes(x, token, m, all, false)
	})
	if err != nil {
		return "", err
	}
	for _, diagram := range xmlarchive.Related(all, "diagramData") {
		if err := r.diagram(diagram, m); err != nil {
			return "", err
		}
	}
	r.left["charts"] = r.left["charts"] || len(xmlarchive.Related(all, "chart")) > 0
	r.left["comments"] = r.left["comments"] || len(xmlarchive.Related(all, "comments")) > 0
	notes := newMarkdown(r.cost)
	for _, file := range xmlarchive.Related(all, "notesSlide") {
		of, err := r.Relations(file)
		if err == nil {
			err = r.Walk(file, false, func(x *xmlarchive.Reader, token xml.Token) error { return r.shapes(x, token, notes, of, true) })
		}
		if err != nil {
			return "", err
		}
	}
	if text := notes.String(); text != "" {
		m.begin("")
		m.write("Notes:")
		m.end()
		m.block(text, false)
	}
	if r.wanted {
		for _, image := range r.pictures.texts {
			if err := r.picture(r.d, image); err != nil {
				return "", err
			}
		}
	}
	return m.String(), nil
}

// shapes handles a token of a slide, or of its notes, of which only the body counts.
func (r *pptx) shapes(x *xmlarchive.Reader, token xml.Token, m *markdown, all map[string]xmlarchive.Relation, isNotes bool) error {
	switch t := token.(type) {
	case xml.StartElement:
		switch t.Name.Local {
		case "sp":
			return r.shape(x, m, all, isNotes)
		case "tbl":
			m.openTable()
		case "tr":
			m.openRow()
		case "tc":
			m.openCell()
		case "cNvPr":
			if text := strings.TrimSpace(xmlarchive.Attribute(t, "descr")); text != "" && !isNotes {
				m.begin("")
				m.write("![" + text + "]")
				m.end()
			}
		case "p":
			return r.paragraph(x, m, all, "", make([]int, maxListDepth), false)
		case "blip":
			r.blip(t, all)
		case "Fallback":
			return x.Skip()
		}
	case xml.EndElement:
		switch t.Name.Local {
		case "tc":
			m.closeCell()
		case "tr":
			m.closeRow()
		case "tbl":
			m.closeTable()
		}
	}
	return nil
}

// blip notes an image.
func (r *pptx) blip(t xml.StartElement, all map[string]xmlarchive.Relation) {
	if image := all[xmlarchive.Attribute(t, "embed")]; image.Kind == "image" && !image.External {
		r.pictures.add(image.Target)
	}
}

// shape reads a shape. Its kind as a placeholder stands before its text.
func (r *pptx) shape(x *xmlarchive.Reader, m *markdown, all map[string]xmlarchive.Relation, isNotes bool) error {
	kind, isPlaceholder := "", false
	footer := newMarkdown(r.cost)
	err := x.Elements(func(t xml.StartElement) error {
		switch t.Name.Local {
		case "cNvPr":
			if text := strings.TrimSpace(xmlarchive.Attribute(t, "descr")); text != "" && !isNotes {
				m.begin("")
				m.write("![" + text + "]")
				m.end()
			}
		case "blip":
			r.blip(t, all)
		case "ph":
			kind, isPlaceholder = xmlarchive.Attribute(t, "type"), true
		case "txBody":
			switch {
			case kind == "sldNum" || kind == "dt" || isNotes && isPlaceholder && kind != "body":
				return x.Skip()
			case kind == "ftr" || kind == "hdr":
				return x.Elements(func(t xml.StartElement) error {
					if t.Name.Local == "p" {
						return r.paragraph(x, footer, all, "", make([]int, maxListDepth), false)
					}
					return nil
				})
			}
			isTitle := kind == "title" || kind == "ctrTitle"
			isList := isPlaceholder && !isNotes && (kind == "" || kind == "body" || kind == "obj")
			return r.body(x, m, all, isTitle, isList)
		}
		return nil
	})
	if text := footer.String(); r.footers.add(text) {
		m.end()
		m.block(text, false)
	}
	return err
}

func (r *pptx) body(x *xmlarchive.Reader, m *markdown, all map[string]xmlarchive.Relation, isTitle, isList bool) error {
	prefix := ""
	if isTitle {
		prefix = "# "
	}
	numbers := make([]int, maxListDepth)
	return x.Elements(func(t xml.StartElement) error {
		if t.Name.Local != "p" {
			return nil
		}
		return r.paragraph(x, m, all, prefix, numbers, isList)
	})
}

// paragraph reads a paragraph, which may say of itself that it is an item of a list, or that it is not. Numbers are those of the items
// before it.
func (r *pptx) paragraph(x *xmlarchive.Reader, m *markdown, all map[string]xmlarchive.Relation, prefix string, numbers []int, isItem bool) error {
	m.begin(prefix)
	level, label := 0, ""
	if isItem {
		label = "-"
	}
	err := x.Within(func(token xml.Token) error {
		t, is := token.(xml.StartElement)
		if !is {
			if end, ends := token.(xml.EndElement); ends && end.Name.Local == "r" {
				m.closeLink()
			}
			return nil
		}
		switch t.Name.Local {
		case "pPr":
			level, _ = strconv.Atoi(xmlarchive.Attribute(t, "lvl"))
			level = min(max(level, 0), maxListDepth-1)
		case "buNone":
			label = ""
		case "buChar":
			label = "-"
		case "buAutoNum":
			label = "1"
		case "rPr":
			m.raised = xmlarchive.Attribute(t, "baseline") != "" && xmlarchive.Attribute(t, "baseline") != "0" && xmlarchive.Attribute(t, "baseline")[0] != '-'
		case "t":
			text, err := x.Text()
			m.write(text)
			return err
		case "br":
			m.lineBreak()
		case "tab":
			m.write("\t")
		case "hlinkClick":
			if target := all[relationID(t)]; target.External {
				m.openLink(target.Target)
			}
		}
		return nil
	})
	if label == "1" {
		numbers[level]++
		label = strconv.Itoa(numbers[level]) + "."
	}
	clear(numbers[level+1:])
	if label != "" && prefix == "" && m.table() == nil {
		m.prefix = strings.Repeat("  ", level) + label + " "
	}
	m.end()
	return err
}

// diagram writes the texts of a SmartArt graphic, in the order in which they were entered.
func (r *pptx) diagram(name string, m *markdown) error {
	return r.Elements(xmlarchive.Unlimited, name, false, func(x *xmlarchive.Reader, t xml.StartElement) error {
		if t.Name.Local != "p" {
			return nil
		}
		m.begin("- ")
		err := x.Elements(func(t xml.StartElement) error {
			if t.Name.Local == "t" {
				text, err := x.Text()
				m.write(text)
				return err
			}
			return nil
		})
		m.end()
		return err
	})
}
