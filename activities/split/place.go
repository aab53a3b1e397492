package split

import (
	"fmt"
	"sort"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// placeOf names the place of a chunk in its document: "pages 3–5", "## Costs, lines 12–40", "lines 120–180".
func (t *text) placeOf(c Chunk, by protocol.SplitBy) string {
	from, to := t.contentOf(c)
	if t.hasParts() {
		first, last := t.partAt(from), t.partAt(max(to-1, from))
		if shown := t.imagesOf(c); len(shown) > 0 {
			first, last = min(first, shown[0].Part), max(last, shown[len(shown)-1].Part)
		}
		return t.partsOf(first, last)
	}
	place := t.linesOf(from, to)
	if heading := t.headingOf(from, to); heading != "" && by != protocol.SplitByLine {
		return heading + ", " + place
	}
	return place
}

// contentOf is the range of a chunk without white space around it.
func (t *text) contentOf(c Chunk) (from, to int) {
	own := t.all[c.From:c.End]
	from = c.From + len(own) - len(strings.TrimLeft(own, " \t\r\n"))
	to = c.From + len(strings.TrimRight(own, " \t\r\n"))
	return min(from, to), max(from, to)
}

// partAt returns the index of the part that has a byte.
func (t *text) partAt(at int) int {
	return max(sort.SearchInts(t.at, at+1)-1, 0)
}

// imagesOf returns the images of the parts that begin in a chunk, without its overlap.
func (t *text) imagesOf(c Chunk) (images []Image) {
	for _, image := range t.shown {
		at := 0
		if image.Part < len(t.at) {
			at = t.at[image.Part]
		}
		if at >= c.Start && at < c.End || at == c.End && at == len(t.all) {
			images = append(images, image)
		}
	}
	return images
}

// partsOf names parts by the indexes of the first and the last.
func (t *text) partsOf(from, to int) string {
	first, last := t.parts[from], t.parts[to]
	switch {
	case first == last && first.Name == "":
		return first.Kind
	case first == last:
		return first.Kind + " " + first.Name
	case first.Kind == last.Kind:
		return fmt.Sprintf("%ss %s–%s", first.Kind, first.Name, last.Name)
	}
	return fmt.Sprintf("%s %s to %s %s", first.Kind, first.Name, last.Kind, last.Name)
}

func (t *text) linesOf(from, to int) string {
	t.index()
	first := sort.SearchInts(t.breaks, from) + 1
	last := sort.SearchInts(t.breaks, to) + 1
	if first == last {
		return fmt.Sprintf("line %d", first)
	}
	return fmt.Sprintf("lines %d–%d", first, last)
}

// headingOf returns the heading of the section in which a range begins; empty if there is none before it.
func (t *text) headingOf(from, to int) string {
	t.index()
	next := sort.Search(len(t.headings), func(i int) bool { return t.headings[i].start > from })
	switch {
	case next > 0:
		next--
	case next == len(t.headings) || t.headings[next].start >= to:
		return ""
	}
	const longest = 80
	return firstWords(strings.TrimSpace(t.all[t.headings[next].start:t.headings[next].end]), longest)
}

// index finds the lines and the headings.
func (t *text) index() {
	if t.indexed {
		return
	}
	t.indexed = true
	eachLine(t.all, 0, len(t.all), func(l line) {
		if t.all[l.end-1] == '\n' {
			t.breaks = append(t.breaks, l.end-1)
		}
		if l.heading {
			t.headings = append(t.headings, span{l.start, l.end})
		}
	})
}

// content is what the model gets of a chunk: under the title of its document and its place.
func (t *text) content(c Chunk, by protocol.SplitBy) string {
	from, to := t.contentOf(c)
	return fmt.Sprintf("# %s (%s)\n\n%s", t.title, t.placeOf(c, by), t.all[from:to])
}
