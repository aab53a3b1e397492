package protocol

import (
	"strings"
	"testing"
)

func TestTemporalNames(t *testing.T) {
	for _, c := range []struct{ name, problem, near string }{
		{"report-1_x", "", "report-1_x"},
		{"two words: yes!", "", "two-words:-yes!"},
		{"", "is empty", ""},
		{"gpu ", "begins or ends with a space", "gpu"},
		{"rapport-été", `contains "é"`, "rapport-ete"},
		{"Größe prüfen", `contains "ö", "ß", "ü"`, "Groesse-pruefen"},
		{"zażółć gęślą", `contains "ż", "ó", "ł" and 4 more`, "zazolc-gesla"},
		{"Отчёт", `contains "О", "т", "ч" and 1 more`, "Otchet"},
		{"要約", `contains "要", "約"`, ""},
		{"report 🚀", `contains "🚀"`, "report"},
		{"a\tb", `contains "\t"`, "a-b"},
		{"e\u0301t", `contains "` + "\u0301" + `"`, "et"},
		{strings.Repeat("x", 1000), "", strings.Repeat("x", 1000)},
		{strings.Repeat("x", 1001), "is 1001 characters long, and 1000 is the limit", strings.Repeat("x", 1001)},
	} {
		if got := TemporalNameProblem(c.name); got != c.problem {
			t.Errorf("%q: got the problem %q, want %q", c.name, got, c.problem)
		}
		if got := ASCIIName(c.name); got != c.near {
			t.Errorf("%q: got the name %q, want %q", c.name, got, c.near)
		}
	}
	if got, want := TemporalNameHint("été"), `, for example "ete"`; !strings.HasSuffix(got, want) {
		t.Errorf("got the hint %q", got)
	}
	if got := TemporalNameHint("要約"); strings.Contains(got, "example") {
		t.Errorf("got the hint %q", got)
	}
}
