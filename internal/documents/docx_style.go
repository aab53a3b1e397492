package documents

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

const (
	maxHeading   = 6  // In Markdown.
	maxInherited = 20 // Styles that are based on each other.
)

// readStyles reads which styles are headings and lists.
func (r *docx) readStyles() error {
	r.styles = map[string]docxStyle{}
	for _, file := range xmlarchive.Related(r.relations, "styles") {
		err := r.Elements(xmlarchive.Unlimited, file, false, func(x *xmlarchive.Reader, t xml.StartElement) error {
			if t.Name.Local != "style" {
				return nil
			}
			var s docxStyle
			err := x.Elements(func(property xml.StartElement) error {
				s.read(property)
				return nil
			})
			r.styles[xmlarchive.Attribute(t, "styleId")] = s
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *docxStyle) read(property xml.StartElement) {
	value := xmlarchive.Attribute(property, "val")
	switch property.Name.Local {
	case "name":
		s.name = strings.ToLower(value)
		if level, is := strings.CutPrefix(s.name, "heading "); is {
			s.level, _ = strconv.Atoi(level)
		} else if s.name == "title" {
			s.level = 1
		}
	case "basedOn":
		s.basedOn = value
	case "outlineLvl":
		if level, err := strconv.Atoi(value); err == nil && level < 9 {
			s.level = level + 1
		}
	case "numId":
		s.number = value
	case "ilvl":
		s.depth = value
	}
}

// inherited returns a style with what it has of those that it is based on.
func (r *docx) inherited(id string) docxStyle {
	s := r.styles[id]
	for base, n := s.basedOn, 0; base != "" && n < maxInherited; n++ {
		of := r.styles[base]
		if s.level == 0 {
			s.level = of.level
		}
		if s.number == "" {
			s.number = of.number
		}
		if s.depth == "" {
			s.depth = of.depth
		}
		base = of.basedOn
	}
	return s
}

// paragraphProperties returns what a paragraph begins with: that of a heading, or of an item of a list.
func (r *docx) paragraphProperties(x *xmlarchive.Reader) (prefix string, err error) {
	var own docxStyle
	style := ""
	err = x.Elements(func(t xml.StartElement) error {
		switch t.Name.Local {
		case "pStyle":
			style = xmlarchive.Attribute(t, "val")
		case "sectPr":
			return r.section(x)
		case "pPrChange": // As it was before a tracked change.
			return x.Skip()
		case "del", "moveFrom":
			r.joined = true
		case "name", "basedOn":
		default:
			own.read(t)
		}
		return nil
	})
	s := r.inherited(style)
	if own.level > 0 {
		s.level = own.level
	}
	if own.number != "" {
		s.number = own.number
	}
	if own.depth != "" {
		s.depth = own.depth
	}
	label, depth, isBullet := r.numbering.next(s.number, s.depth)
	switch {
	case s.level > 0 && isBullet || s.level > 0 && label == "":
		prefix = strings.Repeat("#", min(s.level, maxHeading)) + " "
	case s.level > 0:
		prefix = strings.Repeat("#", min(s.level, maxHeading)) + " " + label + " "
	case label != "":
		prefix = strings.Repeat("  ", depth) + label + " "
	}
	return prefix, err
}

// docxNumbering counts the items of the lists of a document.
type docxNumbering struct {
	lists    map[string][]docxLevel // By the number of a list.
	counters map[string][]int       // By the definition that lists share.
	shared   map[string]string
}

// docxLevel is how items of one depth are numbered.
type docxLevel struct {
	format, text string
	start        int
}

const maxListDepth = 9

func (a *archive) docxNumbering(files []string) (docxNumbering, error) {
	n := docxNumbering{lists: map[string][]docxLevel{}, counters: map[string][]int{}, shared: map[string]string{}}
	abstract := map[string][]docxLevel{}
	for _, file := range files {
		id, level := "", 0
		err := a.Elements(xmlarchive.Unlimited, file, false, func(x *xmlarchive.Reader, t xml.StartElement) error {
			value := xmlarchive.Attribute(t, "val")
			levels := abstract[id]
			switch t.Name.Local {
			case "numPicBullet":
				return x.Skip()
			case "abstractNum":
				id = xmlarchive.Attribute(t, "abstractNumId")
				abstract[id] = make([]docxLevel, maxListDepth)
			case "lvl":
				level, _ = strconv.Atoi(xmlarchive.Attribute(t, "ilvl"))
				level = min(max(level, 0), maxListDepth-1)
			case "num":
				id = ""
				list := xmlarchive.Attribute(t, "numId")
				return x.Elements(func(t xml.StartElement) error {
					switch t.Name.Local {
					case "abstractNumId":
						n.lists[list], n.shared[list] = abstract[xmlarchive.Attribute(t, "val")], xmlarchive.Attribute(t, "val")
					case "startOverride":
						n.shared[list] = "of " + list // Counts anew.
					}
					return nil
				})
			case "numFmt":
				if levels != nil {
					levels[level].format = value
				}
			case "lvlText":
				if levels != nil {
					levels[level].text = value
				}
			case "start":
				if levels != nil {
					levels[level].start, _ = strconv.Atoi(value)
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// next counts an item and returns what stands before it.
func (n docxNumbering) next(list, depth string) (label string, level int, isBullet bool) {
	levels := n.lists[list]
	level, _ = strconv.Atoi(depth)
	if list == "" || list == "0" || levels == nil || level < 0 || level >= maxListDepth {
		return "", 0, false
	}
	of := levels[level]
	if of.format == "none" {
		return "", level, false
	}
	if of.format == "bullet" || of.format == "" {
		return "-", level, true
	}
	counters := n.counters[n.shared[list]]
	if counters == nil {
		counters = make([]int, maxListDepth)
		for i := range counters {
			counters[i] = levels[i].start - 1
		}
		n.counters[n.shared[list]] = counters
	}
	counters[level]++
	for deeper := level + 1; deeper < maxListDepth; deeper++ {
		counters[deeper] = levels[deeper].start - 1
	}
	label = of.text
	for i := range level + 1 {
		label = strings.ReplaceAll(label, fmt.Sprintf("%%%d", i+1), numeral(max(counters[i], levels[i].start), levels[i].format))
	}
	if label = strings.TrimSpace(label); label == "" {
		return "", level, false
	}
	return label, level, false
}

// numeral writes a number as lists do.
func numeral(n int, format string) string {
	switch format {
	case "lowerLetter", "upperLetter":
		if n < 1 || n > 780 {
			break
		}
		text := strings.Repeat(string(rune('a'+(n-1)%26)), (n-1)/26+1)
		if format == "upperLetter" {
			text = strings.ToUpper(text)
		}
		return text
	case "lowerRoman", "upperRoman":
		if n < 1 || n > 3999 {
			break
		}
		text := ""
		for _, r := range []struct {
			value int
			text  string
		}{{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"}} {
			for ; n >= r.value; n -= r.value {
				text += r.text
			}
		}
		if format == "upperRoman" {
			text = strings.ToUpper(text)
		}
		return text
	case "decimalZero":
		return fmt.Sprintf("%02d", n)
	}
	return strconv.Itoa(n)
}
