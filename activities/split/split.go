// Package split reads documents that are longer than the context of a model: in chunks that end at natural borders, one after
// the other, whose answers it combines. Splitting is pure. What asks the model and what records its answers are given to it: it
// knows no server, no store and no Temporal.
package split

import (
	"slices"
	"strings"
	"unicode"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Document is a text to split, with the places of its parts.
type Document struct {
	Title string // As the model and people read it: the name of the file.
	Parts []Part // In their order; one without a kind where the document has no pages.

	Images   []Image  // Of its parts without text, in the order of the parts.
	Warnings []string // About what could not be read of it.
}

// Part is a page of a document, or whatever it has instead.
type Part struct {
	Kind string // "page", "slide", "sheet"; empty if the document has no such parts.
	Name string // "3", "Budget".
	Text string // Markdown.
}

// Image is what is sent of a part without text.
type Image struct {
	Part int // Index of the part.
	Page int // Of a protocol.PageImage.
}

// Chunk is a range of the text of a document. The chunks of a document follow each other without a gap.
type Chunk struct {
	Document int `json:"document"` // Its index.
	From     int `json:"from"`     // First byte, with what is repeated of the chunk before.
	Start    int `json:"start"`    // First byte that no chunk before has.
	End      int `json:"end"`
}

// Options of a split.
type Options struct {
	Size    float64 // Maximum number of tokens of a chunk, with its overlap.
	Overlap float64 // Of them, those that are repeated of the chunk before.
	By      protocol.SplitBy
	// Tokens estimates the tokens of a text. The estimate of two texts together is the sum of theirs.
	Tokens func(text string) float64
}

// separator is between the parts of a text.
const separator = "\n\n"

// text is a document as one text.
type text struct {
	title string
	all   string
	parts []Part // Without their texts,
	at    []int  // and where they begin.
	shown []Image

	indexed  bool
	breaks   []int // Of lines.
	headings []span
}

func newText(of Document) *text {
	t := &text{title: of.Title, shown: of.Images}
	size := 0
	for _, part := range of.Parts {
		size += len(part.Text) + len(separator)
	}
	joined := make([]byte, 0, size)
	for i, part := range of.Parts {
		if i > 0 {
			joined = append(joined, separator...)
		}
		t.parts, t.at = append(t.parts, Part{Kind: part.Kind, Name: part.Name}), append(t.at, len(joined))
		joined = append(joined, part.Text...)
	}
	t.all = string(joined)
	return t
}

// withoutEmptyParts is the text as it is sent where nothing is split.
func (t *text) withoutEmptyParts() string {
	var parts []string
	for i, at := range t.at {
		end := len(t.all)
		if i+1 < len(t.at) {
			end = t.at[i+1] - len(separator)
		}
		if at < end {
			parts = append(parts, t.all[at:end])
		}
	}
	return strings.Join(parts, separator)
}

// hasParts reports whether the document has pages, or parts of another kind.
func (t *text) hasParts() bool {
	return slices.ContainsFunc(t.parts, func(p Part) bool { return p.Kind != "" })
}

// split returns the chunks of a range of the text. The first of them begins with what the range begins with.
func (t *text) split(of Chunk, o Options) []Chunk {
	p := &packer{text: t, options: o, levels: levelsOf(o.By), chunk: of}
	p.chunk.End = of.Start
	p.tokens = o.Tokens(t.all[of.From:of.Start])
	p.add(of.Start, of.End, 0)
	p.flush()
	if p.chunks == nil {
		return []Chunk{of}
	}
	return p.chunks
}

// Estimated returns what a model would get of documents that are split, chunk by chunk, without asking a server how long they are: its
// own count may move the borders. Nil: they are read at once, as far as is known, which a split without a size never is.
func Estimated(documents []Document, how protocol.Split) (contents []string) {
	texts, all := make([]*text, len(documents)), 0.0
	for i, of := range documents {
		texts[i] = newText(of)
		all += Estimate(texts[i].all)
	}
	size := float64(how.Size)
	if all <= size || size == 0 {
		return nil
	}
	for i, t := range texts {
		for _, c := range t.split(Chunk{Document: i, End: len(t.all)}, Options{Size: size, Overlap: min(float64(how.Overlap), size/2), By: how.By, Tokens: Estimate}) {
			contents = append(contents, t.content(c, how.By))
		}
	}
	return contents
}

// packer puts as much into each chunk as fits.
type packer struct {
	text    *text
	options Options
	levels  []level
	chunks  []Chunk
	chunk   Chunk   // The one that is being filled,
	tokens  float64 // and those that it has, with its overlap.
}

// add adds a range that is a unit of the level above, or all.
func (p *packer) add(start, end, at int) {
	for _, unit := range p.levels[at](p.text, start, end) {
		all := p.text.all[unit.start:unit.end]
		content := strings.TrimRightFunc(all, unicode.IsSpace) // White space at the end of a chunk is not sent.
		tokens := p.options.Tokens(content)
		if p.tokens+tokens > p.options.Size && p.chunk.End > p.chunk.Start && !p.awaitsText(at) {
			p.flush()
		}
		if last := at == len(p.levels)-1; last || p.tokens+tokens <= p.options.Size {
			p.chunk.End = unit.end
			p.tokens += tokens + p.options.Tokens(all[len(content):])
			continue
		}
		p.add(unit.start, unit.end, at+1)
	}
}

// awaitsText reports whether the chunk has nothing but headings, which are kept with a part of what follows them. Neither pages and
// lines that were asked for are split for that, nor words.
func (p *packer) awaitsText(at int) bool {
	switch {
	case p.options.By == protocol.SplitByLine, p.options.By == protocol.SplitByPage && at == 0:
		return false
	case at >= len(p.levels)-2: // Words and characters.
		return false
	}
	only := true
	eachLine(p.text.all, p.chunk.Start, p.chunk.End, func(l line) { only = only && (l.blank || l.heading) })
	return only
}

// flush ends a chunk and begins the next one with the end of it.
func (p *packer) flush() {
	if p.chunk.End == p.chunk.Start {
		return
	}
	p.chunks = append(p.chunks, p.chunk)
	end := p.chunk.End
	from := p.overlapFrom(p.chunk.Start, end)
	p.chunk = Chunk{Document: p.chunk.Document, From: from, Start: end, End: end}
	p.tokens = p.options.Tokens(p.text.all[from:end])
}

// overlapFrom returns where the overlap with a chunk begins: where a sentence does, or else a word.
func (p *packer) overlapFrom(start, end int) int {
	if p.options.Overlap <= 0 {
		return end
	}
	from := end
	for _, units := range []level{sentences, words} {
		all := units(p.text, start, end)
		tokens := 0.0
		for _, unit := range slices.Backward(all) {
			tokens += p.options.Tokens(p.text.all[unit.start:unit.end])
			if tokens > p.options.Overlap {
				break
			}
			from = unit.start
		}
		if from < end {
			break
		}
	}
	return from
}
