package pdf

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// PDF says where characters stand, not what belongs together. The order in which a program wrote them is the reading order nearly always
// (columns one after another, cells row by row); what follows repairs the cases in which it is not, and leaves the rest alone.

// glyph is a character with its box, in points; y grows upwards.
type glyph struct {
	char                     rune
	left, right, bottom, top float64
	turns                    int // Direction of its line, in quarter turns.
}

// textWord is what stands between blanks.
type textWord struct {
	text                     string
	left, right, bottom, top float64
}

// textLine is words on one baseline.
type textLine struct {
	words       []textWord
	left, right float64
	bottom, top float64
}

func (l textLine) height() float64 { return l.top - l.bottom }

func (l textLine) middle() float64 { return (l.top + l.bottom) / 2 }

// pageText returns the text of a page in the order in which a person reads it. The characters from number filled on are those of form
// fields and notes, which a program writes apart from the page.
func pageText(glyphs []glyph, filled int) string {
	var texts []string
	for _, turns := range directions(glyphs) {
		page, fields := upright(glyphs[:filled], turns), upright(glyphs[filled:], turns)
		lines, values := linesOf(page), linesOf(fields)
		blocks := []block{slices.Concat(lines, values)}
		if orderable(blocks[0]) {
			blocks = rowsByColumn(inOrder(fill(columnsByLine(lines), values)))
		}
		if text := written(blocks); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "\n\n")
}

// orderable reports whether a page is of a size that pages have. The work for others would grow with the square of it.
func orderable(lines []textLine) bool {
	const mostLines, mostWords = 3000, 500
	return len(lines) <= mostLines && !slices.ContainsFunc(lines, func(l textLine) bool { return len(l.words) > mostWords })
}

// directions returns the directions of text on a page, in order of appearance.
func directions(glyphs []glyph) []int {
	var all []int
	for _, g := range glyphs {
		if !unicode.IsSpace(g.char) && !slices.Contains(all, g.turns) {
			all = append(all, g.turns)
		}
	}
	return all
}

// upright returns the characters of one direction, turned so that their lines are horizontal.
func upright(glyphs []glyph, turns int) []glyph {
	var turned []glyph
	last := -1
	for _, g := range glyphs {
		if unicode.IsSpace(g.char) && last >= 0 {
			g.turns = last // Blanks between words have no direction of their own.
		}
		last = g.turns
		if g.turns != turns {
			continue
		}
		switch turns {
		case 1:
			g.left, g.right, g.bottom, g.top = g.bottom, g.top, -g.right, -g.left
		case 2:
			g.left, g.right, g.bottom, g.top = -g.right, -g.left, -g.top, -g.bottom
		case 3:
			g.left, g.right, g.bottom, g.top = -g.top, -g.bottom, g.left, g.right
		}
		turned = append(turned, g)
	}
	return turned
}

// linesOf splits characters into lines. A line break that only a raised or lowered character causes is none.
func linesOf(glyphs []glyph) []textLine {
	var all []textLine
	var current []glyph
	broken := false
	for _, g := range glyphs {
		switch {
		case g.char == '\r' || g.char == '\n':
			broken = true
			continue
		case len(current) > 0 && (broken && !continues(current, g) || returns(current, g)):
			all = appendLine(all, current)
			current = nil
		}
		broken = false
		current = append(current, g)
	}
	return appendLine(all, current)
}

// returns reports whether a character stands at the start of another line, although the reader does not break the line.
func returns(line []glyph, g glyph) bool {
	last := line[len(line)-1]
	if unicode.IsSpace(g.char) || unicode.IsSpace(last.char) && len(line) == 1 {
		return false
	}
	for i := len(line) - 1; i > 0 && unicode.IsSpace(last.char); i-- {
		last = line[i-1]
	}
	height := max(g.top-g.bottom, last.top-last.bottom)
	return g.left < last.left-height && (g.bottom > last.top || g.top < last.bottom)
}

// continues reports whether a character stands right behind the line, although the reader breaks it there.
func continues(line []glyph, g glyph) bool {
	bottom, top, right := math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, o := range line {
		if !unicode.IsSpace(o.char) {
			bottom, top, right = min(bottom, o.bottom), max(top, o.top), max(right, o.right)
		}
	}
	height := top - bottom
	if g.top-g.bottom < 0.1 { // A blank is on the baseline, without height.
		return g.bottom > bottom-0.1*height && g.bottom < top && g.left > right-0.3*height && g.left < right+height
	}
	middle := (g.bottom + g.top) / 2
	return middle > bottom && middle < top && g.left > right-0.3*height && g.left < right+height
}

