package split

import (
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// TestBorders: chunks end where people would end them.
func TestBorders(t *testing.T) {
	code := "```go\nfunc a() {\n\n\treturn\n}\n```\n"
	table := "| a | b |\n| - | - |\n| 1 | 2 |\n"
	for name, test := range map[string]struct {
		text   string
		size   float64
		by     protocol.SplitBy
		want   []string // Without white space around them.
		places []string
	}{
		"paragraphs": {"One two.\n\nThree four.\n\nFive six.\n", 8, "", []string{"One two.\n\nThree four.", "Five six."}, []string{"lines 1–3", "line 5"}},
		"sentences":  {"It cost 3.14 in all. It was new! \"Was it?\" He did not say.", 8, "", []string{"It cost 3.14 in all.", "It was new! \"Was it?\"", "He did not say."}, nil},
		"words":      {"a bb ccc dddd eeeee ffffff", 3, "", []string{"a bb ccc", "dddd", "eeeee", "ffffff"}, nil},
		"headings": {"# A\n\nText.\n\n## Costs\n\nThey rise.\n\n## Ends\n\nNever.\n", 11, protocol.SplitByHeading,
			[]string{"# A\n\nText.\n\n## Costs\n\nThey rise.", "## Ends\n\nNever."}, []string{"# A, lines 1–7", "## Ends, lines 9–11"}},
		"a heading stays with its text": {strings.Repeat("word ", 9) + "\n\n## Costs\n\nThey rise.\n", 19, "", []string{strings.TrimSpace(strings.Repeat("word ", 9)), "## Costs\n\nThey rise."}, nil},
		"headings in a row stay with their text": {"# Diary\n\n## Monday\n\n" + strings.Repeat("It rained. ", 3) + "It rained.\n\n## Tuesday\n\nSun.\n", 16, protocol.SplitByHeading,
			[]string{"# Diary\n\n## Monday\n\nIt rained. It rained.", "It rained. It rained.\n\n## Tuesday\n\nSun."}, []string{"# Diary, lines 1–5", "## Monday, lines 5–9"}},
		"a heading at the end stays with its text": {"# A\n\nOne two.\n\n# B\n\n## C\n\n" + strings.Repeat("It rained. ", 4), 13, protocol.SplitByHeading,
			[]string{"# A\n\nOne two.", "# B\n\n## C\n\nIt rained. It rained.", "It rained. It rained."}, nil},
		"a heading stays with words": {"# Why?\n\n" + strings.Repeat("word ", 12), 10, protocol.SplitByHeading, []string{"# Why?\n\nword word word word", "word word word word word word", "word word"}, nil},
		"lines are whole":            {"# a\nbb cc dd\n", 3.5, protocol.SplitByLine, []string{"# a", "bb cc dd"}, nil},
		"code":                       {"Text before.\n\n" + code + "\nText.\n", 12, "", []string{"Text before.", strings.TrimSpace(code), "Text."}, nil},
		"no heading in code":         {"```\n# none\n\n# none\n```\n", 100, protocol.SplitByHeading, []string{"```\n# none\n\n# none\n```"}, []string{"lines 1–5"}},
		"a table":                    {"Text before.\n\n" + table + "\nText after.\n", 11, "", []string{"Text before.", strings.TrimSpace(table), "Text after."}, nil},
		"rows of a table":            {table, 6, "", []string{"| a | b |", "| - | - |", "| 1 | 2 |"}, nil},
		"lines":                      {"a: 1\nb: 2\nc: 3\n", 4, protocol.SplitByLine, []string{"a: 1\nb: 2", "c: 3"}, []string{"lines 1–2", "line 3"}},
		"Japanese":                   {"一つ目の文。二つ目の文。", 8, "", []string{"一つ目の文。", "二つ目の文。"}, nil},
		"a long word":                {strings.Repeat("x", 9), 1.1, "", []string{"xxx", "xxx", "xxx"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			of := Document{Title: "t", Parts: []Part{{Text: test.text}}}
			o := Options{Size: test.size, By: test.by, Tokens: Estimate}
			chunks := check(t, of, o)
			whole := newText(of)
			var got, places []string
			for _, c := range chunks {
				got = append(got, strings.TrimSpace(whole.all[c.From:c.End]))
				places = append(places, whole.placeOf(c, o.By))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if test.places != nil && !slices.Equal(places, test.places) {
				t.Errorf("%q, want %q", places, test.places)
			}
		})
	}
}

// TestPages: chunks are whole pages, under their numbers.
func TestPages(t *testing.T) {
	var parts []Part
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		parts = append(parts, Part{Kind: "page", Name: name, Text: "This is page " + name + ". It ends."})
	}
	of := Document{Title: "report.pdf", Parts: append(parts, Part{Kind: "attachment", Name: "a.txt", Text: "Attached."})}
	o := Options{Size: 22, By: protocol.SplitByPage, Tokens: Estimate}
	titled := newText(Document{Parts: []Part{{Kind: "page", Name: "1", Text: "# Title"}, {Kind: "page", Name: "2", Text: "This is page 2. It ends."}}})
	if chunks := titled.split(Chunk{End: len(titled.all)}, Options{Size: 9, By: protocol.SplitByPage, Tokens: Estimate}); len(chunks) != 2 || chunks[1].Start != titled.at[1] {
		t.Errorf("a page of a heading: %+v", chunks)
	}
	whole := newText(of)
	var got []string
	for _, c := range check(t, of, o) {
		got = append(got, whole.content(c, o.By))
	}
	want := []string{
		"# report.pdf (pages 1–2)\n\nThis is page 1. It ends.\n\nThis is page 2. It ends.",
		"# report.pdf (pages 3–4)\n\nThis is page 3. It ends.\n\nThis is page 4. It ends.",
		"# report.pdf (page 5 to attachment a.txt)\n\nThis is page 5. It ends.\n\nAttached.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestOverlap: a chunk begins with the last sentences of the one before.
func TestOverlap(t *testing.T) {
	of := Document{Title: "t", Parts: []Part{{Text: "One is here. Two is here. Three is here. Four is here."}}}
	o := Options{Size: 14, Overlap: 5, Tokens: Estimate}
	whole := newText(of)
	var got []string
	for _, c := range check(t, of, o) {
		got = append(got, strings.TrimSpace(whole.all[c.From:c.End]))
	}
	want := []string{"One is here. Two is here. Three is here.", "Three is here. Four is here."}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
