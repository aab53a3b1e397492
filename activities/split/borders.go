package split

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// span is a range of a text.
type span struct{ start, end int }

// level returns the units of a range of a text: they follow each other without a gap. White space belongs to the unit before it.
type level func(t *text, start, end int) []span

// levelsOf returns the units at whose borders chunks end. Those of a later one are used where a unit is too long by itself.
func levelsOf(by protocol.SplitBy) []level {
	finer := []level{paragraphs, sentences, lines, words, characters}
	switch by {
	case protocol.SplitByPage:
		return append([]level{pages, sections}, finer...)
	case protocol.SplitByHeading:
		return append([]level{sections}, finer...)
	case protocol.SplitByLine:
		return []level{lines, sentences, words, characters}
	}
	return finer
}

// cuts makes units of the places at which they begin. Those within the range count.
func cuts(start, end int, at []int) []span {
	units := make([]span, 0, len(at)+1)
	for _, place := range at {
		if place > start && place < end {
			units = append(units, span{start, place})
			start = place
		}
	}
	if start < end {
		units = append(units, span{start, end})
	}
	return units
}

// pages are the parts of the document.
func pages(t *text, start, end int) []span { return cuts(start, end, t.at) }

// sections begin with a heading, or with several in a row.
func sections(t *text, start, end int) []span {
	var at []int
	heading := false
	eachLine(t.all, start, end, func(l line) {
		if l.heading && !heading {
			at = append(at, l.start)
		}
		heading = l.heading || heading && l.blank
	})
	return cuts(start, end, at)
}

// paragraphs are what blank lines and parts separate. A block of code is one, and a heading belongs to what follows it.
func paragraphs(t *text, start, end int) []span {
	var units []span
	for _, page := range pages(t, start, end) {
		var at []int
		blank, heading := false, false
		eachLine(t.all, page.start, page.end, func(l line) {
			if l.blank {
				blank = true
				return
			}
			if (blank || l.heading) && !heading && !l.inCode {
				at = append(at, l.start)
			}
			blank, heading = false, l.heading
		})
		units = append(units, cuts(page.start, page.end, at)...)
	}
	return units
}

// lines end with a line break.
func lines(t *text, start, end int) []span {
	var at []int
	eachLine(t.all, start, end, func(l line) {
		if !l.blank {
			at = append(at, l.start)
		}
	})
	return cuts(start, end, at)
}

// sentences end with a mark that is followed by white space, and where the next element of a list, row of a table or line of code
// begins.
func sentences(t *text, start, end int) []span {
	var at []int
	eachLine(t.all, start, end, func(l line) {
		if l.inCode || l.element {
			at = append(at, l.start)
			if l.inCode {
				return
			}
		}
		ended, next := false, false // Whether a sentence has ended, and whether the next one begins here.
		for i, r := range t.all[l.start:l.end] {
			switch {
			case unicode.IsSpace(r):
				next = ended
				continue
			case strings.ContainsRune("。！？", r):
				ended, next = true, true
				continue
			case strings.ContainsRune(".!?…", r) && !next:
				ended = true
				continue
			case ended && strings.ContainsRune(`"')]}»”’*_`+"`"+"」』）", r) && !(next && unicode.IsSpace(before(t.all[:l.start+i]))):
				continue
			case next:
				at = append(at, l.start+i)
			}
			ended, next = false, false
		}
		if ended {
			at = append(at, l.end)
		}
	})
	return cuts(start, end, at)
}

// before is the last character of a text.
func before(text string) rune {
	r, _ := utf8.DecodeLastRuneInString(text)
	return r
}

// words are separated by white space.
func words(t *text, start, end int) []span {
	var at []int
	space := false
	for i, r := range t.all[start:end] {
		is := unicode.IsSpace(r)
		if space && !is {
			at = append(at, start+i)
		}
		space = is
	}
	return cuts(start, end, at)
}

// characters are what a word consists of that is longer than a chunk, or a text without white space.
func characters(t *text, start, end int) []span {
	var at []int
	joined := false
	for i, r := range t.all[start:end] {
		const joiner = '\u200d'
		if !joined && r != joiner && !unicode.Is(unicode.M, r) && !(unicode.IsSpace(r) && i > 0) {
			at = append(at, start+i)
		}
		joined = r == joiner
	}
	return cuts(start, end, at)
}

// line is a line of Markdown.
type line struct {
	start, end int // With its line break.
	blank      bool
	heading    bool
	inCode     bool // Between the fences of a block of code, or the fence at its end.
	element    bool // It begins an element of a list, or is a row of a table.
}

// eachLine calls f with every line of a range.
func eachLine(all string, start, end int, f func(line)) {
	fence := ""
	for at := start; at < end; {
		next := end
		if i := strings.IndexByte(all[at:end], '\n'); i >= 0 {
			next = at + i + 1
		}
		text := strings.TrimSpace(all[at:next])
		l := line{start: at, end: next, blank: text == "", inCode: fence != ""}
		switch mark := fenceOf(text); {
		case fence == "" && mark != "":
			fence = mark
		case fence != "" && strings.HasPrefix(mark, fence) && strings.Trim(text, mark[:1]) == "":
			fence = ""
		case fence == "":
			l.heading, l.element = isHeading(text), isElement(text)
		}
		f(l)
		at = next
	}
}

// fenceOf returns the characters with which a block of code begins or ends; empty if the line is none.
func fenceOf(text string) string {
	for _, mark := range []string{"`", "~"} {
		rest := strings.TrimLeft(text, mark)
		if n := len(text) - len(rest); n >= 3 {
			return text[:n]
		}
	}
	return ""
}

func isHeading(text string) bool {
	rest := strings.TrimLeft(text, "#")
	n := len(text) - len(rest)
	return n >= 1 && n <= 6 && strings.HasPrefix(rest, " ")
}

func isElement(text string) bool {
	if strings.HasPrefix(text, "|") || strings.HasPrefix(text, "- ") || strings.HasPrefix(text, "* ") || strings.HasPrefix(text, "+ ") {
		return true
	}
	rest := strings.TrimLeft(text, "0123456789")
	return rest != text && (strings.HasPrefix(rest, ". ") || strings.HasPrefix(rest, ") "))
}

// firstWords are the first characters of a text, for a place.
func firstWords(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:most])) + "…"
}