func appendLine(all []textLine, glyphs []glyph) []textLine {
	if rightToLeft(glyphs) && !fromRightOn(glyphs) {
		glyphs = logical(glyphs)
	}
	raise(glyphs)
	line := textLine{left: math.Inf(1), right: math.Inf(-1), bottom: math.Inf(1), top: math.Inf(-1)}
	var word *textWord
	for i, g := range glyphs {
		if unicode.IsSpace(g.char) || g.char == 0 {
			if !insideWord(glyphs, i) {
				word = nil
			}
			continue
		}
		if word == nil {
			line.words = append(line.words, textWord{left: g.left, right: g.right, bottom: g.bottom, top: g.top})
			word = &line.words[len(line.words)-1]
		}
		word.text += plain(g.char)
		word.left, word.right, word.bottom, word.top = min(word.left, g.left), max(word.right, g.right), min(word.bottom, g.bottom), max(word.top, g.top)
		line.left, line.right, line.bottom, line.top = min(line.left, g.left), max(line.right, g.right), min(line.bottom, g.bottom), max(line.top, g.top)
	}
	if len(line.words) == 0 {
		return all
	}
	return append(all, line)
}

// insideWord reports whether a blank is none: PDFium puts one behind the letters of a ligature, which all have the box of the ligature,
// so that the last one seems to be narrow.
func insideWord(glyphs []glyph, at int) bool {
	if at < 2 || at+1 >= len(glyphs) || unicode.IsSpace(glyphs[at+1].char) {
		return false
	}
	last, next := glyphs[at-1], glyphs[at+1]
	return last.left == glyphs[at-2].left && last.right == glyphs[at-2].right && next.left > last.left && next.left < last.right+0.05*(last.top-last.bottom)
}

// ligatures are characters that exist for typesetting alone.
var ligatures = map[rune]string{'ﬀ': "ff", 'ﬁ': "fi", 'ﬂ': "fl", 'ﬃ': "ffi", 'ﬄ': "ffl", 'ﬅ': "st", 'ﬆ': "st", '\u00A0': " "}

func plain(r rune) string {
	if s, is := ligatures[r]; is {
		return s
	}
	return string(r)
}

// raise writes small raised digits as superscripts: "1072" with note 1 is not the year 10721.
func raise(glyphs []glyph) {
	const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹"
	var base *glyph
	for i := range glyphs {
		g := &glyphs[i]
		if base != nil && g.char >= '0' && g.char <= '9' {
			height := base.top - base.bottom
			if g.top-g.bottom < 0.8*height && g.bottom > base.bottom+0.25*height && g.left < base.right+2*height {
				g.char = []rune(superscripts)[g.char-'0']
				continue
			}
		}
		if unicode.IsUpper(g.char) || unicode.IsDigit(g.char) || strings.ContainsRune("bdfhklt", g.char) {
			base = g
		} else if unicode.IsSpace(g.char) {
			base = nil
		}
	}
}

// rightToLeft reports whether a line is mostly of letters that are read from the right.
func rightToLeft(glyphs []glyph) bool {
	count := 0
	for _, g := range glyphs {
		switch {
		case fromRight(g.char):
			count++
		case unicode.IsLetter(g.char):
			count--
		}
	}
	return count > 0
}

// fromRightOn reports whether the letters that are read from the right follow each other to the left.
func fromRightOn(glyphs []glyph) bool {
	var last *glyph
	for i, g := range glyphs {
		if !fromRight(g.char) || unicode.In(g.char, unicode.Mn) {
			continue
		}
		if last != nil && g.left+g.right > last.left+last.right+1 {
			return false
		}
		last = &glyphs[i]
	}
	return true
}

// logical orders a line that is read from the right: by place, with numbers and words that are read from the left in their own direction.
// The blanks of the reader are not where they belong in such a line; gaps are.
func logical(glyphs []glyph) []glyph {
	type place struct {
		glyph
		at int
	}
	var placed []place
	bottom, top := math.Inf(1), math.Inf(-1)
	for i, g := range glyphs {
		if !unicode.IsSpace(g.char) {
			placed = append(placed, place{g, i})
			bottom, top = min(bottom, g.bottom), max(top, g.top)
		}
	}
	slices.SortStableFunc(placed, func(a, b place) int { return cmp.Compare(b.left+b.right, a.left+a.right) })
	var spaced []glyph
	for i, g := range placed {
		if i > 0 && placed[i-1].left-g.right > 0.18*(top-bottom) {
			before := placed[i-1]
			// A 1 is narrow in a wide place: within numbers and words from the left, the reader's blanks are right.
			if fromRight(g.char) || fromRight(before.char) || before.at-g.at != 1 {
				spaced = append(spaced, glyph{char: ' ', left: g.right, right: g.right, bottom: g.bottom, top: g.bottom})
			}
		}
		spaced = append(spaced, g.glyph)
	}
	for i := 0; i < len(spaced); i++ {
		start, end := i, i
		for j := i; j < len(spaced) && !fromRight(spaced[j].char); j++ {
			if unicode.IsLetter(spaced[j].char) || unicode.IsDigit(spaced[j].char) {
				end = j + 1
			}
		}
		for start < end && !unicode.IsLetter(spaced[start].char) && !unicode.IsDigit(spaced[start].char) {
			start++
		}
		if end > start {
			slices.Reverse(spaced[start:end])
			i = end - 1
		}
	}
	return spaced
}

func fromRight(r rune) bool {
	return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana)
}
