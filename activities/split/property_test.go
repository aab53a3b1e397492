package split

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

var allBy = []protocol.SplitBy{protocol.SplitByParagraph, protocol.SplitByHeading, protocol.SplitByPage, protocol.SplitByLine, ""}

// check finds what is lost or wrong in the chunks of a document.
func check(t *testing.T, of Document, o Options) []Chunk {
	t.Helper()
	whole := newText(of)
	chunks := whole.split(Chunk{End: len(whole.all)}, o)
	var joined strings.Builder
	end := 0
	for i, c := range chunks {
		if c.Start != end || c.End < c.Start || c.From > c.Start {
			t.Fatalf("chunk %d is %+v after %d", i, c, end)
		}
		if len(whole.all) > 0 && c.Start == c.End {
			t.Fatalf("chunk %d is empty", i)
		}
		end = c.End
		joined.WriteString(whole.all[c.Start:c.End])
		if utf8.ValidString(whole.all) && !utf8.ValidString(whole.all[c.From:c.End]) {
			t.Fatalf("chunk %d has a part of a character: %q", i, whole.all[c.From:c.End])
		}
		if o.Overlap == 0 && c.From != c.Start {
			t.Fatalf("chunk %d has an overlap: %+v", i, c)
		}
		if i > 0 && c.From < chunks[i-1].Start {
			t.Fatalf("the overlap of chunk %d is longer than the chunk before", i)
		}
		if repeated := o.Tokens(whole.all[c.From:c.Start]); repeated > o.Overlap+1e-6 {
			t.Fatalf("the overlap of chunk %d has %v tokens", i, repeated)
		}
		own := whole.all[c.Start:c.End]
		if tokens := o.Tokens(strings.TrimRightFunc(whole.all[c.From:c.End], unicode.IsSpace)); tokens > o.Size+1e-6 && len(characters(whole, c.Start, c.End)) > 1 {
			t.Fatalf("chunk %d has %v tokens of %v: %q", i, tokens, o.Size, own)
		}
		if place := whole.placeOf(c, o.By); place == "" {
			t.Fatalf("chunk %d has no place", i)
		}
		if i == 0 {
			continue
		}
		// It ends within a word only if the word is longer than a chunk.
		before, _ := utf8.DecodeLastRuneInString(whole.all[:c.Start])
		if !unicode.IsSpace(before) && !endsSentence(whole.all[:c.Start]) {
			word := wordAt(whole.all, c.Start)
			if o.Tokens(word) <= o.Size-o.Overlap {
				t.Fatalf("chunk %d begins within the word %q: %q ‖ %q", i, word, whole.all[chunks[i-1].Start:c.Start], own)
			}
		}
	}
	if joined.String() != whole.all {
		t.Fatalf("the chunks are not the text: %d bytes of %d", joined.Len(), len(whole.all))
	}
	return chunks
}

// endsSentence reports whether a sentence ends at a place, without a space after it: in Chinese and Japanese.
func endsSentence(before string) bool {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRight(before, `"')]}»”’*_`+"`"+`」』）`))
	return strings.ContainsRune("。！？", last)
}

func wordAt(all string, at int) string {
	start := strings.LastIndexFunc(all[:at], unicode.IsSpace)
	_, size := utf8.DecodeRuneInString(all[max(start, 0):])
	if start < 0 {
		start, size = 0, 0
	}
	end := strings.IndexFunc(all[at:], unicode.IsSpace)
	if end < 0 {
		end = len(all) - at
	}
	return all[start+size : at+end]
}

// randomText makes a text with what Markdown has.
func randomText(r *rand.Rand) string {
	var b strings.Builder
	word := func() string {
		all := []string{"costs", "a", "über", "Straße", "3.14", "e.g.", "длинный", "文章。", "日本語のテキスト", "🙂", "👩‍👩‍👧", "é", "https://example.org/a?b=c#d", strings.Repeat("x", 1+r.IntN(60))}
		return all[r.IntN(len(all))]
	}
	for range r.IntN(30) {
		switch r.IntN(7) {
		case 0:
			fmt.Fprintf(&b, "%s %s %s\n", strings.Repeat("#", 1+r.IntN(6)), word(), word())
		case 1:
			b.WriteString("```go\n")
			for range r.IntN(8) {
				fmt.Fprintf(&b, "\t%s(%s)\n\n# no heading\n", word(), word())
			}
			if r.IntN(5) > 0 {
				b.WriteString("```\n")
			}
		case 2:
			for range r.IntN(8) {
				fmt.Fprintf(&b, "| %s | %s |\n", word(), word())
			}
		case 3:
			b.WriteString(strings.Repeat([]string{"\n", " ", "\t", "\r\n"}[r.IntN(4)], r.IntN(5)))
		case 4:
			for range r.IntN(6) {
				fmt.Fprintf(&b, "- %s %s\n", word(), word())
			}
		default:
			for range r.IntN(40) {
				b.WriteString(word())
				b.WriteString([]string{" ", ". ", "! ", "\n", "? ", ", "}[r.IntN(6)])
			}
		}
		if r.IntN(3) > 0 {
			b.WriteString("\n\n")
		}
	}
	return b.String()
}

// TestNoSentenceIsLost joins the chunks of random documents back to their text.
func TestNoSentenceIsLost(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 20))
		of := Document{Title: "report.md"}
		for page := range 1 + r.IntN(4) {
			part := Part{Text: randomText(r)}
			if seed%2 == 0 {
				part.Kind, part.Name = "page", fmt.Sprint(page+1)
			}
			of.Parts = append(of.Parts, part)
		}
		size := float64(5 + r.IntN(200))
		o := Options{Size: size, By: allBy[r.IntN(len(allBy))], Tokens: Estimate}
		if r.IntN(2) == 0 {
			o.Overlap = size * r.Float64() / 2
		}
		check(t, of, o)
		if t.Failed() {
			t.Fatalf("seed %d: %+v", seed, o)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("# Costs\n\nThe costs are 3.14. They rise.\n\n```\ncode\n```\n", uint8(10), uint8(3), uint8(0))
	f.Add("日本語のテキスト。二つ目の文。", uint8(4), uint8(1), uint8(3))
	f.Add("a\u0301\u0301 b\u200dc \xff\xfe d", uint8(1), uint8(0), uint8(2))
	f.Fuzz(func(t *testing.T, text string, size, overlap, by uint8) {
		o := Options{Size: float64(size) + 1, By: allBy[int(by)%len(allBy)], Tokens: Estimate}
		o.Overlap = min(float64(overlap), o.Size/2)
		whole := newText(Document{Title: "t", Parts: []Part{{Text: text}}})
		end := 0
		for i, c := range whole.split(Chunk{End: len(whole.all)}, o) {
			if c.Start != end || c.From > c.Start || c.End <= c.Start && text != "" {
				t.Fatalf("chunk %d is %+v after %d", i, c, end)
			}
			if tokens := Estimate(strings.TrimRightFunc(whole.all[c.From:c.End], unicode.IsSpace)); tokens > o.Size+1e-6 && len(characters(whole, c.Start, c.End)) > 1 {
				t.Fatalf("chunk %d has %v tokens of %v", i, tokens, o.Size)
			}
			whole.content(c, o.By)
			end = c.End
		}
		if end != len(whole.all) {
			t.Fatalf("the chunks end at %d of %d", end, len(whole.all))
		}
	})
}
