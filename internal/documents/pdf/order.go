package pdf

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is an interval on the x axis.
type span struct{ from, to float64 }

// columnsByLine separates columns that a program wrote line by line over all of them: lines of prose with the same gap at the same place.
func columnsByLine(all []textLine) []textLine {
	var ordered []textLine
	for len(all) > 0 {
		end, gap := gutter(all)
		if end == 0 {
			ordered, all = append(ordered, all[0]), all[1:]
			continue
		}
		var left, right []textLine
		for _, l := range all[:end] {
			at := slices.IndexFunc(l.words, func(w textWord) bool { return w.left >= gap.to-0.01 })
			if at < 0 {
				at = len(l.words)
			}
			if at > 0 {
				left = append(left, lineOf(l.words[:at]))
			}
			if at < len(l.words) {
				right = append(right, lineOf(l.words[at:]))
			}
		}
		ordered = slices.Concat(ordered, left, columnsByLine(right))
		all = all[end:]
	}
	return ordered
}

func lineOf(words []textWord) textLine {
	l := textLine{words: words, left: math.Inf(1), right: math.Inf(-1), bottom: math.Inf(1), top: math.Inf(-1)}
	for _, w := range words {
		l.left, l.right, l.bottom, l.top = min(l.left, w.left), max(l.right, w.right), min(l.bottom, w.bottom), max(l.top, w.top)
	}
	return l
}

// gutter returns how many of the first lines are columns of prose side by side, and the gap between the first and the next column.
func gutter(all []textLine) (int, span) {
	const fewest, most = 4, 300
	all = all[:min(len(all), most)]
	free := gaps(all[0])
	end := 1
	for end < len(all) && len(free) > 0 {
		if all[end].middle() >= all[end-1].bottom {
			break
		}
		narrowed := narrow(free, all[end])
		if len(narrowed) == 0 {
			break
		}
		free = narrowed
		end++
	}
	if end < fewest || len(free) == 0 {
		return 0, span{}
	}
	gap := slices.MaxFunc(free, func(a, b span) int { return int(100 * ((a.to - a.from) - (b.to - b.from))) })
	both, leftWords, rightWords, last := 0, 0, 0, 0
	for i, l := range all[:end] {
		before := 0
		for _, w := range l.words {
			if w.right <= gap.from+0.01 {
				before++
			}
		}
		if before > 0 && before < len(l.words) {
			both++
			leftWords, rightWords = leftWords+before, rightWords+len(l.words)-before
			last = i
		}
	}
	if both < fewest || 2*both < end || float64(leftWords) < 3.5*float64(both) || float64(rightWords) < 3.5*float64(both) {
		return 0, span{}
	}
	// One column may be longer. What goes on at another distance is something else.
	pitch := all[last-1].bottom - all[last].bottom
	for last+1 < end && math.Abs(all[last].bottom-all[last+1].bottom-pitch) < 0.3*pitch {
		last++
	}
	return last + 1, gap
}

// gaps returns the wide gaps between the words of a line.
func gaps(l textLine) []span {
	var all []span
	for i := 1; i < len(l.words); i++ {
		if l.words[i].left-l.words[i-1].right > 0.8*l.height() {
			all = append(all, span{l.words[i-1].right, l.words[i].left})
		}
	}
	return all
}

// narrow removes the words of a line from gaps.
func narrow(free []span, l textLine) []span {
	for _, w := range l.words {
		var next []span
		for _, f := range free {
			if w.right <= f.from || w.left >= f.to {
				next = append(next, f)
				continue
			}
			for _, part := range []span{{f.from, w.left}, {w.right, f.to}} {
				if part.to-part.from > 0.8*l.height() {
					next = append(next, part)
				}
			}
		}
		free = next
	}
	return free
}

// fill puts the values of form fields and notes into the lines beside which they stand.
func fill(all, fields []textLine) []textLine {
	for _, f := range fields {
		at := slices.IndexFunc(all, func(l textLine) bool { return sameRow(l, f) })
		if at >= 0 {
			words := append(slices.Clone(all[at].words), f.words...)
			slices.SortStableFunc(words, func(a, b textWord) int { return int(100 * (a.left - b.left)) })
			all[at] = lineOf(words)
			continue
		}
		at = slices.IndexFunc(all, func(l textLine) bool { return l.top <= f.bottom })
		if at < 0 {
			at = len(all)
		}
		all = slices.Insert(all, at, f)
	}
	return all
}

func sameRow(a, b textLine) bool {
	return math.Abs(a.middle()-b.middle()) < 0.5*min(a.height(), b.height())
}

// block is lines that follow each other downwards.
type block []textLine

func (b block) top() float64 {
	return slices.MaxFunc(b, func(x, y textLine) int { return int(100 * (x.top - y.top)) }).top
}

func (b block) bottom() float64 {
	return slices.MinFunc(b, func(x, y textLine) int { return int(100 * (x.bottom - y.bottom)) }).bottom
}

