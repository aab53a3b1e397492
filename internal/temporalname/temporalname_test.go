package temporalname

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ name, problem, slug string }{
		{"report-1_x", "", "report-1_x"},
		{"two words: yes!", "", "two-words-yes"},
		{"", "is empty", ""},
		{"gpu ", "begins or ends with a space", "gpu"},
		{"rapport-été", `contains "é"`, "rapport-ete"},
		{"Größe prüfen", `contains "ö", "ß", "ü"`, "grosse-prufen"},
		{"zażółć gęślą", `contains "ż", "ó", "ł" and 4 more`, "zazolc-gesla"},
		{"Отчёт", `contains "О", "т", "ч" and 1 more`, "otchiot"},
		{"要約", `contains "要", "約"`, "yao-yue"},
		{"report 🚀", `contains "🚀"`, "report"},
		{"🚀", `contains "🚀"`, ""},
		{"?!…", `contains "…"`, ""},
		{"a\tb", `contains "\t"`, "a-b"},
		{strings.Repeat("x", 1000), "", strings.Repeat("x", 40)},
		{strings.Repeat("x", 1001), "is 1001 characters long, and 1000 is the limit", strings.Repeat("x", 40)},
		{strings.Repeat("字", 5000), `contains "字"`, ""},
	} {
		if got := Problem(c.name); got != c.problem {
			t.Errorf("%.40q: got the problem %q, want %q", c.name, got, c.problem)
		}
		got := Slug(c.name, 40)
		if c.slug != "" && got != c.slug || len(got) > 40 || got != "" && Problem(got) != "" {
			t.Errorf("%.40q: got the slug %q, want %q", c.name, got, c.slug)
		}
	}
	if got, want := Hint("été"), `, for example "ete"`; !strings.HasSuffix(got, want) {
		t.Errorf("got the hint %q", got)
	}
	if got := Hint("🚀"); strings.Contains(got, "example") {
		t.Errorf("got the hint %q", got)
	}
}
