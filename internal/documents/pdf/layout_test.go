package pdf

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

// row returns the characters of a text at these left and right edges, on one baseline.
func row(text string, edges ...float64) []glyph {
	var glyphs []glyph
	for i, r := range []rune(text) {
		glyphs = append(glyphs, glyph{char: r, left: edges[2*i], right: edges[2*i+1], bottom: 100, top: 107})
	}
	return glyphs
}

func TestLigatureIsNoEndOfAWord(t *testing.T) {
	// As PDFium reads "differ" set with one glyph for "ff", and two words that end in "ff".
	for _, c := range []struct {
		glyphs []glyph
		want   string
	}{
		{row("diff er", 288.4, 293.2, 293.6, 295.8, 296.2, 302.5, 296.2, 302.5, 298.8, 301.1, 302.0, 305.6, 306.2, 309.5), "differ"},
		{row("off it", 280, 285, 286, 292, 286, 292, 292, 294, 294.5, 296, 296.5, 299), "off it"},
	} {
		if got := pageText(c.glyphs, len(c.glyphs)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestRightToLeftKeepsBlanksOfTheReader(t *testing.T) {
	// Far apart, but in order: the letters are one word.
	glyphs := row("שלום", 40, 44, 30, 34, 20, 24, 10, 14)
	if got := pageText(glyphs, len(glyphs)); got != "שלום" {
		t.Errorf("got %q", got)
	}
	// Out of order: the places decide.
	glyphs = row("םולש", 10, 14, 15, 19, 20, 24, 25, 29)
	if got := pageText(glyphs, len(glyphs)); got != "שלום" {
		t.Errorf("got %q", got)
	}
}

func TestDividedWords(t *testing.T) {
	for text, want := range map[string]string{
		"a recom\u2010\nmends extraordi\u2010\nnary end": "a recommends\nextraordinary\nend",
		"state-of-\nthe-art it":                          "state-of-the-art\nit",
		"the years 1990-\n1995":                          "the years 1990-\n1995",
		"for Smith-\nJones":                              "for Smith-\nJones",
		"inter-\nnational":                               "international",
		"a -\nb":                                         "a -\nb",
	} {
		if got := unhyphenated(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestValuesStandBesideTheirLabels(t *testing.T) {
	down := func(glyphs []glyph, by float64) []glyph {
		for i := range glyphs {
			glyphs[i].bottom, glyphs[i].top = glyphs[i].bottom-by, glyphs[i].top-by
		}
		return glyphs
	}
	line := []glyph{{char: '\n'}}
	page := slices.Concat(row("To:", 10, 14, 15, 19, 20, 21), line, down(row("By:", 10, 14, 15, 19, 20, 21), 20), line, down(row("End", 10, 14, 15, 19, 20, 24), 40), line)
	values := slices.Concat(row("Al", 60, 64, 65, 67), line, down(row("Bo", 60, 64, 65, 69), 20))
	if got, want := pageText(slices.Concat(page, values), len(page)), "To: | Al\n\nBy: | Bo\n\nEnd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzPageText orders characters at any places: each letter is in the text once.
func FuzzPageText(f *testing.F) {
	f.Add([]byte("one two\nthree 10\r\nשלום 12 abc"), []byte{0, 1, 2, 3, 40, 200, 7, 9}, 5)
	f.Add([]byte("a-\nb c d e\nf g h i j\nk l"), []byte{255, 0, 0, 255}, 0)
	f.Fuzz(func(t *testing.T, text, places []byte, filled int) {
		if len(places) == 0 || filled < 0 {
			return
		}
		var glyphs []glyph
		var want []rune
		for i, r := range []rune(strings.ToValidUTF8(string(text), "")) {
			at := func(n int) float64 { return float64(places[(4*i+n)%len(places)]) }
			left, bottom := 4*at(0)+5*float64(i), 3*at(1)
			glyphs = append(glyphs, glyph{r, left, left + at(2)/16, bottom, bottom + at(3)/16, int(at(2)) / 64})
			if unicode.IsLetter(r) {
				want = append(want, r)
			}
		}
		var got []rune
		for _, r := range pageText(glyphs, min(filled, len(glyphs))) {
			if unicode.IsLetter(r) {
				got = append(got, r)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !strings.ContainsAny(string(text), "ﬀﬁﬂﬃﬄﬅﬆ") && !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", string(got), string(want))
		}
	})
}