// inOrder moves what stands above everything that was written before it, such as a title that was written last or a page whose footer
// was written first.
func inOrder(all []textLine) []block {
	var blocks []block
	for i, l := range all {
		if i > 0 && l.bottom < all[i-1].bottom-0.5*l.height() && all[i-1].bottom-l.top < 3*max(l.height(), 8) {
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], l)
			continue
		}
		blocks = append(blocks, block{l})
	}
	type placed struct {
		block       block
		top, bottom float64
	}
	var order []placed
	for _, b := range blocks {
		p := placed{b, b.top(), b.bottom()}
		at := len(order)
		for at > 0 && p.bottom >= order[at-1].top-0.5 {
			at--
		}
		order = slices.Insert(order, at, p)
	}
	blocks = blocks[:0]
	for _, p := range order {
		blocks = append(blocks, p.block)
	}
	return blocks
}

// rowsByColumn puts the rows of a table together that was written column by column.
func rowsByColumn(blocks []block) []block {
	var all []block
	for _, b := range blocks {
		if len(all) > 0 && joinColumn(all[len(all)-1], b) {
			continue
		}
		all = append(all, b)
	}
	return all
}

// joinColumn adds a column to the rows on its left; false if it is none.
func joinColumn(table, column block) bool {
	if len(column) < 3 {
		return false
	}
	rows := make([]int, len(column))
	words := 0
	for i, c := range column {
		rows[i] = slices.IndexFunc(table, func(l textLine) bool { return sameRow(l, c) && l.right < c.left })
		if rows[i] < 0 {
			return false
		}
		cells := table[rows[i]].cells()
		words += max(len(c.words), len(strings.Fields(cells[len(cells)-1])))
	}
	if float64(words) > 3.5*float64(len(column)) {
		return false // Columns of prose.
	}
	for i, c := range column {
		table[rows[i]] = lineOf(append(slices.Clone(table[rows[i]].words), c.words...))
	}
	return true
}

// cells returns the texts of a line between gaps wider than those between words.
func (l textLine) cells() []string {
	var all []string
	for i, w := range l.words {
		if i == 0 || w.left-l.words[i-1].right > 1.6*l.height() {
			all = append(all, w.text)
			continue
		}
		all[len(all)-1] += " " + w.text
	}
	return all
}

// written returns blocks as text: paragraphs apart, rows of tables with bars between their cells, words in one piece.
func written(blocks []block) string {
	var b strings.Builder
	for n, block := range blocks {
		right := slices.MaxFunc(block, func(x, y textLine) int { return cmp.Compare(x.right, y.right) }).right
		for i, l := range block {
			switch {
			case i > 0 && right-block[i-1].right < 1.5*l.height() && unspaced(block[i-1].words, l.words):
				// A full line of a script without blanks.
			case i > 0 && block[i-1].bottom-l.top < 0.75*max(l.height(), 6):
				b.WriteString("\n")
			case i > 0 || n > 0:
				b.WriteString("\n\n")
			}
			separator := "  "
			cells := l.cells()
			if len(cells) > 1 && (i > 0 && len(block[i-1].cells()) > 1 || i+1 < len(block) && len(block[i+1].cells()) > 1) {
				separator = " | "
			}
			b.WriteString(strings.Join(cells, separator))
		}
	}
	return unhyphenated(b.String())
}

// unspaced reports whether a line goes on in the next one without a blank, as in Chinese and Japanese.
func unspaced(line, next []textWord) bool {
	last, _ := utf8.DecodeLastRuneInString(line[len(line)-1].text)
	first, _ := utf8.DecodeRuneInString(next[0].text)
	return wide(last) && wide(first)
}

func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r >= 0x3000 && r < 0x3040 || r >= 0xFF00 && r < 0xFF61
}

// unhyphenated joins words that were divided at the end of a line.
func unhyphenated(text string) string {
	var b strings.Builder
	rest := text
	for {
		line, after, more := strings.Cut(rest, "\n")
		head, mark := divided(line)
		next := after[:strings.IndexAny(after+" ", " \n")]
		first, _ := utf8.DecodeRuneInString(next)
		if !more || head == "" || !unicode.IsLower(first) {
			b.WriteString(line)
			if !more {
				return b.String()
			}
			b.WriteString("\n")
			rest = after
			continue
		}
		b.WriteString(head)
		if word := head[strings.LastIndexByte(head, ' ')+1:]; mark == '-' && strings.ContainsRune(word, '-') {
			b.WriteString("-") // "state-of-" and "the-art".
		}
		// The line ends behind the word, unless the word is divided itself.
		if _, again := divided(next); again != 0 {
			rest = after
			continue
		}
		b.WriteString(next)
		rest = after[len(next):]
		if strings.HasPrefix(rest, " ") {
			rest = "\n" + rest[1:]
		}
	}
}

// divided returns a line without the hyphen at its end, and the hyphen.
func divided(line string) (string, rune) {
	mark, size := utf8.DecodeLastRuneInString(line)
	if !strings.ContainsRune("-\u2010\u00AD\u0002\uFFFE", mark) {
		return "", 0
	}
	head := line[:len(line)-size]
	if before, _ := utf8.DecodeLastRuneInString(head); !unicode.IsLetter(before) {
		return "", 0
	}
	return head, mark
}
