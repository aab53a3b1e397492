package documents

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxRTFGroups = 10_000 // Groups within groups.
	maxRTFWord   = 32     // Letters of a control word.
)

func isRTF(data []byte) bool { return bytes.HasPrefix(data, []byte(`{\rtf`)) }

// rtf reads a document in the Rich Text Format, specification 1.9.1.
type rtf struct {
	cost    *cost
	data    []byte
	at      int
	m       *markdown
	d       *Document
	groups  []rtfGroup
	pages   rtfPages
	pending []byte // Bytes of a code page that are not decoded yet.
	high    rune   // The first half of a surrogate pair.
	isPage  bool   // The result of the field that follows is the number of a page.
	away    int    // Open groups whose text is taken apart.
	skip    int    // Characters that stand for the last Unicode character, for readers without it.

	label            string      // What stands before it as an item of a list.
	target           string      // Of the link whose text follows.
	levels           map[int]int // Of headings, by the number of their style.
	notes            []string
	boxes            []string // Texts of boxes at the paragraph, which they follow.
	headers, footers distinct
	comments         bool
}

// rtfGroup is what holds within braces.
type rtfGroup struct {
	ignored  bool // Its content is not shown.
	optional bool // It began with "\*": unknown destinations are ignored.
	hidden   bool
	fallback int // Characters that follow each Unicode character.
	font     int
	kind     string    // A destination whose text is taken apart.
	outer    *markdown // Where the text goes on after it.

	inTable bool // The paragraph is in a table.
	heading int  // Level of the paragraph as a heading, from 1.
	level   int  // Of the list of which the paragraph is an item, from 0.
}

func readRTF(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	c := newCost(ctx, o, len(data))
	var d Document
	r := &rtf{cost: c, data: data, m: newMarkdown(c), d: &d, levels: map[int]int{}, groups: []rtfGroup{{fallback: 1}}, pages: rtfPages{fonts: map[int]int{}, standard: defaultCodePage}}
	if err := r.read(); err != nil {
		return Document{}, err
	}
	r.flush()
	r.endParagraph()
	for i, note := range r.notes {
		r.m.begin(fmt.Sprintf("[^%d]: ", i+1))
		r.m.write(note)
		r.m.end()
	}
	d.Parts = []Part{{Text: around(r.headers, r.footers, r.m.String())}}
	if r.comments {
		d.Warnings = append(d.Warnings, "its comments are not read")
	}
	return d, c.Err
}

func (r *rtf) group() *rtfGroup { return &r.groups[len(r.groups)-1] }

func (r *rtf) read() error {
	for r.at < len(r.data) {
		if err := r.cost.Check(); err != nil {
			return err
		}
		letter := r.data[r.at]
		r.at++
		switch letter {
		case '{':
			if len(r.groups) > maxRTFGroups {
				return &Problem{Text: fmt.Sprintf("has more than %d groups within each other", maxRTFGroups), Hint: saveAnew}
			}
			r.flush()
			inner := *r.group()
			inner.kind, inner.outer, inner.optional = "", nil, false
			r.groups = append(r.groups, inner)
		case '}':
			r.flush()
			if len(r.groups) == 1 {
				return nil // What follows the document is none of it.
			}
			r.close()
		case '\\':
			r.control()
		case '\r', '\n', 0:
		default:
			r.literal(letter)
		}
	}
	if len(r.groups) > 1 {
		r.d.Warnings = append(r.d.Warnings, "it ends too early, and may be incomplete")
	}
	for len(r.groups) > 1 {
		r.close()
	}
	return nil
}

// literal takes a byte of text.
func (r *rtf) literal(letter byte) {
	switch {
	case r.skip > 0:
		r.skip--
	case !r.group().ignored && !r.group().hidden:
		r.pending = append(r.pending, letter)
	}
}

// control reads what follows a backslash: a symbol, or a word with a number.
func (r *rtf) control() {
	if r.at >= len(r.data) {
		return
	}
	first := r.data[r.at]
	if !isLetter(first) {
		r.at++
		r.symbol(first)
		return
	}
	start := r.at
	for r.at < len(r.data) && r.at-start < maxRTFWord && isLetter(r.data[r.at]) {
		r.at++
	}
	word := string(r.data[start:r.at])
	start = r.at
	if r.at < len(r.data) && r.data[r.at] == '-' {
		r.at++
	}
	for r.at < len(r.data) && r.at-start < len("-2147483648") && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
		r.at++
	}
	number, err := strconv.Atoi(string(r.data[start:r.at]))
	if r.at < len(r.data) && r.data[r.at] == ' ' {
		r.at++
	}
	if word == "bin" {
		r.at += min(max(number, 0), len(r.data)-r.at)
		return
	}
	if word == "u" {
		r.unicode(number)
		return
	}
	if r.skip > 0 && err != nil { // A word stands for one character.
		r.skip--
		return
	}
	r.skip = 0
	r.flush()
	r.word(word, number, err == nil)
}

func isLetter(letter byte) bool { return letter|0x20 >= 'a' && letter|0x20 <= 'z' }

func (r *rtf) symbol(symbol byte) {
	if symbol == '\'' {
		if r.at+2 > len(r.data) {
			return
		}
		code, err := strconv.ParseUint(string(r.data[r.at:r.at+2]), 16, 8)
		if err == nil {
			r.at += 2
			r.literal(byte(code))
		}
		return
	}
	switch symbol {
	case '\\', '{', '}':
		r.literal(symbol)
	case '~':
		r.literal(' ')
	case '_':
		r.literal('-')
	case '*':
		r.group().optional = true
	case '\r', '\n':
		r.flush()
		r.word("par", 0, false)
	case '\t':
		r.literal('\t')
	}
}

// unicode takes a character by its number, which is signed, and a half where it needs two.
func (r *rtf) unicode(number int) {
	decoded := rune(uint16(number))
	r.skip = r.group().fallback
	switch {
	case utf16.IsSurrogate(decoded) && decoded < 0xDC00:
		r.flush()
		r.high = decoded
		return
	case utf16.IsSurrogate(decoded):
		decoded = utf16.DecodeRune(r.high, decoded)
	}
	r.high = 0
	if decoded >= 0xF020 && decoded <= 0xF0FF { // A letter of a font of symbols.
		decoded = unicode.ReplacementChar
		if r.group().kind == "listtext" {
			decoded = '•'
		}
	}
	r.flush()
	r.write(string(decoded))
}

// flush decodes the bytes that were read.
func (r *rtf) flush() {
	if len(r.pending) == 0 {
		return
	}
	text := r.pages.decode(r.group().font, r.pending)
	r.pending = r.pending[:0]
	r.write(text)
}

// write appends text to the paragraph, which is part of a table or ends it.
func (r *rtf) write(text string) {
	g := r.group()
	if g.ignored || g.hidden {
		return
	}
	if r.away == 0 {
		r.placeParagraph()
	}
	r.m.write(text)
}

// placeParagraph opens the cell in which the paragraph is, or closes the table before it.
func (r *rtf) placeParagraph() {
	t := r.m.table()
	switch {
	case r.group().inTable && t == nil:
		r.m.openTable()
		r.m.openCell()
	case r.group().inTable && !t.inCell:
		r.m.openCell()
	case !r.group().inTable && t != nil:
		r.m.closeTable()
	}
}

func (r *rtf) endParagraph() {
	switch {
	case r.label != "" && r.group().heading > 0:
		r.m.prefix = strings.Repeat("#", min(r.group().heading, maxHeading)) + " " + strings.TrimPrefix(r.label+" ", "- ")
	case r.label != "":
		r.m.prefix = strings.Repeat("  ", r.group().level) + r.label + " "
	case r.group().heading > 0:
		r.m.prefix = strings.Repeat("#", min(r.group().heading, maxHeading)) + " "
	}
	r.m.end()
	r.label = ""
	for _, box := range r.boxes {
		r.m.block(box, false)
	}
	r.boxes = nil
}

// apart begins a destination whose text is taken apart.
func (r *rtf) apart(kind string) {
	g := r.group()
	if g.ignored || g.outer != nil {
		return
	}
	g.kind, g.outer = kind, r.m
	r.away++
	r.m = newMarkdown(r.cost)
}

// close ends a group.
func (r *rtf) close() {
	g := *r.group()
	r.skip, r.high = 0, 0
	if g.outer != nil {
		text := r.m.String()
		r.m = g.outer
		r.away--
		r.groups = r.groups[:len(r.groups)-1]
		r.taken(g.kind, text)
		return
	}
	r.groups = r.groups[:len(r.groups)-1]
	r.m.raised = false
	if g.kind == "fldrslt" {
		r.m.closeLink()
	}
}

// taken puts a text that was taken apart where it belongs.
func (r *rtf) taken(kind, text string) {
	switch kind {
	case "footnote":
		r.notes = append(r.notes, text)
		r.write(fmt.Sprintf("[^%d]", len(r.notes)))
	case "header":
		r.headers.add(text)
	case "footer":
		r.footers.add(text)
	case "listtext":
		if r.label = strings.TrimSpace(text); utf8.RuneCountInString(r.label) == 1 && !unicode.IsLetter([]rune(r.label)[0]) && !unicode.IsDigit([]rune(r.label)[0]) {
			r.label = "-"
		}
	case "fldinst":
		r.isPage = isPageNumber(text)
		if _, address, is := strings.Cut(text, "HYPERLINK"); is {
			if _, address, is = strings.Cut(address, `"`); is {
				r.target, _, _ = strings.Cut(address, `"`)
			}
		}
	case "title":
		r.d.Title = text
	case "author", "subject", "keywords":
		if text != "" {
			r.d.Metadata = append(r.d.Metadata, Property{kind, text})
		}
	case "shptxt":
		if text != "" {
			r.boxes = append(r.boxes, text)
		}
	}
}
